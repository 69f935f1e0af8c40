"""Every target at a glance: newest reading, newest forecast, scores of the champion, sparklines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.rows import dict_row

from horizonte.store.browse import Row
from horizonte.store.connection import Connection

POINTS = 48  # of a sparkline's history; the forecast takes up to half as many
MODEL, NAIVE = "ensemble", "seasonal_naive"


def targets(conn: Connection) -> list[Row]:
    """Return every target by name: its facts, newest reading, newest live vintage, newest scores.

    ``last_ds`` and ``last_y``; ``run_id``, ``as_of``, ``issued_at``, ``cutoff``, ``degraded`` of
    the vintage; ``mase``, ``naive_mase``, ``coverage_80`` of the serving model's newest week from
    ``scored_from``. Null for what there is not.
    """
    return _rows(conn, _TARGETS, {"model": MODEL, "naive": NAIVE})


def sparks(conn: Connection, shown: Sequence[Mapping[str, Any]]) -> dict[str, list[Row]]:
    """Return per series of ``targets`` rows the points of its sparkline, by time.

    ``x`` counts from 0, the oldest of POINTS places, to the newest reading at POINTS - 1 and on
    into the forecast; ``y`` of the clean grid, or ``mean``, ``low``, ``high`` (80 %) of the
    newest vintage. A place is two days over POINTS, or one step of a coarser grid.
    """
    given = {
        "ids": [row["unique_id"] for row in shown],
        "ends": [row["last_ds"] for row in shown],
        "runs": [row["run_id"] for row in shown],
        "points": POINTS,
    }
    found: dict[str, list[Row]] = {row["unique_id"]: [] for row in shown}
    for point in _rows(conn, _SPARKS, given):
        found[point["unique_id"]].append(point)
    return found


def _rows(conn: Connection, query: str, given: dict[str, Any]) -> list[Row]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), given).fetchall()


_TARGETS = """WITH champion AS (SELECT sha256 FROM promotion ORDER BY id DESC LIMIT 1),
    score AS (
        SELECT DISTINCT ON (unique_id, model) unique_id, model, mase, coverage_80, starts_at
        FROM evaluation WHERE model_version = (SELECT sha256 FROM champion) AND bucket = 'all'
            AND model IN (%(model)s, %(naive)s)
        ORDER BY unique_id, model, starts_at DESC, id DESC)
    SELECT s.unique_id, s.unit, s.zone, s.freq, s.source,
        extract(epoch FROM s.freq::interval)::float8 AS step_seconds, s.publication_lag_seconds,
        o.ds AS last_ds, o.y AS last_y, v.run_id, v.as_of, v.issued_at, v.cutoff, v.degraded,
        ours.mase, naive.mase AS naive_mase, ours.coverage_80, ours.starts_at AS scored_from
    FROM series AS s
    LEFT JOIN LATERAL (SELECT ds, y FROM observation WHERE unique_id = s.unique_id
        ORDER BY ds DESC, revision DESC LIMIT 1) AS o ON true
    LEFT JOIN LATERAL (
        SELECT v.run_id, r.as_of, v.issued_at, v.cutoff, v.degraded
        FROM vintage AS v JOIN forecast_run AS r ON r.id = v.run_id
        WHERE v.unique_id = s.unique_id AND v.purpose = 'live'
        ORDER BY v.issued_at DESC, v.run_id DESC LIMIT 1) AS v ON true
    LEFT JOIN score AS ours ON ours.unique_id = s.unique_id AND ours.model = %(model)s
    LEFT JOIN score AS naive ON naive.unique_id = s.unique_id AND naive.model = %(naive)s
        AND naive.starts_at = ours.starts_at
    WHERE s.role = 'target' ORDER BY s.unique_id"""
_SPARKS = """WITH place AS (
        SELECT id, run, last, greatest(extract(epoch FROM s.freq::interval),
            172800.0 / %(points)s)::float8 AS width
        FROM unnest(%(ids)s::text[], %(ends)s::timestamptz[], %(runs)s::bigint[])
            AS given(id, last, run) JOIN series AS s ON s.unique_id = id
    ), points AS (
        SELECT p.id AS unique_id,
            %(points)s - 1 - floor(extract(epoch FROM p.last - o.ds) / p.width)::int AS x,
            avg(o.y) AS y, NULL::float8 AS mean, NULL::float8 AS low, NULL::float8 AS high
        FROM place AS p JOIN prepared.observation AS o ON o.unique_id = p.id
            AND o.ds > p.last - make_interval(secs => p.width * %(points)s) AND o.ds <= p.last
        GROUP BY 1, 2
        UNION ALL
        SELECT p.id, %(points)s - 1 + ceil(extract(epoch FROM f.ds - p.last) / p.width)::int,
            NULL, avg(f.mean), avg(f.q10), avg(f.q90)
        FROM place AS p JOIN vintage AS v ON v.unique_id = p.id AND v.run_id = p.run
        JOIN forecast AS f ON f.unique_id = p.id AND f.run_id = p.run
            AND f.ds BETWEEN v.first_ds AND v.last_ds AND f.ds > p.last
            AND f.ds <= p.last + make_interval(secs => p.width * %(points)s / 2)
        GROUP BY 1, 2)
    SELECT * FROM points ORDER BY unique_id, x"""
