"""``/whatif?id=``: other values for what is known ahead, and how the forecast moves by them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from horizonte import freq
from horizonte.store import browse
from horizonte.store import series as series_store
from horizonte.store.browse import Row, Span
from horizonte.store.connection import Connection
from horizonte.web import forms, pages, people, series, spark, supposing
from horizonte.web.forms import Form
from horizonte.web.service import Refused

MOST_STEPS = 2_000  # of the horizon
MOST_COVARIATES = 6


def show(request: Request) -> Response:
    """Answer with the values on record of what is known ahead."""
    return _page(request, series.named(request.query_params), {})


def _ask(request: Request, form: Form) -> Response:
    """Answer with the forecast that the form's values lead to, beside the one without them."""
    return _page(request, series.named(form), form)


ask = forms.posted(_ask)


def _page(request: Request, name: str, form: Form) -> Response:
    page = pages.page(request)
    found = pages.part(lambda: request.app.state.database.read(_facts, name))
    result = _result(request, name, found.value, form) if found.value and form else {}
    status = 503 if found.missing else 422 if result.get("refused") else 200
    return pages.html(
        page, "whatif.html.j2", status, name=name, found=found, form=form, result=result
    )


def _facts(conn: Connection, name: str) -> dict[str, Any]:
    """Return the series, what is known ahead of it over its newest forecast, and the form's rows."""
    known = series_store.known(conn, [name])
    if name not in known:
        raise HTTPException(404)
    row = known[name]
    vintages = browse.vintages(conn, name, Span(1), purposes=["live"])
    every = series_store.known(conn, row["covariates"])
    ahead = [every[c] for c in row["covariates"] if every[c]["known_ahead_hours"] > 0]
    ahead = ahead[:MOST_COVARIATES] if vintages else []
    values = {one["unique_id"]: _values(conn, one, vintages[0]) for one in ahead}
    table = supposing.lines(list(values.values()), row["zone"]) if values else []
    return {
        "row": row,
        "vintage": vintages[0] if vintages else None,
        "covariates": ahead,
        "values": values,
        "table": table,
    }


def _values(conn: Connection, covariate: Row, vintage: Row) -> dict[datetime, float | None]:
    """Return the covariate at every instant of its grid after the cutoff, None where nothing is known."""
    step = freq.step(covariate["freq"]).to_pytimedelta()
    last = vintage["last_ds"]
    span = Span(
        MOST_STEPS, vintage["cutoff"] + timedelta(microseconds=1), last + timedelta(microseconds=1)
    )
    said = {
        r["ds"]: r["y"] for r in browse.readings(conn, covariate["unique_id"], span, as_of=None)
    }
    known: dict[datetime, float | None] = {}
    at = _first(vintage["cutoff"], step)
    while at <= last and len(known) < MOST_STEPS:
        known[at] = said.get(at)
        at += step
    return known


def _first(cutoff: datetime, step: timedelta) -> datetime:
    """Return the first instant of a grid from 1970 after ``cutoff``."""
    since = datetime.fromtimestamp(0, cutoff.tzinfo)
    return cutoff - (cutoff - since) % step + step


def _result(request: Request, name: str, facts: dict[str, Any], form: Form) -> dict[str, Any]:
    """Return both forecasts row by row, or why there is none."""
    try:
        what = supposing.supposed(facts["table"], facts["values"], form)
    except ValueError as why:
        return {"wrong": str(why)}
    service, key = request.app.state.service, people.key(request)
    try:
        plain = service.read("POST", "/forecast", key=key, json={"series": name})["forecasts"][0]
        what = _within(what, plain)
        if not what:
            return {"same": True}
        asked = supposing.body(name, what)
        moved = service.read("POST", "/forecast", key=key, json=asked)["forecasts"][0]
    except Refused as why:
        return {"refused": why}
    return _beside(plain["rows"], moved["rows"]) | {"plain": plain, "moved": moved, "what": what}


def _within(what: Any, plain: dict[str, Any]) -> dict[str, dict[datetime, float]]:
    """Return what lies after the cutoff that the service forecasts from: more may have come meanwhile."""
    cutoff = datetime.fromisoformat(plain["cutoff"])
    left = {name: {ds: v for ds, v in rows.items() if ds > cutoff} for name, rows in what.items()}
    return {name: rows for name, rows in left.items() if rows}


def _beside(plain: list[dict[str, Any]], moved: list[dict[str, Any]]) -> dict[str, Any]:
    rows = [
        {"ds": datetime.fromisoformat(a["ds"]), "plain": a["mean"], "moved": b["mean"],
         "low": b["q10"], "high": b["q90"], "change": b["mean"] - a["mean"]}
        for a, b in zip(plain, moved, strict=True)
    ]  # fmt: skip
    points = [
        {"x": i, "y": r["plain"], "mean": r["moved"], "low": r["low"], "high": r["high"]}
        for i, r in enumerate(rows)
    ]
    change = sum(r["change"] for r in rows) / len(rows)
    return {"rows": rows, "drawn": spark.outlines(points, places=len(points)), "change": change}
