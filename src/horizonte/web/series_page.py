"""``GET /series?id=``: one series with its chart, accuracy, vintages and downloads."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from horizonte.model.metrics import ALL
from horizonte.monitor.accuracy import accuracy
from horizonte.store import mature, promotions
from horizonte.store.connection import Connection
from horizonte.web import notes_page, pages, series, window
from horizonte.web.overview import patience

CHART = "chart"  # texts of the chart's script, below this group


def show(request: Request) -> Response:
    """Answer with the page; parts that cannot be had say so."""
    page, query = pages.page(request), request.query_params
    name, database = series.named(query), request.app.state.database
    found = pages.part(lambda: database.read(_facts, name, query, page.now))
    scored = pages.part(lambda: database.read(_accuracy, name))
    return pages.html(
        page,
        "series.html.j2",
        200 if found.missing is None else 503,
        name=name,
        found=found,
        scored=scored,
        noted=pages.part(lambda: database.read(notes_page.in_force, name)),
        asked_said=query.get("said"),
        ranges=tuple(window.RANGES),
        words=page.t.under(CHART) | page.t.under("quality"),
    )


def _facts(conn: Connection, name: str, query: QueryParams, now: datetime) -> dict[str, Any]:
    known = series.facts(conn, name, now)
    silence, newest = known.silence, known.newest
    age = None if newest is None else max(known.extent.now - newest["as_of"], timedelta(0))
    return {
        "known": known,
        "shown": window.window(query, known.extent),
        "silence": silence,
        "silent": silence is None or silence > _late(known),
        "age": age,
        "outdated": age is not None and age > _late(known),
        "leads": window.leads(known.horizon),
        "lead": window.lead(query.get("lead"), known.horizon),
        "said": series.said(conn, known, query.get("said")),
    }


def _late(known: series.Facts) -> timedelta:
    return patience(known.step, known.row["publication_lag_seconds"])


def _accuracy(conn: Connection, name: str) -> list[dict[str, Any]]:
    """Return the accuracy of the serving version by lead time; of the newest scored without it."""
    rows = accuracy(mature.read(conn, [name]))
    serving = promotions.current_promotion(conn)
    own = rows[rows["model_version"] == serving.sha256] if serving else rows.iloc[:0]
    if own.empty:
        own = rows[rows["model_version"] == rows["model_version"].max()]
    order = own["bucket"].eq(ALL).map({True: 1, False: 0})
    found = own.assign(order=order).sort_values(["order", "bucket"]).to_dict("records")
    return [
        {str(k): v for k, v in one.items()} | {"skill": _skill(one["mae"], one["naive_mae"])}
        for one in found
    ]


def _skill(ours: float, naive: float) -> float | None:
    return 1 - ours / naive if naive == naive and naive > 0 else None  # noqa: PLR0124 (not NaN)
