"""The web app, for people who look: an ASGI process of its own that only reads."""
