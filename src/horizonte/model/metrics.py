"""How good forecasts were: scores per model, series and lead-time bucket, and their uncertainty.

Every metric is a mean of one term per row; rows whose actual is missing drop out. Errors that
are compared between series are divided by a scale: the error that the daily seasonal naive made
on the training part (Hyndman & Koehler 2006, https://doi.org/10.1016/j.ijforecast.2006.03.001).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from horizonte import freq
from horizonte.contracts import BACKTEST, QUANTILE_COLUMNS, QUANTILES, SCORE

Reals = NDArray[np.float64]
ALL = "all"  # the bucket of every lead time
BUCKETS = ("PT6H", "PT12H", "PT24H", "PT48H")
_HOUR = pd.Timedelta(hours=1)
_MEANS = ("mase", "sql", "coverage_80", "coverage_90", "width_80", "width_90")


def season(freq_: str) -> int:
    """Return the steps of the scale's season: a day, or a week where a step is a day or longer."""
    day = pd.Timedelta(days=1 if freq.step(freq_) < pd.Timedelta(days=1) else 7)
    return max(1, round(day / freq.step(freq_)))


def scale(history: pd.DataFrame, *, freq_: str) -> pd.DataFrame:
    """Return (unique_id, mae, rmse) of the seasonal naive within ``history``, the training part.

    ``history`` is a regular grid (unique_id, ds, y) without anything of the scored periods. A
    constant series, or one shorter than its season, has no scale (NaN): its scaled scores are
    null, as a ratio to nothing would be.
    """
    ordered = history.sort_values(["unique_id", "ds"])
    change = ordered["y"] - ordered.groupby("unique_id")["y"].shift(season(freq_))
    by = ordered["unique_id"]
    out = pd.DataFrame(
        {
            "mae": change.abs().groupby(by).mean(),
            "rmse": np.sqrt((change**2).groupby(by).mean()),
        }
    )
    return out.where(out > 0).rename_axis("unique_id").reset_index()


def terms(backtest: pd.DataFrame, *, scale: pd.DataFrame) -> pd.DataFrame:
    """Return one row per scored forecast value: its keys, ``lead_time``, and each metric's term.

    A scale with ``until`` (the next replacement of the sensor, or null) is none for what was
    read from then on: those terms are null where they need one.
    """
    rows = backtest[backtest["y"].notna()].merge(scale, on="unique_id", how="left", validate="m:1")
    if "until" in rows:
        over = rows["ds"] >= pd.to_datetime(rows["until"], utc=True)
        rows.loc[over, ["mae", "rmse"]] = np.nan
    y, error = rows["y"], rows["mean"] - rows["y"]
    out = rows[["model", "unique_id", "cutoff", "ds"]].assign(
        lead_time=rows["ds"] - rows["cutoff"],
        error=error,
        size=y.abs(),
        mase=error.abs() / rows["mae"],
        square=(error / rows["rmse"]) ** 2,
        sql=pinball(y.to_numpy(float), rows[list(QUANTILE_COLUMNS)].to_numpy(float)) / rows["mae"],
    )
    for level, low, high in ((80, "q10", "q90"), (90, "q05", "q95")):
        inside = ((y >= rows[low]) & (y <= rows[high])).astype(float)
        out[f"coverage_{level}"] = inside.where(rows[low].notna() & rows[high].notna())
        out[f"width_{level}"] = (rows[high] - rows[low]) / rows["mae"]
    return out


def pinball(y: Reals, quantiles: Reals) -> Reals:
    """Return the pinball loss of ``quantiles`` ``[n, 7]`` at ``y`` ``[n]``, mean over QUANTILES."""
    below, q = y[:, None] - quantiles, np.array(QUANTILES)
    loss: Reals = np.maximum(q * below, (q - 1) * below).mean(axis=1)
    return loss


