"""One request while it is answered: its id, and what is learnt of it on the way."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field

from starlette.types import Message, Scope

from horizonte.serve import metrics
from horizonte.serve.schemas import SeriesForecast

EDGE = "horizonte.edge"  # in a scope: the exchange of the edge that it has passed already
_SAFE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_SERVED = {"/", "/forecast", "/livez", "/readyz", "/healthz", "/metrics"}
_ASSETS = "/static_content/"
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@dataclass(slots=True)
class About:
    """What an answer is about, where that is known: all of it may stay empty."""

    series: str | None = None
    series_count: int = 0
    model_version: str | None = None
    origin: str | None = None
    degraded: str | None = None
    key_id: str | None = None


@dataclass(slots=True)
class Exchange:
    """What is known of one request while it is answered."""

    id: str
    scope: Scope
    at: float = field(default_factory=time.time)  # seconds since 1970
    began: float = field(default_factory=time.perf_counter)
    body: bytearray = field(default_factory=bytearray)
    complete: bool = False  # the whole body has come
    status: int = 0
    sent: int = 0  # bytes of the answer's body
    held: Message | None = None
    answer: bytearray = field(default_factory=bytearray)
    problem: str | None = None
    route: str | None = None
    about: About = field(default_factory=About)


def of(scope: Scope) -> Exchange:
    """Return the exchange of a request that begins now, under its own id when that is safe."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            asked = value.decode("latin-1")
            return Exchange(asked if _SAFE_ID.fullmatch(asked) else new_id(), scope)
    return Exchange(new_id(), scope)


def new_id() -> str:
    """Return an id that no other request has."""
    return os.urandom(16).hex()


def note_answer(forecasts: Sequence[SeriesForecast]) -> None:
    """Say which forecasts answer the running request, and count them."""
    for one in forecasts:
        metrics.forecast(one.model_version, one.origin, one.degraded)
    exchange = current.get()
    if exchange is None or not forecasts:
        return
    about, first = exchange.about, forecasts[0]
    about.series, about.series_count = first.unique_id, len(forecasts)
    about.model_version = first.model_version
    about.origin = _common(one.origin for one in forecasts)
    about.degraded = _common(one.degraded for one in forecasts)


def note_problem(kind: str) -> None:
    """Say as which problem the running request is answered."""
    if exchange := current.get():
        exchange.problem = kind


def _common(values: Iterable[str | None]) -> str | None:
    """Return the one value that all have, the only one that some have, or that they differ."""
    found = {value for value in values if value is not None}
    return "several" if len(found) > 1 else next(iter(found), None)


def route_of(exchange: Exchange) -> str:
    """Return the template that answered, of which there are few; ``other`` when none did."""
    if exchange.route is not None:
        return exchange.route
    path = exchange.scope["path"]
    if route := getattr(exchange.scope.get("route"), "path", None):
        return str(route).replace(":path}", "}")
    if path in _SERVED:
        return str(path)
    return _ASSETS if path.startswith(_ASSETS) else "other"
