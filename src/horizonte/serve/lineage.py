"""Where the pointer goes on a rollback: promotions pile up, a rollback takes the top one off."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Move(NamedTuple):
    """One row of the promotion ledger."""

    sha256: str
    kind: str  # promote | rollback


def before(history: Iterable[Move]) -> str | None:
    """Return the version that a rollback goes to, None where there is none.

    ``history`` is oldest first. Two rollbacks in a row go two promotions back, not to and fro:
    a version that was taken back is not a place to go back to.
    """
    pile: list[str] = []
    for move in history:
        if move.kind == "rollback" and move.sha256 in pile:
            del pile[pile.index(move.sha256) + 1 :]
        else:
            pile.append(move.sha256)
    below = [version for version in pile[:-1] if version != pile[-1]]
    return below[-1] if below else None