def scores(
    backtest: pd.DataFrame, *, scale: pd.DataFrame, buckets: Sequence[str] = BUCKETS
) -> pd.DataFrame:
    """Return SCORE rows per model, series and lead-time bucket, and over all lead times.

    ``mase``, ``rmsse``, ``sql`` (mean pinball over QUANTILES) and widths are in units of the
    scale; ``wape`` and ``bias`` are shares of the sum of ``|y|``, bias positive when the forecast
    is high; coverages are shares of rows. Where a metric has no rows or no scale it is null.
    """
    rows = terms(BACKTEST.check(backtest), scale=scale).drop(columns=["cutoff", "ds"])
    rows = rows.assign(rows=1, off=rows["error"].abs())
    parts = [rows.assign(bucket=ALL), rows.assign(bucket=bucket(rows["lead_time"], buckets))]
    scored = [_means(part.drop(columns="lead_time").dropna(subset="bucket")) for part in parts]
    return SCORE.check(pd.concat(scored).sort_index().reset_index()[SCORE.columns])


def _means(rows: pd.DataFrame) -> pd.DataFrame:
    keys = ["model", "unique_id", "bucket"]
    groups = rows.astype(dict.fromkeys(keys, "category")).groupby(keys, observed=True)
    total = groups[["rows", "error", "off", "size"]].sum()
    share = total[["error", "off"]].div(total["size"].where(total["size"] > 0), axis=0)
    out = (
        groups[[*_MEANS, "square"]]
        .mean()
        .assign(rows=total["rows"], bias=share["error"], wape=share["off"])
    )
    out["rmsse"] = np.sqrt(out["square"])
    return out.set_axis(pd.MultiIndex.from_frame(out.index.to_frame().astype(str)))


def bucket(lead_time: pd.Series, upper_ends: Sequence[str]) -> pd.Series:
    """Return the label (``06-12h``) of the bucket that holds each lead time, null beyond."""
    ends = np.array([0.0, *(pd.Timedelta(end) / _HOUR for end in upper_ends)])
    labels = [f"{low:02g}-{high:02g}h" for low, high in pairwise(ends)]
    at = np.searchsorted(ends, (lead_time.to_numpy() / _HOUR).astype(float), side="left")
    return pd.Series(np.array([None, *labels, None], object)[at], index=lead_time.index)


def average(score: pd.DataFrame) -> pd.DataFrame:
    """Return each metric's mean per model and bucket, every series weighing the same."""
    metrics = [c for c in score if c not in ("model", "unique_id", "bucket", "rows")]
    groups = score.groupby(["model", "bucket"])
    return groups[metrics].mean().assign(series=groups["unique_id"].nunique()).reset_index()


def by_cutoff(backtest: pd.DataFrame, *, scale: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the mean of ``metric`` per day of cutoffs (rows) and model (columns).

    Every series weighs the same. ``metric`` is one that is a plain mean: mase, sql, a coverage or
    a width. Cutoffs share the row of their UTC day, at whatever hour a series was forecast.
    """
    rows = terms(backtest, scale=scale)
    day = rows["cutoff"].dt.floor("D").rename("day")
    each = rows.groupby(["model", "unique_id", day])[metric].mean()
    mean = each.groupby(["day", "model"]).mean().reset_index()
    return mean.pivot_table(index="day", columns="model", values=metric)


def interval(
    daily: pd.Series, *, seed: int, level: float = 0.95, block: int = 7, draws: int = 2000
) -> tuple[float, float]:
    """Return the moving-block bootstrap interval of the mean of ``daily``, one value per cutoff.

    Blocks of ``block`` consecutive cutoffs keep their dependence (Künsch 1989,
    https://doi.org/10.1214/aos/1176347265). For a score difference pass the difference of two
    columns of ``by_cutoff``: both models are then resampled on the same days.
    """
    values = daily.dropna().to_numpy(float)
    if values.size == 0:
        return float("nan"), float("nan")
    size = min(block, values.size)
    starts = np.random.default_rng(seed).integers(
        0, values.size - size + 1, size=(draws, -(-values.size // size))
    )
    drawn = values[starts[:, :, None] + np.arange(size)].reshape(draws, -1)[:, : values.size]
    low, high = np.quantile(drawn.mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
