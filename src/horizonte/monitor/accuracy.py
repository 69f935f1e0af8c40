"""How good live forecasts were, per series, model version and lead-time bucket."""

from __future__ import annotations

import pandas as pd

from horizonte.model.metrics import ALL, BUCKETS, bucket

KEYS = ["unique_id", "model_version", "bucket"]
COLUMNS = [*KEYS, "n", "mae", "bias", "coverage_80", "coverage_90", "width_80", "naive_mae"]


def accuracy(rows: pd.DataFrame) -> pd.DataFrame:
    """Return COLUMNS per series, version and bucket, and over all lead times (bucket ``all``).

    ``rows`` are mature: (unique_id, model_version, cutoff, ds, mean, q05, q10, q90, q95, y,
    naive), one per vintage and instant, ``y`` what came and ``naive`` what the seasonal naive
    would have said at the cutoff. Errors and widths are in the series' unit, ``bias`` is
    positive when the forecast is high, coverages are shares of rows. ``naive_mae`` is of the
    very rows of ``n``; NaN unless the naive has a value for each of them. Rows without an
    actual drop out.
    """
    known = rows[rows["y"].notna()]
    scored = _terms(known)
    parts = [scored.assign(bucket=ALL), scored]
    whole = pd.concat(parts, ignore_index=True).dropna(subset="bucket")
    groups = whole.groupby(KEYS, sort=True)
    out = groups[["mae", "bias", "coverage_80", "coverage_90", "width_80"]].mean()
    out["n"] = groups.size()
    naive = groups["naive_mae"]
    out["naive_mae"] = naive.mean().where(naive.count() == out["n"])
    return out.reset_index()[COLUMNS]


def _terms(rows: pd.DataFrame) -> pd.DataFrame:
    y, error = rows["y"], rows["mean"] - rows["y"]
    return pd.DataFrame(
        {
            "unique_id": rows["unique_id"],
            "model_version": rows["model_version"],
            "bucket": bucket(rows["ds"] - rows["cutoff"], BUCKETS),
            "mae": error.abs(),
            "bias": error,
            "coverage_80": ((y >= rows["q10"]) & (y <= rows["q90"])).astype(float),
            "coverage_90": ((y >= rows["q05"]) & (y <= rows["q95"])).astype(float),
            "width_80": rows["q90"] - rows["q10"],
            "naive_mae": (rows["naive"] - y).abs(),
        }
    )
