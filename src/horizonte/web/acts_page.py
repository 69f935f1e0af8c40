"""Promote, roll back, retrain: each says what will happen, asks for a reason, and shows what came of it."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from horizonte.store import promotions
from horizonte.store.connection import Connection
from horizonte.web import board, forms, models_page, pages, people
from horizonte.web.forms import Form

ACTIONS = ("retrain", "recalibrate")
LONGEST_WHY = 1_000  # what the service takes


def promote(request: Request) -> Response:
    """Ask whether a version is to serve, beside the one that does."""
    asked = models_page.named(request.path_params["version"])
    return _ask(request, "promote", lambda conn: _move(conn, asked))


def roll_back(request: Request) -> Response:
    """Ask whether the champion before, or the former one in ``to``, is to serve again."""
    asked = request.query_params.get("to")
    return _ask(
        request, "rollback", lambda conn: _move(conn, asked or models_page.target(conn) or "")
    )


def retrain(request: Request) -> Response:
    """Ask whether a challenger is to be trained."""
    return _ask(request, "retrain", _queue)


def _promoted(request: Request, form: Form) -> Response:
    path = f"/models/{models_page.named(request.path_params['version'])}/promote"
    return _moved(request, path, {"why": _why(form), "over": form.get("over") or None})


def _rolled_back(request: Request, form: Form) -> Response:
    body = {"why": _why(form), "to": form.get("to"), "over": form.get("over") or None}
    return _moved(request, "/models/rollback", body)


def _retrained(request: Request, form: Form) -> Response:
    action = form.get("action", "")
    if action not in ACTIONS:
        raise HTTPException(400)
    made = _told(request, "/retrain", {"why": _why(form), "action": action})
    return forms.done(f"/models/retrainings/{made['run_id']}")


promoted, rolled_back = forms.posted(_promoted), forms.posted(_rolled_back)
retrained = forms.posted(_retrained)


def _moved(request: Request, path: str, body: dict[str, Any]) -> Response:
    return forms.done(f"/models/promotions/{_told(request, path, body)['promotion_id']}")


def _told(request: Request, path: str, body: dict[str, Any]) -> dict[str, Any]:
    key = people.required(request).key
    answer: dict[str, Any] = request.app.state.service.ask("POST", path, key=key, json=body)
    return answer


def _why(form: Form) -> str:
    why = form.get("why", "").strip()
    if not 0 < len(why) <= LONGEST_WHY:
        raise HTTPException(400)
    return why


def _ask(request: Request, act: str, ask: Any) -> Response:
    page = pages.page(request)
    found = pages.part(lambda: request.app.state.database.read(ask))
    return pages.html(
        page,
        "act.html.j2",
        200 if found.missing is None else 503,
        act=act,
        found=found,
        longest=LONGEST_WHY,
        actions=ACTIONS,
        who=pages.part(lambda: people.actor(request)),
    )


def _move(conn: Connection, asked: str) -> dict[str, Any]:
    """Return the lines of the champion and of the version that would replace it."""
    current = promotions.current_promotion(conn)
    found = models_page.lines(conn)
    wanted = [one for one in found if one.version == asked]
    now = [one for one in found if one.state == board.CHAMPION]
    possible = bool(wanted) and wanted[0].row is not None and wanted != now
    return {"possible": possible, "lines": now + wanted, "to": asked, "current": current}


def _queue(conn: Connection) -> dict[str, Any]:
    return {"possible": True, "waiting": models_page.waiting(conn), "current": None}
