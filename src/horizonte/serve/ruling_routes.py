"""The routes of those who rule: which key asks, and moves of the pointer by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from fastapi import FastAPI, Request

from horizonte.errors import NotFound
from horizonte.serve import moves
from horizonte.serve import schemas_moves as schemas
from horizonte.serve.exchange import EDGE
from horizonte.serve.schemas_out import PromotionEntry
from horizonte.store import keys
from horizonte.store.connection import Connection
from horizonte.store.promotions import Promotion

if TYPE_CHECKING:
    from horizonte.serve.answers import Answers


def add(app: FastAPI) -> None:
    """Add the routes; moves need a key of scope admin where there are keys."""
    app.get("/keys/current", tags=["service"])(current_key)
    app.post("/models/rollback", tags=["models"], openapi_extra=_shown(schemas.ROLLBACK_EXAMPLE))(
        roll_back
    )
    app.post(
        "/models/{version}/promote", tags=["models"], openapi_extra=_shown(schemas.PROMOTE_EXAMPLE)
    )(promote)


def current_key(request: Request) -> schemas.CurrentKey:
    """Say which key asks and what it may do."""
    key_id = key_of(request)
    if key_id is None:
        return schemas.CurrentKey(id=None, scopes=list(keys.SCOPES), note=None, expires_at=None)
    return _answers(request).read(_key, key_id)


def promote(request: Request, version: str, asked: schemas.PromoteRequest) -> schemas.Promoted:
    """Make a registered version the champion without asking the gate; 8 digits of it are enough."""
    given: dict[str, Any] = {"why": asked.why, "by": by(request), "over": asked.over}
    return _told(_answers(request).read(lambda conn: moves.promote(conn, version, **given)))


def roll_back(request: Request, asked: schemas.RollbackRequest) -> schemas.Promoted:
    """Make the champion before the present one serve again, or another that is named."""
    given: dict[str, Any] = asked.model_dump() | {"by": by(request)}
    try:
        return _told(_answers(request).read(lambda conn: moves.rollback(conn, **given)))
    except moves.NoFormer:
        raise moves.NoFormer('"to" in the body, with one of GET /models') from None


def by(request: Request) -> str:
    """Return who asks, as the ledger says it."""
    key_id = key_of(request)
    return f"key {key_id}" if key_id else "service"


def key_of(request: Request) -> str | None:
    """Return the id of the key that ``request`` was let in with, or None."""
    key_id: str | None = request.scope[EDGE].about.key_id if EDGE in request.scope else None
    return key_id


def _key(conn: Connection, key_id: str) -> schemas.CurrentKey:
    for key in keys.active(conn):
        if key.id == key_id:
            return schemas.CurrentKey(
                id=key.id,
                scopes=list(keys.included(key.scopes)),
                note=key.note,
                expires_at=key.expires_at,
            )
    raise NotFound("key", key_id, "active any more", "use another")


def _told(row: Promotion) -> schemas.Promoted:
    facts = {name: getattr(row, name) for name in PromotionEntry.model_fields}
    return schemas.Promoted(promotion_id=row.id, model_version=row.sha256, **facts)


def _shown(example: dict[str, str]) -> dict[str, Any]:
    return {"requestBody": {"content": {"application/json": {"example": example}}}}


def _answers(request: Request) -> Answers:
    return cast("Answers", request.app.state.answers)
