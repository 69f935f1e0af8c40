"""Model versions side by side: live scores beside the naive's, gates, promotions with their gain."""

from __future__ import annotations

from typing import Any

from psycopg.rows import dict_row

from horizonte.store.browse import Row
from horizonte.store.connection import Connection
from horizonte.store.overview import MODEL, NAIVE

DAYS = 28  # of the newest live scores that count


def versions(conn: Connection) -> list[Row]:
    """Return registered versions, newest first: what ``browse.models`` says, with parts of the card.

    ``scores`` by series from before the test period, and ``data_as_of``; null where it has none.
    """
    return _rows(conn, _VERSIONS, {})


def scores(conn: Connection, version: str | None = None) -> list[Row]:
    """Return the live scores of every version's last DAYS days (or of one), per series.

    ``mase``, ``naive_mase`` and ``coverage_80`` are means over the ``rows`` of the weeks from
    ``starts_at`` to ``ends_at`` for which model and seasonal naive have both.
    """
    given = {"version": version, "model": MODEL, "naive": NAIVE, "days": DAYS}
    return _rows(conn, _SCORES, given)


def gates(conn: Connection, version: str | None = None) -> list[Row]:
    """Return the gates in which ``version`` was champion or challenger, newest first.

    Without one, all of them.
    """
    query = _EVERY_GATE if version is None else _GATES
    return _rows(conn, query, {"version": version})


def gate_of(conn: Connection, run_id: int) -> Row | None:
    """Return the last gate of a retraining, or None."""
    found = _rows(conn, _GATE_OF, {"run": run_id})
    return found[0] if found else None


def promotions(
    conn: Connection, *, before: int | None = None, limit: int | None, version: str | None = None
) -> list[Row]:
    """Return promotions and rollbacks (of ``version``), newest first, with numbers below ``before``.

    At most ``limit``, or all of them. Each with what was last found of it: ``days``, ``gain``,
    ``low``, ``high``, ``said`` and ``judged_at``; null where nothing was yet. Where the reason is the
    sentence of a verdict, that is there in both languages.
    """
    return _rows(conn, _PROMOTIONS, {"before": before, "limit": limit, "version": version})


def promotion(conn: Connection, number: int) -> Row | None:
    """Return one promotion as ``promotions`` does, or None."""
    found = promotions(conn, before=number + 1, limit=1)
    return found[0] if found and found[0]["id"] == number else None


def _rows(conn: Connection, query: str, given: dict[str, Any]) -> list[Row]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), given).fetchall()


_VERSIONS = """SELECT m.sha256, m.recorded_at, (
        SELECT max(p.recorded_at) FROM promotion p WHERE p.sha256 = m.sha256) AS last_promoted_at,
        m.sha256 = (SELECT sha256 FROM promotion ORDER BY id DESC LIMIT 1) AS champion,
        m.card->'scores' AS scores, (m.card->>'data_as_of')::timestamptz AS data_as_of
    FROM model_version m ORDER BY m.recorded_at DESC, m.sha256"""
# A running week has a row for each day that it ended at so far; the longest that counts is taken.
_SCORES = """WITH key AS (
        SELECT DISTINCT ON (model_version, model, unique_id, starts_at, ends_at) *
        FROM evaluation WHERE bucket = 'all' AND model IN (%(model)s, %(naive)s)
            AND (%(version)s::text IS NULL OR model_version = %(version)s)
        ORDER BY model_version, model, unique_id, starts_at, ends_at, id DESC
    ), week AS (
        SELECT DISTINCT ON (model_version, model, unique_id, starts_at) *,
            max(starts_at) OVER (PARTITION BY model_version) AS newest
        FROM key WHERE rows > 0 AND mase <> 'NaN'
        ORDER BY model_version, model, unique_id, starts_at, ends_at DESC)
    SELECT model_version, unique_id, sum(ours.rows)::bigint AS rows,
        sum(ours.mase * ours.rows) / sum(ours.rows) AS mase,
        sum(naive.mase * ours.rows) / sum(ours.rows) AS naive_mase,
        sum(ours.coverage_80 * ours.rows) / sum(ours.rows) AS coverage_80,
        min(starts_at) AS starts_at, max(ours.ends_at) AS ends_at
    FROM week AS ours JOIN week AS naive USING (model_version, unique_id, starts_at)
    WHERE ours.model = %(model)s AND naive.model = %(naive)s
        AND starts_at > ours.newest - make_interval(days => %(days)s)
    GROUP BY model_version, unique_id ORDER BY model_version, unique_id"""
_GATE = """SELECT id, run_id, champion, challenger, passed, reasons, page, recorded_at,
        (evidence->>'gain')::float8 AS gain, (evidence->>'low')::float8 AS low,
        (evidence->>'high')::float8 AS high, (evidence->>'days')::bigint AS days,
        coalesce(evidence->'series', '[]') AS series
    FROM gate AS g"""
_GATES = f"""{_GATE} WHERE champion = %(version)s OR challenger = %(version)s
    ORDER BY id DESC LIMIT 100"""
_EVERY_GATE = f"{_GATE} ORDER BY id DESC"
_GATE_OF = f"{_GATE} WHERE run_id = %(run)s ORDER BY id DESC LIMIT 1"
_PROMOTIONS = """SELECT p.*, g.days, g.gain, g.low, g.high, g.said, g.as_of AS judged_at,
        v.sentence_en, v.sentence_pt
    FROM promotion AS p LEFT JOIN LATERAL (
        SELECT * FROM gain WHERE promotion_id = p.id ORDER BY id DESC LIMIT 1) AS g ON true
    LEFT JOIN retrain_run AS r ON r.id = (p.evidence->>'run')::bigint
    LEFT JOIN verdict AS v ON v.id = r.verdict_id AND v.sentence_en = p.why
    WHERE (%(before)s::bigint IS NULL OR p.id < %(before)s)
        AND (%(version)s::text IS NULL OR p.sha256 = %(version)s)
    ORDER BY p.id DESC LIMIT %(limit)s"""
