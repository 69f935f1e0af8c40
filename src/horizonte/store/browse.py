"""Pages of what is stored, for people and programs that look: bounded, in a fixed order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import dict_row

from horizonte.store.connection import Connection

Row = dict[str, Any]


@dataclass(frozen=True)
class Span:
    """Which part is asked for: start <= instant < end, after the last row seen, ``limit`` rows."""

    limit: int
    start: datetime | None = None
    end: datetime | None = None
    after: Any = None  # key of the last row of the page before


def series(
    conn: Connection,
    span: Span,
    *,
    role: str | None = None,
    source: str | None = None,
    only: str | None = None,
) -> list[Row]:
    """Return registered series by name, each with its newest ``ds`` and newest live vintage."""
    given = {"role": role, "source": source, "only": only, "after": span.after, "limit": span.limit}
    return _rows(conn, _SERIES, given)


def readings(conn: Connection, unique_id: str, span: Span, *, as_of: datetime | None) -> list[Row]:
    """Return the newest revision of each instant of a series, as of an instant, by ``ds``."""
    return _rows(conn, _READINGS, _given(unique_id, span) | {"as_of": as_of})


def prepared(conn: Connection, unique_id: str, span: Span) -> list[Row]:
    """Return the clean grid of a series, by ``ds``."""
    return _rows(conn, _PREPARED, _given(unique_id, span))


def vintages(conn: Connection, unique_id: str, span: Span, *, purposes: Sequence[str]) -> list[Row]:
    """Return vintages of a series without their rows, newest first; ``start`` to ``end`` of issue."""
    return _rows(conn, _VINTAGES, _given(unique_id, span) | {"purposes": list(purposes)})


def vintage(conn: Connection, unique_id: str, run_id: int) -> Row | None:
    """Return one vintage without its rows, or None."""
    found = _rows(conn, _VINTAGE, {"id": unique_id, "run": run_id})
    return found[0] if found else None


def forecast_rows(conn: Connection, unique_id: str, run_id: int) -> list[Row]:
    """Return what one vintage said, by ``ds``."""
    return _rows(conn, _FORECAST, {"id": unique_id, "run": run_id})


def batches(conn: Connection, numbers: Sequence[int]) -> list[Row]:
    """Return batches of the ledger by their numbers, oldest first."""
    return _rows(conn, _BATCHES, {"numbers": list(numbers)})


def models(conn: Connection) -> list[Row]:
    """Return every registered model version, newest first, without its card."""
    return _rows(conn, _MODELS, {})


def model(conn: Connection, prefix: str) -> list[Row]:
    """Return the model versions that begin with ``prefix``, with their cards; two at the most."""
    return _rows(conn, _MODEL, {"prefix": prefix})


def promotions(conn: Connection, sha256: str) -> list[Row]:
    """Return every promotion and rollback to a version, oldest first."""
    return _rows(conn, _PROMOTIONS, {"sha256": sha256})


def scores(conn: Connection, sha256: str) -> list[Row]:
    """Return the scores of a version's newest week, in force, per model, series and bucket."""
    return _rows(conn, _SCORES, {"sha256": sha256})


def _given(unique_id: str, span: Span) -> dict[str, Any]:
    return {
        "id": unique_id,
        "start": span.start,
        "end": span.end,
        "after": span.after,
        "limit": span.limit,
    }


def _rows(conn: Connection, query: str, given: dict[str, Any]) -> list[Row]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), given).fetchall()


_SERIES = """SELECT s.*, (
        SELECT max(ds) FROM observation o WHERE o.unique_id = s.unique_id) AS last_ds, (
        SELECT max(issued_at) FROM vintage v
        WHERE v.unique_id = s.unique_id AND purpose = 'live') AS last_issued_at
    FROM series s
    WHERE (%(role)s::text IS NULL OR role = %(role)s)
      AND (%(source)s::text IS NULL OR source = %(source)s)
      AND (%(only)s::text IS NULL OR unique_id = %(only)s)
      AND (%(after)s::text IS NULL OR unique_id > %(after)s)
    ORDER BY unique_id LIMIT %(limit)s"""
