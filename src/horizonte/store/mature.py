"""Forecast rows whose actual has come: what live accuracy is measured on."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from horizonte.store.bulk import read_frame
from horizonte.store.connection import Connection

DAYS = 28
MOST_VINTAGES = 100  # of a series and model version: more are thinned out evenly


def read(conn: Connection, targets: Iterable[str]) -> pd.DataFrame:
    """Return mature rows of live and shadow vintages of the last 28 days of each source's clock.

    Columns: unique_id, model_version, purpose, cutoff, ds, mean, q05, q10, q90, q95, y, naive.
    A row is mature when its interval is over and published on the clock of its source, and a
    good value (quality ``ok``) is on record. ``naive`` is the value of the last such instant,
    whole days (weeks, where a step is a day or longer) before, that the cutoff knew; NaN for none.
    """
    names = {"ids": sorted(set(targets)), "days": DAYS, "most": MOST_VINTAGES}
    return read_frame(conn, _MATURE, names)


_MATURE = """WITH target AS (
        SELECT s.unique_id, clock.now, extract(epoch FROM s.freq::interval) AS step,
            s.publication_lag_seconds AS lag,
            CASE WHEN s.freq::interval < interval '1 day' THEN 86400 ELSE 604800 END AS season
        FROM series AS s LEFT JOIN source AS c ON c.name = s.source, LATERAL (
            SELECT CASE WHEN c.clock = 'wall'
                   THEN greatest(max(newest_available_at), clock_timestamp())
                   ELSE max(newest_available_at) END AS now
            FROM ingest_batch WHERE source = s.source) AS clock
        WHERE s.unique_id = ANY(%(ids)s) AND clock.now IS NOT NULL
    ), said AS (
        SELECT t.*, v.run_id, v.purpose, v.cutoff, v.first_ds, v.last_ds, r.model_version,
            row_number() OVER one - 1 AS place, count(*) OVER (
                PARTITION BY v.unique_id, r.model_version, v.purpose) AS many
        FROM target AS t JOIN vintage AS v USING (unique_id)
        JOIN forecast_run AS r ON r.id = v.run_id
        WHERE v.purpose IN ('live', 'shadow') AND v.first_ds < t.now
          AND v.last_ds >= t.now - make_interval(days => %(days)s)
        WINDOW one AS (PARTITION BY v.unique_id, r.model_version, v.purpose
                       ORDER BY v.issued_at, v.run_id)
    )
    SELECT f.unique_id, s.model_version, s.purpose, s.cutoff, f.ds, f.mean, f.q05, f.q10, f.q90,
        f.q95, a.y, n.y AS naive
    FROM said AS s JOIN forecast AS f ON f.unique_id = s.unique_id AND f.run_id = s.run_id
        AND f.ds BETWEEN s.first_ds AND s.last_ds
    JOIN prepared.observation AS a ON a.unique_id = f.unique_id AND a.ds = f.ds
        AND a.quality = 'ok'
    LEFT JOIN prepared.observation AS n ON n.unique_id = f.unique_id AND n.quality = 'ok'
        AND n.ds = f.ds - make_interval(secs =>
            s.season * ceil(extract(epoch FROM f.ds - s.cutoff) / s.season)::float8)
    WHERE s.place %% ceil(s.many / %(most)s::numeric) = 0
      AND f.ds >= s.now - make_interval(days => %(days)s)
      AND f.ds + make_interval(secs => (s.step + s.lag)::float8) <= s.now
    ORDER BY f.unique_id, s.model_version, f.ds, s.cutoff"""
