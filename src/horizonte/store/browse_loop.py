"""Pages of the loop's ledger: verdicts and retrainings, newest first."""

from __future__ import annotations

from typing import Any

from psycopg.rows import dict_row

from horizonte.store.browse import Row
from horizonte.store.connection import Connection


def verdicts(conn: Connection, *, before: int | None, limit: int) -> list[Row]:
    """Return verdicts without their evidence, newest first, with numbers below ``before``."""
    return _rows(conn, _VERDICTS, {"before": before, "limit": limit})


def verdict(conn: Connection, number: int) -> Row | None:
    """Return one verdict whole, with its ``drift`` and ``findings``; None for no such number."""
    found = _rows(conn, "SELECT * FROM verdict WHERE id = %(id)s", {"id": number})
    if not found:
        return None
    drift = _rows(conn, "SELECT * FROM drift_run WHERE verdict_id = %(id)s ORDER BY id", found[0])
    named = _rows(conn, "SELECT * FROM finding WHERE verdict_id = %(id)s ORDER BY id", found[0])
    return found[0] | {"drift": drift, "findings": named}


def retrainings(conn: Connection, *, before: int | None, limit: int) -> list[Row]:
    """Return requests to the worker, newest first, each with the step that it has come to.

    Where the reason is the sentence of a verdict, that is there in both languages.
    """
    return _rows(conn, _RETRAININGS, {"before": before, "limit": limit})


def retraining(conn: Connection, number: int) -> Row | None:
    """Return one request with its ``steps``; None for no such number."""
    found = _rows(conn, _RETRAINING, {"id": number})
    if not found:
        return None
    steps = _rows(
        conn,
        "SELECT step, detail, recorded_at FROM retrain_step WHERE run_id = %(id)s ORDER BY id",
        found[0],
    )
    return found[0] | {"steps": steps}


def asked_by(conn: Connection, verdict_id: int) -> list[Row]:
    """Return the requests to the worker that a verdict made, as ``retrainings`` does."""
    return _rows(conn, f"{_STATE} WHERE r.verdict_id = %(id)s ORDER BY r.id", {"id": verdict_id})


def _rows(conn: Connection, query: str, given: dict[str, Any]) -> list[Row]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, given).fetchall()


_VERDICTS = """SELECT id, model_version, as_of, action, triggers, brakes, sentence_en, sentence_pt,
        report, recorded_at
    FROM verdict WHERE %(before)s::bigint IS NULL OR id < %(before)s
    ORDER BY id DESC LIMIT %(limit)s"""
_STATE = """SELECT r.id, r.action, r.why, r.requested_by, r.verdict_id, r.recorded_at,
        coalesce(s.step, 'waiting') AS state, v.sentence_en, v.sentence_pt
    FROM retrain_run AS r
    LEFT JOIN verdict AS v ON v.id = r.verdict_id AND v.sentence_en = r.why
    LEFT JOIN LATERAL (
        SELECT step FROM retrain_step WHERE run_id = r.id ORDER BY id DESC LIMIT 1) AS s ON true"""
_RETRAININGS = f"""{_STATE} WHERE %(before)s::bigint IS NULL OR r.id < %(before)s
    ORDER BY r.id DESC LIMIT %(limit)s"""
_RETRAINING = f"{_STATE} WHERE r.id = %(id)s"
