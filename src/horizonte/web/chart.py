"""``GET /series/data``: the columns of a chart, side by side over one row of instants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from horizonte.store import browse, charted
from horizonte.store.browse import Row
from horizonte.store.charted import Stretch
from horizonte.store.connection import Connection
from horizonte.web import own_unit, series, window
from horizonte.web.series import Facts
from horizonte.web.window import Window
from horizonte.web.zoom import Zooms

COLUMNS = ("y", "low", "high", "raw", "own", "flag", "past", "past_low", "past_high")
AHEAD = ("mean", "q05", "q10", "q90", "q95", "said")
Values = Mapping[float, Any]


def show(request: Request) -> Response:
    """Answer with what the window asked for holds, at most about a thousand places of it."""
    query, now = request.query_params, request.app.state.now()
    name = series.named(query)
    state = request.app.state
    body = state.database.read(_body, name, query, now=now, zooms=state.zooms)
    return Response(orjson.dumps(body), media_type="application/json")


def aligned(columns: Mapping[str, Values]) -> dict[str, list[Any]]:
    """Return ``columns`` (values by instant) as lists over ``x``, every instant that one of them has."""
    x = sorted({at for values in columns.values() for at in values})
    return {"x": x, **{name: [values.get(at) for at in x] for name, values in columns.items()}}


def _body(
    conn: Connection, name: str, query: Mapping[str, str], *, now: datetime, zooms: Zooms
) -> dict[str, Any]:
    known = series.facts(conn, name, now)
    shown = window.window(query, known.extent)
    width = window.width(shown.end - shown.start, known.step)
    lead = window.lead(query.get("lead"), known.horizon)
    at = Stretch(name, shown.start, shown.end)
    readings = (
        _points(conn, at) if width is None else _places(zooms.buckets(conn, known, at, width))
    )
    columns = readings | _past(conn, known, shown, lead) | _ahead(conn, known, shown, query)
    empty: dict[str, Values] = {name: {} for name in (*COLUMNS, *AHEAD)}
    return {
        **aligned(empty | columns),
        "start": shown.start.timestamp(),
        "end": shown.end.timestamp(),
        "now": known.extent.now.timestamp(),
        "width": width.total_seconds() if width else 0,
        "past_shown": lead is not None and shown.end - shown.start <= window.LONGEST_PAST,
    }


def _points(conn: Connection, at: Stretch) -> dict[str, Values]:
    rows = charted.points(conn, at)
    flags = [row | {"flag": row["quality"]} for row in rows if row["quality"] not in ("ok", None)]
    raw = [row for row in rows if row["raw"] is not None and row["raw"] != row["y"]]
    columns = {"y": _by(rows, "y"), "raw": _by(raw, "raw"), "flag": _by(flags, "flag")}
    return columns | {"own": _own(conn, at, [row for row in raw if row["y"] is None])}


def _own(conn: Connection, at: Stretch, refused: list[Row]) -> Values:
    """Return what was refused in the unit of the series, so that it fits the chart."""
    units = own_unit.conversions(conn, [at.unique_id]) if refused else {}
    seconds = [(row["ds"].timestamp(), row["raw"]) for row in refused]
    return {x: own_unit.converted(y, units, name=at.unique_id, at=x) for x, y in seconds}


def _places(rows: list[Row]) -> dict[str, Values]:
    flagged = [row for row in rows if row["flagged"]]
    columns = {name: _by(rows, name) for name in ("y", "low", "high")}
    return {**columns, "flag": _by(flagged, "flagged")}


def _past(conn: Connection, known: Facts, shown: Window, lead: int | None) -> dict[str, Values]:
    if lead is None or shown.end - shown.start > window.LONGEST_PAST:
        return {}
    at = Stretch(known.unique_id, shown.start, shown.end)
    ahead = timedelta(hours=lead)
    rows = charted.past(conn, at, lead=ahead, slot=max(ahead / 4, known.step))
    pairs = {"past": "mean", "past_low": "low", "past_high": "high"}
    return {column: _by(rows, name) for column, name in pairs.items()}


def _ahead(
    conn: Connection, known: Facts, shown: Window, query: Mapping[str, str]
) -> dict[str, Values]:
    columns: dict[str, Values] = {}
    if known.newest is not None:
        rows = _inside(browse.forecast_rows(conn, known.unique_id, known.newest["run_id"]), shown)
        columns = {name: _by(rows, name) for name in ("mean", "q05", "q10", "q90", "q95")}
    earlier = series.said(conn, known, query.get("said"))
    if earlier is not None:
        rows = _inside(browse.forecast_rows(conn, known.unique_id, earlier["run_id"]), shown)
        columns["said"] = _by(rows, "mean")
    return columns


def _inside(rows: Iterable[Row], shown: Window) -> list[Row]:
    return [row for row in rows if shown.start <= row["ds"] < shown.end]


def _by(rows: Iterable[Row], name: str) -> Values:
    return {row["ds"].timestamp(): row[name] for row in rows}
