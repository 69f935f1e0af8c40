"""Horizonte: forecasts in production that keep their own models honest."""

__version__ = "0.1.0"
