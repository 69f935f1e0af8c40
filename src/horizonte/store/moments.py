"""Now on the clock of every source, and what it was when something was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pandas as pd

from horizonte.store.connection import Connection


def now(conn: Connection, *, at: datetime | None = None) -> dict[str, pd.Timestamp]:
    """Return now on the clock of every source that has brought rows.

    With ``at``, an instant of the database's clock, return what now was then: of a wall clock
    ``at`` itself, of a recording the newest that had come by then; a source that had brought
    nothing yet is left out.
    """
    found = conn.execute((_NOW if at is None else _THEN).encode(), {"at": at}).fetchall()
    return {name: pd.Timestamp(instant) for name, instant in found}


def passed(conn: Connection, since: datetime, *, on: Mapping[str, pd.Timestamp]) -> pd.Timedelta:
    """Return the most time that has passed since an instant of the database's clock.

    It passed ``on`` the clocks of sources, which are given with their now.
    """
    then = now(conn, at=since)
    return max([pd.Timedelta(0), *(at - then[s] for s, at in on.items() if s in then)])


def arrivals(
    conn: Connection, *, at: datetime, most: int = 200
) -> dict[str, tuple[pd.Timedelta, list[pd.Timestamp]]]:
    """Return (step, when something new last could be known, newest first) of wall clock sources."""
    found = conn.execute(_ARRIVALS, {"at": at, "most": most}).fetchall()
    return {
        name: (pd.Timedelta(seconds=step), [pd.Timestamp(one) for one in instants])
        for name, step, instants in found
    }


_ARRIVALS = """SELECT c.name, c.step_seconds, array_agg(b.newest ORDER BY b.newest DESC)
    FROM source AS c, LATERAL (
        SELECT DISTINCT newest_available_at AS newest FROM ingest_batch
        WHERE source = c.name AND newest_available_at <= %(at)s
        ORDER BY 1 DESC LIMIT %(most)s) AS b
    WHERE c.clock = 'wall' GROUP BY 1, 2"""
# Every stream adds a batch a moment: from index to index, never over all of them.
_NEWEST = """SELECT n.source, newest FROM (
        WITH RECURSIVE named(source) AS (
            (SELECT source FROM ingest_batch ORDER BY source LIMIT 1)
            UNION ALL SELECT (SELECT source FROM ingest_batch WHERE source > n.source
                              ORDER BY source LIMIT 1) FROM named AS n WHERE n.source IS NOT NULL)
        SELECT source FROM named WHERE source IS NOT NULL) AS n, LATERAL (
        SELECT newest_available_at AS newest FROM ingest_batch WHERE source = n.source
        ORDER BY newest_available_at DESC NULLS LAST LIMIT 1) AS b"""
_NEWEST_THEN = """SELECT source, max(newest_available_at) AS newest FROM ingest_batch
        WHERE closed_at <= %(at)s GROUP BY source"""
_NOW, _THEN = (
    f"""SELECT b.source, CASE WHEN c.clock = 'wall'
        THEN greatest(b.newest, date_bin(make_interval(secs => c.step_seconds),
            coalesce(%(at)s::timestamptz, clock_timestamp()), 'epoch'))
        ELSE b.newest END
    FROM ({newest}) AS b
    LEFT JOIN source AS c ON c.name = b.source WHERE b.newest IS NOT NULL ORDER BY 1"""  # noqa: S608 (fixed texts)
    for newest in (_NEWEST, _NEWEST_THEN)
)
