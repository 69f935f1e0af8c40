"""Forecast rows whose actual has come: what accuracy is measured on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from horizonte.prepare.comparable import LOOKED_BACK
from horizonte.store.bulk import read_frame
from horizonte.store.connection import Connection

DAYS = 28
MOST_VINTAGES = 100  # of a series and model version: more are thinned out evenly


class Slots(NamedTuple):
    """One vintage of each slot of cutoffs, the first issued: whatever comes later, the same ones.

    Lengths that share no factor with a day see every hour of it.
    """

    length: pd.Timedelta
    version: str | None = None  # of the model; None: all


WEEKLY, LONG = pd.Timedelta(hours=7), pd.Timedelta(hours=37)


def read(conn: Connection, targets: Iterable[str]) -> pd.DataFrame:
    """Return mature rows of live and shadow vintages of the last 28 days of each source's clock.

    Columns: unique_id, model_version, purpose, cutoff, ds, mean, q05, q10, q25, q50, q75, q90,
    q95, y, naive. A row is mature when its interval is over and published on the clock of its
    source, and a good value (quality ``ok``) is on record. ``naive`` is the value of the last such
    instant, whole days (weeks, where a step is a day or longer) before, that the cutoff knew; NaN
    for none.
    """
    names = {"ids": sorted(set(targets)), "days": DAYS, "most": MOST_VINTAGES}
    return read_frame(conn, _RECENT + _ROWS, names)


def since(
    conn: Connection,
    starts: Mapping[str, pd.Timestamp],
    *,
    now: Mapping[str, pd.Timestamp],
    slots: Slots,
) -> pd.DataFrame:
    """Return mature rows, as ``read`` does, of targets from ``starts`` on, one vintage a slot.

    ``starts`` and ``now`` are per unique_id; ``now`` is on the clock of its source.
    """
    ids = sorted(set(starts) & set(now))
    given = {
        "ids": ids,
        "starts": [starts[i] for i in ids],
        "nows": [now[i] for i in ids],
        "slot": slots.length,
        "version": slots.version,
    }
    found = read_frame(conn, _SINCE + _ROWS, given)
    for name in ("cutoff", "ds"):
        found[name] = pd.to_datetime(found[name], utc=True).astype("datetime64[ns, UTC]")
    reals = [c for c in found if c not in ("unique_id", "model_version", "purpose", "cutoff", "ds")]
    return found.astype(dict.fromkeys(reals, float))


def first_cutoffs(conn: Connection, targets: Iterable[str]) -> dict[tuple[str, str], pd.Timestamp]:
    """Return the first cutoff of live or shadow vintages by (unique_id, model version)."""
    found = conn.execute(_FIRST, (sorted(set(targets)),)).fetchall()
    return {(name, version): pd.Timestamp(cutoff) for name, version, cutoff in found}


def touched(
    conn: Connection,
    starts: Mapping[str, pd.Timestamp],
    *,
    after: pd.Timestamp,
    reads: Mapping[str, Sequence[str]],
) -> dict[str, pd.Timestamp]:
    """Return per series the first instant, from its start on, that was read, corrected or annotated.

    Annotated also where it was a covariate, of those that it ``reads``, and up to ``LOOKED_BACK`` before
    its start: forecasts may have misread it. Only what was recorded ``after`` an instant of the
    database's clock counts.
    """
    pairs = [(name, read) for name in sorted(starts) for read in (name, *reads.get(name, ()))]
    given = {
        "names": [name for name, _ in pairs],
        "reads": [read for _, read in pairs],
        "starts": [starts[name] for name, _ in pairs],
        "after": after,
        "back": LOOKED_BACK,
    }
    return {name: pd.Timestamp(ds) for name, ds in conn.execute(_TOUCHED, given).fetchall()}


_FACTS = """extract(epoch FROM s.freq::interval) AS step, s.publication_lag_seconds AS lag,
            CASE WHEN s.freq::interval < interval '1 day' THEN 86400 ELSE 604800 END AS season"""
_RECENT = f"""WITH target AS (
        SELECT s.unique_id, clock.now, clock.now - make_interval(days => %(days)s) AS since, {_FACTS}
        FROM series AS s LEFT JOIN source AS c ON c.name = s.source, LATERAL (
            SELECT CASE WHEN c.clock = 'wall'
                   THEN greatest(max(newest_available_at), clock_timestamp())
                   ELSE max(newest_available_at) END AS now
            FROM ingest_batch WHERE source = s.source) AS clock
        WHERE s.unique_id = ANY(%(ids)s) AND clock.now IS NOT NULL
    ), every AS (
        SELECT t.*, v.run_id, v.purpose, v.cutoff, v.first_ds, v.last_ds, r.model_version,
            row_number() OVER one - 1 AS place, count(*) OVER (
                PARTITION BY v.unique_id, r.model_version, v.purpose) AS many
        FROM target AS t JOIN vintage AS v USING (unique_id)
        JOIN forecast_run AS r ON r.id = v.run_id
        WHERE v.purpose IN ('live', 'shadow') AND v.first_ds < t.now AND v.last_ds >= t.since
        WINDOW one AS (PARTITION BY v.unique_id, r.model_version, v.purpose
                       ORDER BY v.issued_at, v.run_id)
    ), said AS (SELECT * FROM every WHERE place %% ceil(many / %(most)s::numeric) = 0)"""  # noqa: S608 (fixed texts)
_SINCE = f"""WITH target AS (
        SELECT s.unique_id, t.now, t.since, {_FACTS}
        FROM unnest(%(ids)s::text[], %(starts)s::timestamptz[], %(nows)s::timestamptz[])
            AS t(unique_id, since, now) JOIN series AS s USING (unique_id)
    ), said AS (
        SELECT DISTINCT ON (unique_id, model_version, date_bin(%(slot)s, cutoff, 'epoch')) *
        FROM target JOIN vintage AS v USING (unique_id)
        JOIN (SELECT id AS run_id, model_version FROM forecast_run) AS r USING (run_id)
        WHERE purpose IN ('live', 'shadow') AND first_ds < now AND last_ds >= since - %(slot)s
          AND (%(version)s::text IS NULL OR model_version = %(version)s)
        ORDER BY unique_id, model_version, date_bin(%(slot)s, cutoff, 'epoch'), issued_at, run_id
    )"""  # noqa: S608 (fixed texts)
_ROWS = """
    SELECT f.unique_id, s.model_version, s.purpose, s.cutoff, f.ds, f.mean, f.q05, f.q10, f.q25,
        f.q50, f.q75, f.q90, f.q95, a.y, n.y AS naive
    FROM said AS s JOIN forecast AS f ON f.unique_id = s.unique_id AND f.run_id = s.run_id
        AND f.ds BETWEEN s.first_ds AND s.last_ds
    JOIN prepared.observation AS a ON a.unique_id = f.unique_id AND a.ds = f.ds
        AND a.quality = 'ok'
    LEFT JOIN prepared.observation AS n ON n.unique_id = f.unique_id AND n.quality = 'ok'
        AND n.ds = f.ds - make_interval(secs =>
            s.season * ceil(extract(epoch FROM f.ds - s.cutoff) / s.season)::float8)
    WHERE f.ds >= s.since AND f.ds + make_interval(secs => (s.step + s.lag)::float8) <= s.now
    ORDER BY f.unique_id, s.model_version, f.ds, s.cutoff"""
_FIRST = """SELECT v.unique_id, r.model_version, min(v.cutoff)
    FROM vintage AS v JOIN forecast_run AS r ON r.id = v.run_id
    WHERE v.unique_id = ANY(%s) AND v.purpose IN ('live', 'shadow') GROUP BY 1, 2"""
# By when it was recorded (index observation_recorded): it costs what came, not what there is.
_TOUCHED = """WITH target AS (
        SELECT * FROM unnest(%(names)s::text[], %(reads)s::text[], %(starts)s::timestamptz[])
            AS t(name, unique_id, since)
    ) SELECT name, min(ds) FROM (
        SELECT name, ds FROM target JOIN observation USING (unique_id)
        WHERE name = unique_id AND recorded_at > %(after)s AND ds >= since
        UNION ALL
        SELECT name, greatest(starts_at, since) FROM target JOIN annotation USING (unique_id)
        WHERE recorded_at > %(after)s AND ends_at > since - %(back)s::interval) AS came
    GROUP BY name"""
