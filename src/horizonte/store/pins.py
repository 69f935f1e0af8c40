"""A pin names what a read may see: known at an instant and, optionally, recorded by a snapshot.

The recorded part is a stored ``pg_snapshot``. Rows carry the transaction that wrote them, so
a read at a pin sees the same rows for ever, whatever is committed later and however long ago
its transaction began. No writer waits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd
from psycopg import sql

from horizonte.errors import StoreFault
from horizonte.store.connection import Connection, identity


@dataclass(frozen=True)
class Pin:
    """What was known at ``as_of`` (UTC); if ``recorded``, only what the database held by then.

    ``recorded`` is ``<database identity>/<pg_snapshot>`` and means nothing in another database.
    """

    as_of: pd.Timestamp
    recorded: str | None = None


def take(conn: Connection, as_of: pd.Timestamp) -> Pin:
    """Return a pin on all that is committed now and was known at ``as_of``.

    Take it outside a transaction that has written: its own rows would not be seen.
    """
    row = conn.execute("SELECT pg_current_snapshot()::text").fetchone()
    assert row is not None
    return Pin(as_of, f"{identity(conn)}/{row[0]}")


def visible(conn: Connection, pin: Pin) -> tuple[sql.SQL, dict[str, Any]]:
    """Return the condition, and its parameters, that limits a read of stamped rows to ``pin``.

    Raises StoreFault when the pin was taken in another database, or in this one before it was
    set back to an older backup. Rows restored into this one from a dump, whose transaction
    numbers are foreign, count as recorded before every pin.
    """
    if pin.recorded is None:
        return sql.SQL("available_at <= %(as_of)s"), {"as_of": pin.as_of}
    taken_in, _, snapshot = pin.recorded.partition("/")
    here = identity(conn)
    if taken_in != here or not _SNAPSHOT.fullmatch(snapshot) or _ahead(conn, snapshot):
        raise StoreFault(
            "pin",
            pin.recorded,
            f"taken in this database ({here})",
            "run `dvc pull` for the snapshot that was taken there, or take a new pin here",
        )
    row = conn.execute(
        "SELECT adopted_at FROM store_identity WHERE identity = %s", (here,)
    ).fetchone()
    assert row is not None
    return _AT_PIN, {"as_of": pin.as_of, "snapshot": snapshot, "adopted_at": row[0]}


def _ahead(conn: Connection, snapshot: str) -> bool:
    row = conn.execute(
        "SELECT pg_snapshot_xmax(%s::pg_snapshot) > pg_snapshot_xmax(pg_current_snapshot())",
        (snapshot,),
    ).fetchone()
    return bool(row and row[0])


_SNAPSHOT = re.compile(r"\d+:\d+:(\d+(,\d+)*)?")
_AT_PIN = sql.SQL(
    "available_at <= %(as_of)s AND (recorded_at < %(adopted_at)s "
    "OR pg_visible_in_snapshot(recorded_xid, %(snapshot)s::pg_snapshot))"
)
