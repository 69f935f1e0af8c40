"""When each process and each feed was last seen, as the database alone can tell it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg.rows import dict_row

from horizonte.store.browse import Row
from horizonte.store.connection import Connection

ISSUER = 4_614_110_870_013  # held by the process that issues, for as long as its connection lives
SAMPLED = "horizonte_in_flight"  # a metric that every process of the service samples once a minute


def processes(conn: Connection, *, since: datetime) -> list[Row]:
    """Return the processes of the service that sampled their metrics: ``process``, ``at`` last."""
    return _rows(conn, _PROCESSES, {"name": SAMPLED, "since": since})


def feeds(conn: Connection) -> list[Row]:
    """Return what each source brought last: name, clock, step_seconds, newest, kind, arrived.

    ``newest`` is when its newest reading could be known, ``arrived`` when the batch that held it
    was stored; null for a source that has brought none.
    """
    return _rows(conn, _FEEDS, {})


def held(conn: Connection, lock: int) -> bool:
    """Return whether some process holds an advisory lock of this database now."""
    row = conn.execute(
        """SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND (classid::bigint << 32) + objid::bigint = %s""",
        (lock,),
    ).fetchone()
    return row is not None and row[0] > 0


def _rows(conn: Connection, query: str, given: dict[str, Any]) -> list[Row]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), given).fetchall()


_PROCESSES = """SELECT process, max(at) AS at FROM metric_sample
    WHERE name = %(name)s AND at >= %(since)s GROUP BY 1 ORDER BY 2 DESC LIMIT 20"""
_FEEDS = """SELECT s.name, s.clock, s.step_seconds, b.newest_available_at AS newest, b.kind,
        b.closed_at AS arrived
    FROM source AS s LEFT JOIN LATERAL (
        SELECT newest_available_at, kind, closed_at FROM ingest_batch WHERE source = s.name
        ORDER BY newest_available_at DESC NULLS LAST LIMIT 1) AS b ON true
    ORDER BY s.name"""
