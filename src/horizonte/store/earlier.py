"""What a read of the ledger sees, now or then: then is limited to what was stored by a moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from psycopg import sql

from horizonte.store import annotations as notes
from horizonte.store import observations
from horizonte.store.bulk import INSTANTS, REALS, read_series
from horizonte.store.connection import Connection


@dataclass(frozen=True)
class Seen:
    """What one read sees: ``rows`` is OBSERVATION, ``notes`` is ANNOTATION."""

    rows: pd.DataFrame
    notes: pd.DataFrame

    def mixed(self, other: Seen, ids: Iterable[str]) -> Seen:
        """Return this with the rows of ``ids`` as ``other`` sees them."""
        named = list(ids)
        theirs, own = (s.rows["unique_id"].isin(named) for s in (other, self))
        rows = pd.concat([self.rows[~own], other.rows[theirs]], ignore_index=True)
        return Seen(rows.sort_values(["unique_id", "ds"], ignore_index=True), self.notes)

    def same(self, other: Seen) -> bool:
        """Return whether both see the same readings and annotations."""
        return self.rows.equals(other.rows) and self.notes.equals(other.notes)


def now(conn: Connection, as_of: pd.Timestamp, ids: Iterable[str], start: pd.Timestamp) -> Seen:
    """Return what is known at ``as_of`` of ``ids`` from ``start`` on."""
    names = sorted(set(ids))
    return Seen(observations.as_of(conn, as_of, names, start), notes.read(conn, as_of, names))


def then(
    conn: Connection,
    as_of: pd.Timestamp,
    ids: Iterable[str],
    start: pd.Timestamp,
    *,
    stored: datetime,
) -> Seen:
    """Return what a read at the moment ``stored`` saw of ``ids``, as of ``as_of``.

    A row whose transaction began before that moment and ended after it counts as stored.
    """
    names = sorted(set(ids))
    facts = {"as_of": as_of, "ids": names, "start": start, "stored": stored}
    rows = read_series(conn, _ROWS, facts, columns={"ds": INSTANTS, "y": REALS})
    return Seen(rows, notes.read(conn, as_of, names, stored=stored))


_STORED = sql.SQL("available_at <= %(as_of)s AND recorded_at <= %(stored)s")
_ROWS = sql.SQL("""SELECT DISTINCT ON (unique_id, ds) unique_id, ds, y FROM observation
    WHERE unique_id = ANY(%(ids)s) AND ds >= %(start)s AND {}
    ORDER BY unique_id, ds, revision DESC""").format(_STORED)
