"""The web app, for people who look: an ASGI process of its own that reads; the service does the rest."""
