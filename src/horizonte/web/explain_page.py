"""``GET /series/explain?id=``: what drove the forecast of a series, and what changed since one before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

from horizonte.web import pages, people, series
from horizonte.web.service import Refused

NOTHING = 1e-9  # of the forecast's size, below which an effect is none
HALF = 60.0  # width of a bar that reaches the edge
_KINDS = ("last_day", "last_week", "older", "holidays", "annotations", "staleness", "covariate")


class Bar(NamedTuple):
    """One line: what it is, what it adds, and its bar from ``x`` on, ``width`` wide."""

    name: str
    subjects: Sequence[str]
    value: float
    share: float | None
    x: float
    width: float


def show(request: Request) -> Response:
    """Answer with the explanation that the service computes now, as tables; it stores nothing."""
    page, query = pages.page(request), request.query_params
    name = series.named(query)
    refused: Refused | None = None
    try:
        found = pages.part(lambda: _told(request, name, query.get("since")))
    except Refused as why:
        refused, found = why, pages.Part(None)
    status = refused.status if refused else 503 if found.missing else 200
    return pages.html(
        page, "explain.html.j2", status, name=name, found=found, refused=refused, half=HALF
    )


def told(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page shows of an answer of ``GET /explain``."""
    mean = sum(answer["mean"]) / len(answer["mean"])
    least = NOTHING * max(map(abs, answer["mean"]), default=0.0)
    drivers = [
        (one["kind"] if one["kind"] in _KINDS else "other", one["subjects"], one["effect"]["mean"])
        for one in answer["drivers"]
        if one["effect"]["size"] > least
    ]
    return {
        "answer": answer,
        "mean": mean,
        "cutoff": datetime.fromisoformat(answer["cutoff"]),
        "horizon": _span(answer["horizon"]),
        "drivers": bars(drivers, of=mean),
        "still": [one for one in answer["drivers"] if one["effect"]["size"] <= least],
        "changed": _changed(answer["changed"], least) if answer["changed"] else None,
    }


def bars(lines: Iterable[tuple[str, Sequence[str], float]], *, of: float | None) -> list[Bar]:
    """Return ``lines`` (name, subjects, value) with bars on one scale; ``of`` is what shares are of."""
    rows = list(lines)
    most = max((abs(value) for _, _, value in rows), default=0.0) or 1.0
    share = [abs(value / of) if of and abs(of) > abs(value) / 10 else None for *_, value in rows]
    return [
        Bar(name, subjects, value, part, HALF + min(value, 0.0) / most * HALF, abs(value) / most * HALF)
        for (name, subjects, value), part in zip(rows, share, strict=True)
    ]  # fmt: skip


def _changed(changed: Mapping[str, Any], least: float) -> dict[str, Any]:
    parts = [(p["name"], (), p["average"]) for p in changed["parts"] if abs(p["average"]) > least]
    return {
        **changed,
        "issued_at": datetime.fromisoformat(changed["issued_at"]),
        "cutoff": datetime.fromisoformat(changed["cutoff"]),
        "moved": _span(changed["cutoff_moved"]),
        "bars": bars(parts, of=None),
        "none": abs(changed["total"]["average"]) <= least,
    }


def _told(request: Request, name: str, since: str | None) -> dict[str, Any]:
    given = {"since": since} if since and since.isascii() and since.isdigit() else {}
    path = f"/explain/{quote(name, safe='/')}"
    service = request.app.state.service
    return told(service.read("GET", path, key=people.key(request), params=given))


def _span(iso: str) -> timedelta:
    span: timedelta = pd.Timedelta(iso).to_pytimedelta()
    return span
