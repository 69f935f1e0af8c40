"""PostgreSQL and S3 that come with the Python environment, on loopback, as whoever starts them."""
