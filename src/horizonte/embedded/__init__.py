"""PostgreSQL, S3 and MQTT out of the Python environment, on loopback, as whoever starts them."""
