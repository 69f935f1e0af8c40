"""``GET /``: every target at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from horizonte.store import alarms, moments
from horizonte.store import overview as store
from horizonte.store.browse import Row
from horizonte.store.connection import Connection
from horizonte.web import overview, own_unit, pages, spark
from horizonte.web.language import Texts
from horizonte.web.overview import Asked, Line
from horizonte.web.spark import Spark

PLACES = store.POINTS * 3 // 2


def show(request: Request) -> Response:
    """Answer with the lines that the address asks for."""
    page = pages.page(request)
    asked = Asked.of(request.query_params)
    database = request.app.state.database
    found = pages.part(lambda: database.read(_whole, asked, page.t))
    heard = request.app.state.hub.newest() if found.missing else []
    return pages.html(
        page,
        "overview.html.j2",
        200 if found.missing is None else 503,
        asked=asked,
        found=found,
        heard=heard,
        places=PLACES,
    )


def _whole(conn: Connection, asked: Asked, t: Texts) -> dict[str, Any]:
    raised = [(row.thing, t.sentence(row)) for row in alarms.raised(conn)]
    units = own_unit.conversions(conn)
    rows = [_converted(row, units) for row in store.targets(conn)]
    every = overview.lines(rows, clocks=moments.now(conn), alarms=raised)
    left = overview.selected(every, asked)
    shown, page, pages_ = overview.paged(left, asked)
    named = {line.unique_id for line in every} | {str(line.row["source"]) for line in every}
    return {
        "lines": [(line, drawn) for line, drawn in zip(shown, _drawn(conn, shown), strict=True)],
        "every": len(every),
        "left": len(left),
        "page": page,
        "pages": pages_,
        "alarms": [sentence for thing, sentence in raised if thing not in named],
    }


def _converted(row: Row, units: own_unit.Conversions) -> Row:
    if row["last_ds"] is None or row["unique_id"] not in units:
        return row
    at = row["last_ds"].timestamp()
    y = own_unit.converted(row["last_y"], units, name=row["unique_id"], at=at)
    return row | {"last_y": y}


def _drawn(conn: Connection, shown: Sequence[Line]) -> list[Spark | None]:
    rows = [line.row for line in shown]
    points = store.sparks(conn, rows)
    return [spark.outlines(points[row["unique_id"]], places=PLACES) for row in rows]
