"""Now on the clock of every source, and what it was when something was recorded."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from horizonte.store.connection import Connection


def now(conn: Connection, *, at: datetime | None = None) -> dict[str, pd.Timestamp]:
    """Return now on the clock of every source that has brought rows.

    With ``at``, an instant of the database's clock, return what now was then: of a wall clock
    ``at`` itself, of a recording the newest that had come by then; a source that had brought
    nothing yet is left out.
    """
    found = conn.execute(_NOW, {"at": at}).fetchall()
    return {name: pd.Timestamp(instant) for name, instant in found}


_NOW = """SELECT b.source, CASE WHEN c.clock = 'wall'
        THEN greatest(b.newest, date_bin(make_interval(secs => c.step_seconds),
            coalesce(%(at)s::timestamptz, clock_timestamp()), 'epoch'))
        ELSE b.newest END
    FROM (SELECT source, max(newest_available_at) AS newest FROM ingest_batch
          WHERE %(at)s::timestamptz IS NULL OR closed_at <= %(at)s GROUP BY source) AS b
    LEFT JOIN source AS c ON c.name = b.source WHERE b.newest IS NOT NULL ORDER BY 1"""
