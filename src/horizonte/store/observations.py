"""The append-only table of readings: written as revisions, read as current, as of, or whole."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from psycopg import sql

from horizonte.store import arrivals
from horizonte.store.bulk import INSTANTS, INTEGERS, REALS, read_series
from horizonte.store.connection import Connection
from horizonte.store.ledger import Batch, Counts
from horizonte.store.pins import Pin, visible
from horizonte.store.where import Where

_OBSERVATION = {"ds": INSTANTS, "y": REALS}
_REVISION = {"ds": INSTANTS, "revision": INTEGERS, "y": REALS, "available_at": INSTANTS}


def append(
    conn: Connection, rows: pd.DataFrame, *, batch: Batch, arrival: pd.Timestamp | None = None
) -> Counts:
    """Store ``rows`` (unique_id, ds, y and optionally delivery_key) and return what became of them.

    A new instant is revision 0. The same value again, or a delivery already seen, changes
    nothing. Another value is the next revision, available from ``arrival`` on (None: the
    newest ``available_at`` of the batch's source, for a source whose clock is recorded) and
    never before its predecessor. Rows of one instant must agree. All or nothing, also beside
    other appends of the same series. Raises DataFault for what cannot be stored.
    """
    return arrivals.append(conn, rows, batch=batch, arrival=arrival)[0]


def append_each(
    conn: Connection, rows: pd.DataFrame, *, batch: Batch, arrival: pd.Timestamp | None
) -> tuple[Counts, pd.Series[str]]:
    """Append as ``append`` does; return the counts, and for each row what became of it.

    The series has the index of ``rows`` and says accepted, unchanged or corrected; equal rows
    of one instant share the fate of the first.
    """
    counts, new = arrivals.append(conn, rows, batch=batch, arrival=arrival)
    revision = new.assign(unique_id=new["unique_id"].astype(str))[["unique_id", "ds", "revision"]]
    at = rows[["unique_id", "ds"]].merge(revision, "left", ["unique_id", "ds"])["revision"]
    fate = np.where(at.isna(), "unchanged", np.where(at > 0, "corrected", "accepted"))
    return counts, pd.Series(fate, index=rows.index, dtype=object)


def current(
    conn: Connection,
    ids: Iterable[str] | None = None,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Return OBSERVATION, the newest revision of each instant with start <= ds < end."""
    return _newest(conn, Where(ids, start, end))


def as_of(
    conn: Connection,
    instant: pd.Timestamp | Pin,
    ids: Iterable[str] | None = None,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Return OBSERVATION as known at ``instant`` (or at a pin), with start <= ds < end."""
    where = Where(ids, start, end)
    where.add(*visible(conn, instant if isinstance(instant, Pin) else Pin(instant)))
    return _newest(conn, where)


def revisions(
    conn: Connection,
    pin: Pin,
    ids: Iterable[str] | None = None,
    start: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Return REVISION: every revision with start <= ds that ``pin`` sees, ordered by key."""
    where = Where(ids, start)
    where.add(*visible(conn, pin))
    query = sql.SQL("""SELECT unique_id, ds, revision, y, available_at FROM observation {}
                       ORDER BY unique_id, ds, revision DESC""").format(where.clause())
    frame = read_series(conn, query, where.params, columns=_REVISION)
    if frame["revision"].any():  # the index keeps the newest first
        frame = frame.sort_values(["unique_id", "ds", "revision"], ignore_index=True)
    return frame


def _newest(conn: Connection, where: Where) -> pd.DataFrame:
    query = sql.SQL("""SELECT DISTINCT ON (unique_id, ds) unique_id, ds, y FROM observation {}
                       ORDER BY unique_id, ds, revision DESC""").format(where.clause())
    return read_series(conn, query, where.params, columns=_OBSERVATION)