_READINGS = """SELECT DISTINCT ON (ds) ds, y, revision, available_at FROM observation
    WHERE unique_id = %(id)s AND ds >= coalesce(%(start)s::timestamptz, '-infinity')
      AND ds < coalesce(%(end)s::timestamptz, 'infinity')
      AND ds > coalesce(%(after)s::timestamptz, '-infinity')
      AND available_at <= coalesce(%(as_of)s::timestamptz, 'infinity')
    ORDER BY ds, revision DESC LIMIT %(limit)s"""
_PREPARED = """SELECT ds, y, y_raw, quality FROM prepared.observation
    WHERE unique_id = %(id)s AND ds >= coalesce(%(start)s::timestamptz, '-infinity')
      AND ds < coalesce(%(end)s::timestamptz, 'infinity')
      AND ds > coalesce(%(after)s::timestamptz, '-infinity')
    ORDER BY ds LIMIT %(limit)s"""
_VINTAGES = """SELECT v.run_id, v.purpose, r.model_version, r.as_of, v.cutoff, v.issued_at,
        v.degraded, r.code_revision, r.request_id, v.first_ds, v.last_ds
    FROM vintage v JOIN forecast_run r ON r.id = v.run_id
    WHERE v.unique_id = %(id)s AND v.purpose = ANY(%(purposes)s)
      AND v.issued_at >= coalesce(%(start)s::timestamptz, '-infinity')
      AND v.issued_at < coalesce(%(end)s::timestamptz, 'infinity')
      AND v.run_id < coalesce(%(after)s::bigint, 9223372036854775807)
    ORDER BY v.run_id DESC LIMIT %(limit)s"""
_VINTAGE = """SELECT v.run_id, v.purpose, r.model_version, r.as_of, v.cutoff, v.issued_at,
        v.degraded, r.code_revision, r.request_id, v.first_ds, v.last_ds
    FROM vintage v JOIN forecast_run r ON r.id = v.run_id
    WHERE v.unique_id = %(id)s AND v.run_id = %(run)s"""
_FORECAST = """SELECT f.ds, mean, q05, q10, q25, q50, q75, q90, q95 FROM forecast f
    JOIN vintage v USING (unique_id, run_id)
    WHERE unique_id = %(id)s AND run_id = %(run)s AND ds BETWEEN first_ds AND last_ds ORDER BY ds"""
_BATCHES = """SELECT id, source, name, opened_at, rows_read, accepted, unchanged, corrected, refused
    FROM ingest_batch WHERE id = ANY(%(numbers)s) ORDER BY id"""
_MODELS = """SELECT m.sha256, m.uri, m.recorded_at, (
        SELECT max(p.recorded_at) FROM promotion p WHERE p.sha256 = m.sha256) AS last_promoted_at,
        m.sha256 = (SELECT sha256 FROM promotion ORDER BY id DESC LIMIT 1) AS champion
    FROM model_version m ORDER BY m.recorded_at DESC, m.sha256"""
_MODEL = """SELECT sha256, uri, card, recorded_at FROM model_version
    WHERE starts_with(sha256, %(prefix)s) ORDER BY sha256 LIMIT 2"""
_PROMOTIONS = """SELECT kind, previous, why, promoted_by, evidence, recorded_at FROM promotion
    WHERE sha256 = %(sha256)s ORDER BY id"""
_SCORES = """SELECT DISTINCT ON (model, unique_id, bucket) model, unique_id, bucket, starts_at,
        ends_at, rows, mase, rmsse, wape, bias, sql, coverage_80, coverage_90, width_80, width_90
    FROM evaluation WHERE model_version = %(sha256)s
    ORDER BY model, unique_id, bucket, starts_at DESC, id DESC"""
