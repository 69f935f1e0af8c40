"""Turns per series: what may not happen twice at once waits, and ends with the transaction."""

from __future__ import annotations

from collections.abc import Iterable

from horizonte.store.connection import Connection

APPEND, PREPARE, REGISTER = 4_614_110, 4_614_111, 4_614_112
PLACES = 64  # series share these, so that one transaction of many never fills the lock table


def lock(conn: Connection, space: int, ids: Iterable[str]) -> None:
    """Wait until no other transaction holds ``space`` for one of ``ids``, and hold it."""
    conn.execute(
        """SELECT pg_advisory_xact_lock(%s, place) FROM (
               SELECT DISTINCT abs(hashtext(id) %% %s) AS place FROM unnest(%s::text[]) id
               ORDER BY 1) AS places""",
        (space, PLACES, list(ids)),
    )
