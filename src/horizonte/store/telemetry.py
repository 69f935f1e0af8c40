"""What was asked and how the service was: request rows and metric samples, kept 90 days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

import pandas as pd
import pyarrow as pa
from psycopg.types.json import Jsonb

from horizonte.store.bulk import INSTANT, copy_in, read_frame
from horizonte.store.connection import Connection

KEPT_DAYS = 90
PRUNED_ROWS = 5_000  # at a time: a lock is never held for long
PRUNES = 40  # at most in one go
Table = Literal["request_log", "metric_sample"]


class RequestRow(NamedTuple):
    """One answered request."""

    at: int  # microseconds since 1970
    request_id: str
    method: str
    route: str
    path: str
    status: int
    milliseconds: float
    bytes: int
    series: str | None
    series_count: int
    model_version: str | None
    origin: str | None
    degraded: str | None
    key_id: str | None
    process: str


class Sample(NamedTuple):
    """One value of one metric."""

    name: str
    labels: dict[str, str]
    value: float


def write_requests(conn: Connection, rows: Sequence[RequestRow]) -> None:
    """Append ``rows`` to the request log, all or nothing."""
    columns = [
        pa.array(_storable(values) if kind == pa.string() else values, kind)
        for values, kind in zip(zip(*rows, strict=True), _TYPES.values(), strict=True)
    ]
    copy_in(conn, "request_log", pa.table(columns, names=list(_TYPES)))


def write_samples(
    conn: Connection, samples: Sequence[Sample], *, at: datetime, process: str
) -> None:
    """Append what the metrics of ``process`` showed ``at`` an instant."""
    names, labels, values = zip(*samples, strict=True)
    conn.execute(
        """INSERT INTO metric_sample (at, name, labels, value, process)
           SELECT %s, part.*, %s FROM unnest(%s::text[], %s::jsonb[], %s::float8[]) AS part""",
        (at, process, list(names), [Jsonb(found) for found in labels], list(values)),
    )


def prune(conn: Connection, table: Table, *, now: datetime) -> int:
    """Delete rows older than 90 days, in small batches, and return how many went."""
    gone = 0
    for _ in range(PRUNES):
        found = conn.execute(_PRUNE[table], {"now": now, "days": KEPT_DAYS, "rows": PRUNED_ROWS})
        gone += found.rowcount
        if found.rowcount < PRUNED_ROWS:
            break
    return gone


def requests(conn: Connection, *, since: datetime, limit: int | None = None) -> pd.DataFrame:
    """Return the request rows from ``since`` on, newest first."""
    return read_frame(
        conn,
        "SELECT * FROM request_log WHERE at >= %(since)s ORDER BY at DESC LIMIT %(limit)s",
        {"since": since, "limit": limit},
    )


def samples(
    conn: Connection, name: str, *, since: datetime, limit: int | None = None
) -> pd.DataFrame:
    """Return the samples of metric ``name`` from ``since`` on, newest first."""
    return read_frame(
        conn,
        """SELECT at, name, labels, value, process FROM metric_sample
           WHERE name = %(name)s AND at >= %(since)s ORDER BY at DESC LIMIT %(limit)s""",
        {"name": name, "since": since, "limit": limit},
    )


def metric_names(conn: Connection, *, since: datetime) -> list[str]:
    """Return the names of the metrics sampled from ``since`` on."""
    found = conn.execute(
        "SELECT DISTINCT name FROM metric_sample WHERE at >= %s ORDER BY name", (since,)
    )
    return [row[0] for row in found]


def _storable(values: Sequence[Any]) -> list[str | None]:
    """Return texts as PostgreSQL takes them: one strange path must not cost its batch."""
    return [v if v is None or (v.isascii() and "\0" not in v) else _cleaned(v) for v in values]


def _cleaned(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


_TEXT, _REAL = pa.string(), pa.float64()
_TYPES = dict(
    zip(
        RequestRow._fields,
        [INSTANT, *[_TEXT] * 4, pa.int32(), _REAL, pa.int64(), _TEXT, pa.int32(), *[_TEXT] * 5],
        strict=True,
    )
)
_PRUNE = {
    table: f"""WITH old AS (
        SELECT max(at) AS last FROM (SELECT at FROM {table}
            WHERE at < %(now)s - make_interval(days => %(days)s)
            ORDER BY at LIMIT %(rows)s) AS first)
    DELETE FROM {table} WHERE at <= (SELECT last FROM old)"""  # noqa: S608 (fixed names)
    for table in ("request_log", "metric_sample")
}
