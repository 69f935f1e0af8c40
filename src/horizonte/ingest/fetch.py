"""One HTTP answer, asked for patiently and bounded in bytes and time; secrets stay unsaid."""

from __future__ import annotations

import logging
import os
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from horizonte.errors import ConfigFault, DataFault, Fault

TRIES = 5
MAX_BYTES = 1 << 24  # of one page
MAX_SECONDS = 120.0  # of one answer, however slowly it drips
LONGEST_WAIT = 300.0  # that a server may ask for
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_NAME = re.compile(r"\$(\w+)")
log = logging.getLogger(__name__)


class Unreachable(Fault):
    """An endpoint that gives no usable answer."""


class Page(NamedTuple):
    """What an endpoint answered: 200 with a body, 204 or 304 without."""

    status: int
    body: bytes
    headers: httpx.Headers


@dataclass(frozen=True)
class Client:
    """Asks endpoints: ``wait`` sleeps (and says true to give up), ``chance`` draws the jitter."""

    http: httpx.Client
    wait: Callable[[float], bool | None] = time.sleep
    chance: Callable[[], float] = field(default=random.random)

    def get(self, url: str, headers: Mapping[str, str]) -> Page:
        """Return the answer of ``url``; ask again when it is busy or the network fails.

        Waits twice as long each time, or as long as Retry-After says. Raises Unreachable, which
        shows the address without user and query, after TRIES or for any other status.
        """
        said: object = None
        for turn in range(TRIES):
            try:
                page = self._once(url, headers)
                if page.status in (200, 204, 304):
                    return page
                said, pause = f"HTTP {page.status}", _asked(page.headers)
                if page.status not in _BUSY:
                    raise _refused(url, page.status)
            except httpx.InvalidURL:
                raise DataFault(shown(url), "unreadable", "a URL", "ask its operator") from None
            except httpx.HTTPError as why:
                said, pause = f"{type(why).__name__}", None
            delay = pause if pause is not None else 0.5 * 2**turn * (0.5 + self.chance() / 2)
            log.warning("pull: %s said %s, try %d of %d", shown(url), said, turn + 1, TRIES)
            if turn + 1 == TRIES or delay > LONGEST_WAIT or self.wait(delay):
                break
        raise Unreachable(shown(url), said, "an answer", "is it up? the next pull asks again")

    def _once(self, url: str, headers: Mapping[str, str]) -> Page:
        began, body = time.monotonic(), bytearray()
        with self.http.stream("GET", url, headers=dict(headers)) as answer:
            for part in answer.iter_bytes():
                body += part
                if len(body) > MAX_BYTES:
                    allowed = f"at most {MAX_BYTES:,} bytes a page"
                    raise DataFault(shown(url), "more", allowed, "ask for smaller pages")
                if time.monotonic() - began > MAX_SECONDS:
                    raise httpx.ReadTimeout("too slow")
        return Page(answer.status_code, bytes(body), answer.headers)


def client(*, wait: Callable[[float], bool | None] = time.sleep) -> Client:
    """Return a client with timeouts that follows no redirect to places nobody declared."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole addresses, keys included
    return Client(httpx.Client(timeout=httpx.Timeout(30.0, connect=10.0)), wait)


def headers_of(declared: Mapping[str, str]) -> dict[str, str]:
    """Return the headers to send, $NAME replaced from the environment.

    Raises ConfigFault, which names the variable and not its value, where there is none.
    """

    def value(found: re.Match[str]) -> str:
        if found[1] not in os.environ:
            fix = "export it where horizonte pull runs"
            raise ConfigFault(f"environment variable {found[1]}", None, "set", fix)
        return os.environ[found[1]]

    return {name: _NAME.sub(value, text) for name, text in declared.items()}


def shown(url: str) -> str:
    """Return ``url`` as it may be logged: without user, password and query."""
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{where}{parts.path}"


def _asked(headers: httpx.Headers) -> float | None:
    """Return the seconds that Retry-After asks for, None where it says nothing readable."""
    text = headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text)
    try:
        until, now = (parsedate_to_datetime(t) for t in (text, headers["date"]))
        return max(0.0, (until - now).total_seconds())
    except (ValueError, KeyError, TypeError):
        return None


def _refused(url: str, status: int) -> Unreachable:
    fix = {
        401: "check the headers of the endpoint in sources.yaml",
        403: "check the headers of the endpoint in sources.yaml",
        404: "correct the url of the endpoint in sources.yaml",
    }.get(status, "declare where it has moved to" if status // 100 == 3 else "ask its operator")
    return Unreachable(shown(url), f"HTTP {status}", "200, 204 or 304", fix)
