"""``/models`` and ``/models/versions/{version}``: the leaderboard, and all that is known of one version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from horizonte.serve.lineage import Move, before
from horizonte.store import browse, browse_loop, leaderboard, promotions, retrainings
from horizonte.store.connection import Connection
from horizonte.web import board, pages, people

MOVES = 100
FACTS = ("params", "libraries", "intended_use", "limits")


def show(request: Request) -> Response:
    """Answer with every version, the best first, and what the loop decided last."""
    page = pages.page(request)
    found = pages.part(lambda: request.app.state.database.read(_whole))
    return pages.html(
        page, "models.html.j2", 200 if found.missing is None else 503, found=found, days=28
    )


def version(request: Request) -> Response:
    """Answer with card, lineage, scores, gates and promotions of one version."""
    page = pages.page(request)
    asked = named(request.path_params["version"])
    found = pages.part(lambda: request.app.state.database.read(known, asked))
    return pages.html(
        page,
        "version.html.j2",
        200 if found.missing is None else 503,
        found=found,
        version=asked,
        who=pages.part(lambda: people.actor(request)),
    )


def named(text: str) -> str:
    """Return ``text`` if it can be the name of a version; raise 404 otherwise."""
    if not (text.isascii() and text.isalnum() and len(text) <= 64):
        raise HTTPException(404)
    return text


def lines(conn: Connection) -> list[board.Line]:
    """Return the leaderboard."""
    return board.lines(
        leaderboard.versions(conn),
        scores=leaderboard.scores(conn),
        gates=leaderboard.gates(conn),
    )


def line(conn: Connection, version: str) -> board.Line:
    """Return the line of one version, which begins with ``version``; raise 404 for none or several."""
    found = [one for one in lines(conn) if one.version.startswith(version)]
    exact = [one for one in found if one.version == version]
    if len(exact or found) != 1:
        raise HTTPException(404)
    return (exact or found)[0]


def target(conn: Connection) -> str | None:
    """Return the version that a rollback goes to, or None."""
    past = promotions.promotions(conn)[["sha256", "kind"]]
    return before(Move(*move) for move in past.itertuples(index=False, name=None))


def waiting(conn: Connection) -> browse.Row | None:
    """Return the request to the worker that comes to its turn next, or None."""
    found = retrainings.waiting(conn)
    return browse_loop.retraining(conn, found.id) if found else None


def known(conn: Connection, asked: str) -> dict[str, Any]:
    """Return what the ledger holds of a version: ``line``, card, scores, gates and promotions."""
    own = line(conn, asked)
    registered = browse.model(conn, own.version)
    card = dict(registered[0]["card"]) if registered else {}
    return {
        "line": own,
        "card": {name: card[name] for name in FACTS if name in card},
        "trained": card.get("scores", {}),
        "from": (card.get("recalibrated") or {}).get("from"),
        "live": leaderboard.scores(conn, own.version),
        "gates": leaderboard.gates(conn, own.version),
        "promotions": leaderboard.promotions(conn, limit=MOVES, version=own.version),
        "run": _run(conn, own.version),
        "back": target(conn) if own.state == board.CHAMPION else None,
    }


def _whole(conn: Connection) -> Mapping[str, Any]:
    newest = browse_loop.verdicts(conn, before=None, limit=1)
    return {
        "lines": lines(conn),
        "verdict": newest[0] if newest else None,
        "waiting": waiting(conn),
        "back": target(conn),
    }


def _run(conn: Connection, version: str) -> Mapping[str, Any] | None:
    """Return the retraining that made ``version``, with the verdict that asked for it; or None."""
    held = [g for g in leaderboard.gates(conn, version) if g["challenger"] == version]
    numbers = [gate["run_id"] for gate in held if gate["run_id"] is not None]
    return browse_loop.retraining(conn, numbers[-1]) if numbers else None
