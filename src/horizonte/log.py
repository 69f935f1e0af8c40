"""Logs are events with facts: one JSON object a line in services, plain text in a terminal."""

from __future__ import annotations

import logging
import sys


def configure(*, level: str = "INFO", as_json: bool | None = None) -> None:
    """Send all logs to stderr, as JSON unless stderr is a terminal (or as ``as_json`` says).

    Called by entry points only: nothing is configured or logged at import.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(not sys.stderr.isatty() if as_json is None else as_json))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("cmdstanpy", "botocore", "urllib3", "prophet"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _formatter(as_json: bool) -> logging.Formatter:
    if not as_json:
        return logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    from pythonjsonlogger.json import JsonFormatter

    return JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(message)s",
        rename_fields={"asctime": "time", "levelname": "level"},
    )
