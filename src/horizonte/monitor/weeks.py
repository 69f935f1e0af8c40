"""Scores of calendar weeks: a week is scored again only when something of it has changed.

Weeks begin on Monday 00:00 UTC. The running week is scored up to the last whole day.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from horizonte.contracts import BACKTEST, QUANTILE_COLUMNS, SCORE
from horizonte.model import metrics
from horizonte.model.ensemble import NAME

NAIVE = "seasonal_naive"
WEEK = pd.Timedelta(days=7)
_MONDAY = pd.Timestamp("1970-01-05", tz="UTC")
_FIRST = pd.Timedelta(days=4)  # from 1970-01-01 to a Monday
KEY = ["model_version", "model", "unique_id", "bucket", "starts_at", "ends_at"]
VALUES = [c for c in SCORE.columns if c not in SCORE.key]


def start(instant: pd.Timestamp) -> pd.Timestamp:
    """Return the Monday on or before ``instant``."""
    return instant - (instant - _MONDAY) % WEEK


def _starts(instants: pd.Series) -> pd.Series:
    """Return ``start`` of each."""
    return (instants - _FIRST).dt.floor("7D") + _FIRST


def score(
    rows: pd.DataFrame,
    *,
    scales: Mapping[tuple[str, str], tuple[float, float]],
    now: Mapping[str, pd.Timestamp],
) -> pd.DataFrame:
    """Return KEY and VALUES of every week of ``rows``, the model's and the seasonal naive's.

    ``rows`` are mature (unique_id, model_version, cutoff, ds, mean, quantiles, y, naive);
    ``scales`` gives (mae, rmse) by (unique_id, model_version), ``now`` the clock of each series.
    """
    whole = pd.to_datetime(rows["unique_id"].map(now), utc=True).dt.floor("D")
    rows = rows[rows["ds"] < whole]
    if rows.empty:
        return pd.DataFrame(columns=KEY + VALUES)
    # All at once: each week of a version's series stands as a series of its own.
    parts = rows.groupby(["model_version", _starts(rows["ds"]).rename("starts_at"), "unique_id"])
    keys = parts.size().index.to_frame(index=False)
    keys = keys.assign(part=keys.index.astype(str), ends_at=keys["starts_at"] + WEEK)
    of = zip(keys["unique_id"], keys["model_version"], strict=True)
    scale = pd.DataFrame([scales.get(one, (np.nan, np.nan)) for one in of], columns=["mae", "rmse"])
    made = _score(
        rows.assign(unique_id=parts.ngroup().astype(str)),
        scale=scale.assign(unique_id=keys["part"]),
    )
    found = made.rename(columns={"unique_id": "part"}).merge(keys, on="part", validate="m:1")
    order = ["model_version", "starts_at", "model", "unique_id", "bucket"]
    return found[KEY + VALUES].sort_values(order, ignore_index=True)


def changed(found: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``found`` that ``known`` (in force, same weeks) does not hold already.

    A key of ``known`` that is found no more, because its rows were taken out, is scored as
    nothing: no rows and no values.
    """
    old = known.set_index(KEY)[VALUES].astype(float)
    new = found.set_index(KEY)[VALUES].astype(float)
    same = new.index.isin(old.index)
    before = old.reindex(new.index[same])
    held = np.isclose(before, new[same], rtol=1e-9, atol=1e-12, equal_nan=True).all(axis=1)
    keep = np.ones(len(new), dtype=bool)
    keep[np.flatnonzero(same)[held]] = False
    gone = old[~old.index.isin(new.index) & (old["rows"] > 0)]
    empty = pd.DataFrame(np.nan, index=gone.index, columns=VALUES).assign(rows=0.0)
    out = pd.concat([part for part in (new[keep], empty) if len(part)] or [new[keep]])
    return out.astype({"rows": "int64"}).reset_index()


def _score(rows: pd.DataFrame, *, scale: pd.DataFrame) -> pd.DataFrame:
    ours = rows.assign(model=NAME)
    beside = rows[rows["naive"].notna()].assign(model=NAIVE, mean=lambda r: r["naive"])
    beside[list(QUANTILE_COLUMNS)] = np.nan
    both = pd.concat([part for part in (ours, beside) if len(part)], ignore_index=True)
    return metrics.scores(both[BACKTEST.columns], scale=scale)
