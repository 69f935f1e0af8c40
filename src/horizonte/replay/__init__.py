"""Recordings as live sources: devices that publish to a broker, or an API that grows with time."""

from horizonte.replay.http import Trouble
from horizonte.replay.play import run, serve_http

__all__ = ["Trouble", "run", "serve_http"]
