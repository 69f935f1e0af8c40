"""What people know of a stretch of a series: kept for good, read as of an instant."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
from psycopg import sql

from horizonte.contracts import ANNOTATION
from horizonte.store import changes
from horizonte.store.arrivals import mark_stale
from horizonte.store.bulk import read_frame
from horizonte.store.connection import Connection
from horizonte.store.pins import Pin, visible


def add(conn: Connection, frame: pd.DataFrame) -> int:
    """Append the rows of ``frame`` (ANNOTATION) and return how many were new.

    The stretches of the new ones are marked for ``prepared.follow``, in one transaction.
    """
    rows = ANNOTATION.check(frame)
    columns = [rows[name].tolist() for name in ANNOTATION.columns]
    with conn.transaction():
        new = conn.execute(_INSERT, columns).fetchall()
        mark_stale(conn, pd.DataFrame(new, columns=["unique_id", "starts_at", "ends_at"]))
        if new:
            changes.announce(conn, "")
    return len(new)


def read(
    conn: Connection, as_of: pd.Timestamp | Pin, ids: Iterable[str] | None = None
) -> pd.DataFrame:
    """Return ANNOTATION as known at an instant or at a pin, ordered by key."""
    pin = as_of if isinstance(as_of, Pin) else Pin(as_of)
    condition, params = visible(conn, pin)
    query = _SELECT.format(condition) + (sql.SQL("") if ids is None else _OF)
    wanted = None if ids is None else sorted(set(ids))
    found = read_frame(conn, query + _ORDER, params | {"ids": wanted})
    return ANNOTATION.check(found)


_INSERT = """INSERT INTO annotation (unique_id, starts_at, ends_at, kind, note, available_at)
    SELECT * FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[],
                         %s::timestamptz[]) ON CONFLICT DO NOTHING
    RETURNING unique_id, starts_at, ends_at"""
_SELECT = sql.SQL("""SELECT unique_id, starts_at, ends_at, kind, note, available_at
    FROM annotation WHERE {}""")
_OF = sql.SQL(" AND unique_id = ANY(%(ids)s)")
_ORDER = sql.SQL(" ORDER BY unique_id, starts_at, ends_at, kind, available_at")
