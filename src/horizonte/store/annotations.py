"""What people know of a stretch of a series: kept for good, read as of an instant.

Of one stretch and kind the newest row counts: it states the annotation with its note, or withdraws
it. Nothing is changed or deleted, so what was in force at an instant stays what it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

import pandas as pd
from psycopg import sql

from horizonte.contracts import ANNOTATION
from horizonte.store import changes
from horizonte.store.arrivals import mark_stale
from horizonte.store.bulk import read_frame
from horizonte.store.connection import Connection
from horizonte.store.locks import REGISTER, lock
from horizonte.store.pins import Pin, visible

EVER = pd.Timestamp.max.tz_localize("UTC").floor("D")  # as of then all is known
_IDENTITY = ("unique_id", "starts_at", "ends_at", "kind")
_SAID = ("note", "factor", "offset")
_COLUMNS = (*_IDENTITY, *_SAID, "available_at", "withdrawn")


def add(conn: Connection, rows: pd.DataFrame) -> list[str]:
    """Append what ``rows`` say, in their order, and return what became of each.

    ``rows`` are (unique_id, starts_at, ends_at, kind, note, factor, offset, available_at,
    withdrawn), the conversion left out or null for every kind but ``unit_changed``: those that are
    withdrawn say that the annotation no longer holds. A row is ``added``, ``withdrawn``,
    ``unchanged`` when it says again what holds, or ``unknown`` when it withdraws what nobody
    stated. The stretches of the new ones are marked for ``prepared.follow``, in one transaction.
    """
    whole = rows.reindex(columns=_COLUMNS).astype(object)
    columns = (whole[name].where(whole[name].notna(), None).tolist() for name in _COLUMNS)
    given = [dict(zip(_COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)]
    with conn.transaction():
        lock(conn, REGISTER, sorted({str(row["unique_id"]) for row in given}))
        said = _newest(conn, given)
        outcomes = [_outcome(row, said) for row in given]
        new = [r for r, o in zip(given, outcomes, strict=True) if o in ("added", "withdrawn")]
        conn.execute(_INSERT, [[row[name] for row in new] for name in _COLUMNS])
        mark_stale(conn, pd.DataFrame(new, columns=["unique_id", "starts_at", "ends_at"]))
        if new:
            changes.announce(conn, "")
    return outcomes


def read(
    conn: Connection,
    as_of: pd.Timestamp | Pin,
    ids: Iterable[str] | None = None,
    *,
    stored: datetime | None = None,
) -> pd.DataFrame:
    """Return the ANNOTATION rows in force at an instant or at a pin, ordered by key."""
    rows = history(conn, as_of, ids, stored=stored)
    return rows[rows["withdrawn_at"].isna()].reset_index(drop=True) if len(rows) else rows


def history(
    conn: Connection,
    as_of: pd.Timestamp | Pin,
    ids: Iterable[str] | None = None,
    *,
    stored: datetime | None = None,
) -> pd.DataFrame:
    """Return every ANNOTATION row known at an instant or at a pin, ordered by key.

    ``withdrawn_at`` says since when it no longer holds: it was withdrawn, or stated with another
    note or conversion. What lasted no time is left out. ``stored`` limits it to what was recorded by then.
    """
    pin = as_of if isinstance(as_of, Pin) else Pin(as_of)
    condition, params = visible(conn, pin)
    wanted = None if ids is None else sorted(set(ids))
    found = read_frame(conn, _HISTORY.format(condition), params | {"ids": wanted, "stored": stored})
    return ANNOTATION.check(found) if len(found) else _none().copy()


@lru_cache(maxsize=1)
def _none() -> pd.DataFrame:
    return ANNOTATION.empty()


def _newest(conn: Connection, given: list[dict[str, Any]]) -> dict[tuple[Any, ...], Any]:
    """Return what the newest row of every stretch and kind among ``given`` says."""
    keys = [[row[name] for row in given] for name in _IDENTITY]
    found = conn.execute(_NEWEST, keys).fetchall()
    return {_key(dict(zip(_IDENTITY, row[:4], strict=True))): row[4:] for row in found}


def _outcome(row: dict[str, Any], said: dict[tuple[Any, ...], Any]) -> str:
    """Return what becomes of ``row``, and note in ``said`` that it is now the newest."""
    known = said.get(_key(row))
    says = (bool(row["withdrawn"]), *(row[name] for name in _SAID))
    if known is None and says[0]:
        return "unknown"
    if known is not None and (known == says or (known[0] and says[0])):
        return "unchanged"
    converts = says[2] is not None and not says[0]
    if converts and known is not None and (known[0], *known[2:]) == (False, *says[2:]):
        return "unchanged"  # stated anew, the conversion would seem to be known only from then on
    said[_key(row)] = says
    return "withdrawn" if says[0] else "added"


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    instants = (pd.Timestamp(row[name]).value for name in ("starts_at", "ends_at"))
    return row["unique_id"], *instants, row["kind"]


_INSERT = """INSERT INTO annotation (unique_id, starts_at, ends_at, kind, note, factor, "offset",
                                    available_at, withdrawn)
    SELECT * FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[],
                         %s::float8[], %s::float8[], %s::timestamptz[], %s::boolean[])"""
_NEWEST = """SELECT DISTINCT ON (unique_id, starts_at, ends_at, kind)
        unique_id, starts_at, ends_at, kind, withdrawn, note, factor, "offset"
    FROM annotation JOIN unnest(%s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[])
        AS k(unique_id, starts_at, ends_at, kind) USING (unique_id, starts_at, ends_at, kind)
    ORDER BY unique_id, starts_at, ends_at, kind, available_at DESC, id DESC"""
_HISTORY = sql.SQL("""SELECT unique_id, starts_at, ends_at, kind, note,
        factor, "offset", available_at, withdrawn_at
    FROM (SELECT *, lead(available_at) OVER (
              PARTITION BY unique_id, starts_at, ends_at, kind ORDER BY available_at, id
          ) AS withdrawn_at
          FROM annotation
          WHERE {} AND (%(ids)s::text[] IS NULL OR unique_id = ANY(%(ids)s))
            AND recorded_at <= coalesce(%(stored)s::timestamptz, 'infinity')) AS said
    WHERE NOT withdrawn AND withdrawn_at IS DISTINCT FROM available_at
    ORDER BY unique_id, starts_at, ends_at, kind, available_at""")
