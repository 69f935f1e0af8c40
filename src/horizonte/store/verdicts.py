"""What the monitor saw and decided, one row per monitoring, with all that it was decided from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from horizonte.errors import NotFound
from horizonte.store.bulk import read_frame
from horizonte.store.connection import Connection

LOCK = 4_614_110_870_020  # held by the one that monitors


@dataclass(frozen=True)
class Verdict:
    """One row of the ledger; ``evidence`` and ``policy`` decide again to the same action."""

    id: int
    model_version: str
    as_of: datetime
    action: str
    triggers: list[str]
    brakes: list[str]
    sentence_en: str
    sentence_pt: str
    evidence: dict[str, Any]
    policy: dict[str, Any]
    report: str | None
    recorded_at: datetime


@dataclass(frozen=True)
class Paged:
    """A verdict and where its pages lie."""

    page: str
    id: int
    model_version: str
    as_of: datetime
    action: str
    sentence_en: str
    sentence_pt: str


def add(
    conn: Connection,
    facts: Mapping[str, Any],
    *,
    drifts: Iterable[Mapping[str, Any]],
    findings: Iterable[Mapping[str, Any]],
) -> int:
    """Append a verdict with what was compared and what was named, and return its id.

    ``facts`` are the columns of ``verdict``; ``drifts`` and ``findings`` those of ``drift_run``
    and ``finding`` without ``verdict_id``.
    """
    given = {**facts, "evidence": Jsonb(facts["evidence"]), "policy": Jsonb(facts["policy"])}
    with conn.transaction():
        row = conn.execute(_ADD, given).fetchone()
        assert row is not None
        number = int(row[0])
        with conn.cursor() as cursor:
            cursor.executemany(_DRIFT, [{**one, "verdict_id": number} for one in drifts])
            named = [
                {**one, "evidence": Jsonb(one["evidence"]), "verdict_id": number}
                for one in findings
            ]
            cursor.executemany(_FINDING, named)
    return number


def latest(conn: Connection, model_version: str | None = None) -> Verdict | None:
    """Return the newest verdict, of ``model_version`` where one is given."""
    with conn.cursor(row_factory=class_row(Verdict)) as cursor:
        return cursor.execute(_LATEST, {"version": model_version}).fetchone()


def get(conn: Connection, number: int) -> Verdict:
    """Return verdict ``number``; raise NotFound when there is none."""
    with conn.cursor(row_factory=class_row(Verdict)) as cursor:
        found = cursor.execute("SELECT * FROM verdict WHERE id = %s", (number,)).fetchone()
    if found is None:
        raise NotFound("verdict", number, "in the ledger", "list them: horizonte verdicts")
    return found


def known_at(conn: Connection, number: int | None, *, at: datetime) -> Verdict | None:
    """Return verdict ``number``, or without one the newest that was recorded by ``at``."""
    with conn.cursor(row_factory=class_row(Verdict)) as cursor:
        return cursor.execute(_KNOWN, {"number": number, "at": at}).fetchone()


def listed(conn: Connection, limit: int) -> pd.DataFrame:
    """Return the newest verdicts without their evidence, newest first."""
    return read_frame(
        conn,
        """SELECT id, model_version, as_of, action, triggers, brakes, sentence_en, sentence_pt,
                  report, recorded_at FROM verdict ORDER BY id DESC LIMIT %(limit)s""",
        {"limit": limit},
    )


def pages(conn: Connection, start: str) -> list[str]:
    """Return the pages of verdicts whose place begins with ``start``."""
    found = conn.execute("SELECT report FROM verdict WHERE starts_with(report, %s)", (start,))
    return [page for (page,) in found.fetchall()]


def paged(conn: Connection, limit: int) -> list[Paged]:
    """Return the last verdict of each page, newest first."""
    with conn.cursor(row_factory=class_row(Paged)) as cursor:
        return cursor.execute(_PAGED, (limit,)).fetchall()


def instants(conn: Connection, limit: int = 10) -> list[pd.Timestamp]:
    """Return the ``as_of`` of the newest verdicts, newest first."""
    found = conn.execute("SELECT as_of FROM verdict ORDER BY id DESC LIMIT %s", (limit,))
    return [pd.Timestamp(instant) for (instant,) in found.fetchall()]


def last_recorded(conn: Connection) -> pd.Timestamp | None:
    """Return when the newest verdict, on whichever model, was recorded; None before the first."""
    row = conn.execute("SELECT recorded_at FROM verdict ORDER BY id DESC LIMIT 1").fetchone()
    return None if row is None else pd.Timestamp(row[0])


_LATEST = """SELECT * FROM verdict
    WHERE %(version)s::text IS NULL OR model_version = %(version)s ORDER BY id DESC LIMIT 1"""
_PAGED = """SELECT report AS page, id, model_version, as_of, action, sentence_en, sentence_pt FROM (
        SELECT DISTINCT ON (report) * FROM verdict WHERE report IS NOT NULL
        ORDER BY report, id DESC) AS last ORDER BY id DESC LIMIT %s"""
_KNOWN = """SELECT * FROM verdict WHERE CASE WHEN %(number)s::bigint IS NULL THEN recorded_at <= %(at)s
    ELSE id = %(number)s END ORDER BY id DESC LIMIT 1"""
_ADD = """INSERT INTO verdict (model_version, as_of, action, triggers, brakes, sentence_en,
        sentence_pt, evidence, policy, report)
    VALUES (%(model_version)s, %(as_of)s, %(action)s, %(triggers)s, %(brakes)s, %(sentence_en)s,
        %(sentence_pt)s, %(evidence)s, %(policy)s, %(report)s) RETURNING id"""
_DRIFT = """INSERT INTO drift_run (verdict_id, unique_id, kind, status, reason, against,
        current_start, current_end, reference_start, reference_end, rows_current, rows_reference,
        distance, threshold, pairs)
    VALUES (%(verdict_id)s, %(unique_id)s, %(kind)s, %(status)s, %(reason)s, %(against)s,
        %(current_start)s, %(current_end)s, %(reference_start)s, %(reference_end)s,
        %(rows_current)s, %(rows_reference)s, %(distance)s, %(threshold)s, %(pairs)s)"""
_FINDING = """INSERT INTO finding (verdict_id, unique_id, name, since, size, sentence_en,
        sentence_pt, evidence)
    VALUES (%(verdict_id)s, %(unique_id)s, %(name)s, %(since)s, %(size)s, %(sentence_en)s,
        %(sentence_pt)s, %(evidence)s)"""
