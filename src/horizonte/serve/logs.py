"""The logs of the service: JSON on stderr, each line with the request that it belongs to."""

from __future__ import annotations

import logging
import sys

from bentoml.exceptions import BentoMLException
from pydantic import ValidationError

from horizonte import log
from horizonte.serve.exchange import request_id


class RequestIdFilter(logging.Filter):
    """Stamps every log record with the request it belongs to, or null."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add ``request_id`` to ``record``; never drops one."""
        record.request_id = request_id.get()
        return True


def configure_logs(level: str) -> None:
    """Send BentoML's and our logs as JSON to stderr, each record with its request id."""
    log.configure(level=level, as_json=True)
    for handler in logging.getLogger().handlers:
        handler.addFilter(RequestIdFilter())
        handler.addFilter(_is_news)
    for name in ("bentoml", "uvicorn.error", "circus"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)  # the edge logs every answer
    answered = logging.getLogger("horizonte.requests")
    answered.handlers, answered.propagate = [logging.StreamHandler(sys.stderr)], False


def _is_news(record: logging.LogRecord) -> bool:
    """Drop BentoML's trace of a request that was refused for its own mistake."""
    why = record.exc_info[1] if record.exc_info else None
    return not isinstance(why, ValidationError | BentoMLException)
