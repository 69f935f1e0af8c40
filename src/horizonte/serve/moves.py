"""Moves of the pointer by hand: promote a registered version, or go back to a former one."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from horizonte.errors import NotFound, StoreFault
from horizonte.serve import published
from horizonte.serve.lineage import Move, before
from horizonte.store import browse, promotions
from horizonte.store.connection import Connection
from horizonte.store.promotions import Moved, Promotion

SHORTEST = 4  # characters by which a version may be named


class NoFormer(NotFound):
    """No champion came before the present one; ``way`` says how the caller names another version."""

    def __init__(self, way: str) -> None:
        super().__init__("former champion", None, "in the ledger", f"name another version: {way}")


def rollback(
    conn: Connection, *, why: str, by: str, to: str | None = None, over: str | None = None
) -> Promotion:
    """Make the champion before the present one (or ``to``) the champion again; return the row.

    Its very bytes serve again, so it answers as it did. Needs no training and takes one row,
    after the folder was found whole. Raises NoFormer where there is nothing to go back to, NotFound
    for a version that is none, ModelFault or StoreFault for a folder that cannot be had, Moved where
    ``over`` is given and does not serve.
    """
    past = promotions.promotions(conn)
    target = version(conn, to) if to else before(Move(*m) for m in _moves(past))
    if target is None:
        raise NoFormer("--to, with one of `horizonte models list`")
    return _move(conn, target, kind="rollback", why=why, by=by, over=over)


def promote(
    conn: Connection, named: str, *, why: str, by: str, over: str | None = None
) -> Promotion:
    """Make a registered version the champion without asking the gate; return the row.

    Raises as ``rollback`` does.
    """
    return _move(conn, version(conn, named), kind="promote", why=why, by=by, over=over)


def version(conn: Connection, named: str) -> str:
    """Return the one registered version that begins with ``named``; raise NotFound otherwise."""
    found = browse.model(conn, named) if len(named) >= SHORTEST else []
    if len(found) != 1:
        allowed = f"the first {SHORTEST} characters or more of exactly one registered version"
        known = [row["sha256"][:12] for row in browse.models(conn)[:5]]
        newest = ", ".join(reversed(known)) or "none is registered"
        raise NotFound("model version", named, allowed, f"the newest are: {newest}")
    return str(found[0]["sha256"])


def _move(
    conn: Connection, target: str, *, kind: promotions.Kind, why: str, by: str, over: str | None
) -> Promotion:
    if not why.strip():
        raise StoreFault("why", why, "a reason", "say in a sentence why: it stays in the ledger")
    current = promotions.current_promotion(conn)
    if current is not None and current.sha256 == target:
        raise Moved("model version", target[:12], "another than the champion", "nothing to do")
    published.obtain(target)
    over = over or (current.sha256 if current else None)
    return promotions.promote(
        conn, target, why, by=by, evidence={"by_hand": True}, kind=kind, over=over
    )


def _moves(past: pd.DataFrame) -> Iterator[tuple[str, str]]:
    return past[["sha256", "kind"]].itertuples(index=False, name=None)
