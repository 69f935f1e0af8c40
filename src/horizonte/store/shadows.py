"""What the former champion would have said: which live vintages lack a shadow, and both beside what came."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import pandas as pd

from horizonte.store.bulk import read_frame
from horizonte.store.connection import Connection
from horizonte.store.promotions import Promotion

SLOT = "6 hours"  # of a series' live vintages, the first in each is shadowed


class Live(NamedTuple):
    """One live vintage: what it was of, what it knew, and when it was made."""

    unique_id: str
    as_of: pd.Timestamp
    issued_at: datetime


def missing(conn: Connection, promotion: Promotion, *, days: int) -> list[Live]:
    """Return live vintages since ``promotion`` that the former champion has no shadow of, oldest first.

    Of every series the first one in each six hours of its source's clock, made by the version
    that was promoted, over ``days`` days from the first one on.
    """
    found = conn.execute(_MISSING, _asked(promotion) | {"days": days}).fetchall()
    return [Live(name, pd.Timestamp(as_of), issued_at) for name, as_of, issued_at in found]


def beside(conn: Connection, promotion: Promotion) -> pd.DataFrame:
    """Return mature rows of live vintages and of their shadows: who, and what came.

    Columns: model (``live`` or ``shadow``), unique_id, as_of, cutoff, ds, y, mean and quantiles.
    Only vintages that have a shadow with the same cutoff; a row is mature when its interval is
    over and published on the clock of its source, and ``y`` is null unless a good value (quality
    ``ok``) is on record.
    """
    return read_frame(conn, _BESIDE, _asked(promotion))


def _asked(promotion: Promotion) -> dict[str, object]:
    return {
        "champion": promotion.sha256,
        "former": promotion.previous,
        "since": promotion.recorded_at,
        "slot": SLOT,
    }


_MISSING = """WITH spoke AS (
        SELECT v.unique_id, r.as_of, v.issued_at, min(r.as_of) OVER (PARTITION BY v.unique_id) AS first
        FROM vintage AS v JOIN forecast_run AS r ON r.id = v.run_id
        WHERE v.purpose = 'live' AND r.model_version = %(champion)s AND v.issued_at >= %(since)s
    ), live AS (
        SELECT DISTINCT ON (unique_id, slot) unique_id, as_of, issued_at
        FROM spoke, LATERAL (SELECT date_bin(%(slot)s::interval, as_of, 'epoch') AS slot) AS s
        WHERE as_of < first + make_interval(days => %(days)s)
        ORDER BY unique_id, slot, as_of, issued_at
    )
    SELECT unique_id, as_of, issued_at FROM live WHERE NOT EXISTS (
        SELECT FROM vintage AS v JOIN forecast_run AS r ON r.id = v.run_id
        WHERE v.unique_id = live.unique_id AND v.purpose = 'shadow' AND v.issued_at >= %(since)s
          AND r.model_version = %(former)s AND r.as_of = live.as_of)
    ORDER BY as_of, issued_at, unique_id"""

_BESIDE = """WITH said AS (
        SELECT DISTINCT ON (v.purpose, v.unique_id, r.as_of)
            v.purpose AS model, v.unique_id, r.as_of, v.cutoff, v.run_id, v.first_ds, v.last_ds
        FROM vintage AS v JOIN forecast_run AS r ON r.id = v.run_id
        WHERE v.issued_at >= %(since)s AND (
            (v.purpose = 'live' AND r.model_version = %(champion)s)
            OR (v.purpose = 'shadow' AND r.model_version = %(former)s))
        ORDER BY v.purpose, v.unique_id, r.as_of, v.issued_at
    ), pair AS (
        SELECT a.* FROM said AS a JOIN said AS b USING (unique_id, as_of, cutoff)
        WHERE a.model <> b.model
    )
    SELECT p.model, p.unique_id, p.as_of, p.cutoff, f.ds, coalesce(a.y, 'NaN') AS y,
        f.mean, f.q05, f.q10, f.q25, f.q50, f.q75, f.q90, f.q95
    FROM pair AS p JOIN series AS s USING (unique_id)
    LEFT JOIN source AS c ON c.name = s.source, LATERAL (
        SELECT CASE WHEN c.clock = 'wall' THEN greatest(max(newest_available_at), clock_timestamp())
               ELSE max(newest_available_at) END AS now
        FROM ingest_batch WHERE source = s.source) AS clock,
    LATERAL (SELECT * FROM forecast WHERE unique_id = p.unique_id AND run_id = p.run_id
             AND ds BETWEEN p.first_ds AND p.last_ds) AS f
    LEFT JOIN prepared.observation AS a ON a.unique_id = f.unique_id AND a.ds = f.ds
        AND a.quality = 'ok'
    WHERE f.ds + s.freq::interval + make_interval(secs => s.publication_lag_seconds) <= clock.now
    ORDER BY p.unique_id, p.as_of, f.ds, p.model"""
