"""``/models/verdicts``, ``…/retrainings``, ``…/promotions``: the loop's ledger, newest first, and its entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from horizonte.store import browse_loop, leaderboard, promotions, series
from horizonte.store.connection import Connection
from horizonte.web import pages, people, verdict
from horizonte.web.language import Texts
from horizonte.web.window import instant

PAGE = 50
MOST_ROWS = 200  # of a table of a verdict: nobody reads further
LISTS: dict[str, Callable[..., list[dict[str, Any]]]] = {
    "verdicts": browse_loop.verdicts,
    "retrainings": browse_loop.retrainings,
    "promotions": leaderboard.promotions,
}


def entries(request: Request) -> Response:
    """Answer with a page of one of LISTS; ``before`` in the address goes back in time."""
    page, kind = pages.page(request), request.path_params["kind"]
    if kind not in LISTS:
        raise HTTPException(404)
    asked = request.query_params.get("before")
    before = number(asked) if asked else None
    found = pages.part(
        lambda: request.app.state.database.read(LISTS[kind], before=before, limit=PAGE + 1)
    )
    rows = found.value or []
    return pages.html(
        page,
        f"{kind}.html.j2",
        200 if found.missing is None else 503,
        found=found,
        rows=rows[:PAGE],
        older=rows[PAGE - 1]["id"] if len(rows) > PAGE else None,
        told=lambda key: told(page.t, key),
    )


def one_verdict(request: Request) -> Response:
    """Answer with a verdict: what was compared and named, by which policy, and what came of it."""
    return _one(request, "verdict.html.j2", _verdict)


def evidence(request: Request) -> Response:
    """Answer with all that a verdict was decided from, as JSON."""
    asked = number(request.path_params["number"])
    row = request.app.state.database.read(browse_loop.verdict, asked)
    if row is None:
        raise HTTPException(404)
    whole = {name: row[name] for name in ("evidence", "policy", "drift", "findings")}
    body = orjson.dumps(whole, option=orjson.OPT_INDENT_2)
    return Response(body, media_type="application/json")


def one_retraining(request: Request) -> Response:
    """Answer with a request to the worker: its steps and what the gate said."""
    return _one(request, "retraining.html.j2", _retraining)


def one_promotion(request: Request) -> Response:
    """Answer with a move of the pointer: why, its gain, and whether the service has followed."""
    return _one(request, "promotion.html.j2", _promotion, served=lambda: _served(request))


def number(text: str) -> int:
    """Return the number of an entry; raise 404 for what can be none."""
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise HTTPException(404)
    return int(text)


def told(t: Texts, key: str) -> str:
    """Return a trigger or a brake of the ledger, such as ``skill decay: vic/demand_mw``, in words."""
    kind, _, rest = key.partition(": ")
    return f"{t.named('loop_word', kind)}: {told(t, rest)}" if rest else t.named("loop_word", kind)


def _one(
    request: Request,
    template: str,
    ask: Callable[[Connection, int], Mapping[str, Any] | None],
    **given: Callable[[], Any],
) -> Response:
    page = pages.page(request)
    asked = number(request.path_params["number"])
    found = pages.part(lambda: request.app.state.database.read(ask, asked))
    if found.missing is None and found.value is None:
        raise HTTPException(404)
    parts = {name: pages.part(call) for name, call in given.items()}
    return pages.html(
        page,
        template,
        200 if found.missing is None else 503,
        number=asked,
        found=found,
        told=lambda key: told(page.t, key),
        most=MOST_ROWS,
        **parts,
    )


def _verdict(conn: Connection, asked: int) -> Mapping[str, Any] | None:
    row = browse_loop.verdict(conn, asked)
    if row is None:
        return None
    known = series.known(conn, [one["unique_id"] for one in row["findings"]])
    zones = {name: facts["zone"] for name, facts in known.items()}
    return row | {
        "conversions": verdict.conversions(row["evidence"], zones),
        "targets": verdict.targets(row["evidence"]),
        "drift": sorted(row["drift"], key=lambda one: one["status"] != "drift"),
        "known": verdict.known(row["evidence"]),
        "runs": browse_loop.asked_by(conn, asked),
    }


def _retraining(conn: Connection, asked: int) -> Mapping[str, Any] | None:
    row = browse_loop.retraining(conn, asked)
    return row and row | {
        "gate": leaderboard.gate_of(conn, asked),
        "steps": [one | {"detail": _dated(one["detail"])} for one in row["steps"]],
    }


def _dated(detail: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of a step with its pin as an instant."""
    return detail | ({"as_of": instant(str(detail["as_of"]))} if "as_of" in detail else {})


def _promotion(conn: Connection, asked: int) -> Mapping[str, Any] | None:
    row = leaderboard.promotion(conn, asked)
    current = promotions.current_promotion(conn)
    return row and row | {"current": current is not None and current.id == asked}


def _served(request: Request) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = request.app.state.service.read(
        "GET", "/models/current", key=people.key(request)
    )
    return answer
