"""The log line of a request: written by hand, since the usual formatter takes longer than the answer."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted

from horizonte.store.telemetry import RequestRow

logger = logging.getLogger("horizonte.requests")


class Lines:
    """Logs rows as JSON lines, those of one turn of the event loop in one write."""

    def __init__(self) -> None:
        """Begin with nothing to write."""
        self._waiting: list[str] = []

    def add(self, row: RequestRow) -> None:
        """Log ``row`` at the end of this turn; to be called on the event loop."""
        if not logger.isEnabledFor(logging.INFO):
            return
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._write)
        self._waiting.append(line(row))

    def _write(self) -> None:
        text = "\n".join(self._waiting)
        self._waiting.clear()
        logger.info(text)


def line(row: RequestRow) -> str:
    """Return ``row`` as one JSON object, without what is not known; the time is UTC."""
    second, micro = divmod(row.at, 1_000_000)
    return (
        f'{{"time": "{_time(second)}.{micro // 1000:03}", "level": "INFO", "message": "answered", '
        f'"request_id": "{row.request_id}", "method": "{row.method}", "route": "{row.route}", '
        f'"path": {quoted(row.path)}, "status": {row.status}, "milliseconds": {row.milliseconds}, '
        f'"bytes": {row.bytes}{_about(row[8:-1])}}}'
    )


@lru_cache(maxsize=2)
def _time(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(second))


@lru_cache(maxsize=4096)
def _about(values: tuple[str | int | None, ...]) -> str:
    known = (pair for pair in zip(_ABOUT, values, strict=True) if pair[1])
    return "".join(f', "{k}": {quoted(v) if isinstance(v, str) else v}' for k, v in known)


_ABOUT = RequestRow._fields[8:-1]
