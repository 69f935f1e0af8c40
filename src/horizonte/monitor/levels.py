"""Skill and coverage of a window with their uncertainty, days of cutoffs as its units.

Rows of one cutoff, and of cutoffs of one day, err together: they are one look, however many they
are. Days are resampled in blocks of a week, as ``metrics.interval`` does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from horizonte.model.metrics import interval

LEVEL = 0.99  # of the intervals: many targets are looked at, day after day
SEED = 7


@dataclass(frozen=True)
class Estimate:
    """A value and the interval of its uncertainty."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Window:
    """What the mature rows of one target say."""

    rows: int
    days: int
    skill: Estimate | None
    coverage_80: Estimate | None
    coverage_90: Estimate | None


def measure(rows: pd.DataFrame) -> Window:
    """Return skill and coverages of ``rows`` of one target, None where nothing can be said.

    ``rows`` has cutoff, mean, q05, q10, q90, q95, y and naive, one row per vintage and instant.
    Skill is the sum of absolute errors as a share of the naive's, over rows for which the naive
    has a value.
    """
    known = rows[rows["y"].notna()]
    day = known["cutoff"].dt.floor("D")
    beside = known[known["naive"].notna()]
    error = (beside["mean"] - beside["y"]).abs()
    naive = (beside["naive"] - beside["y"]).abs()
    one = pd.Series(1.0, index=known.index)
    return Window(
        len(known),
        int(day.nunique()),
        _ratio(error, naive, day[beside.index]),
        *(_ratio(_inside(known, *band), one, day) for band in (("q10", "q90"), ("q05", "q95"))),
    )


def _inside(rows: pd.DataFrame, low: str, high: str) -> pd.Series:
    return ((rows["y"] >= rows[low]) & (rows["y"] <= rows[high])).astype(float)


def _ratio(above: pd.Series, below: pd.Series, day: pd.Series) -> Estimate | None:
    """Return sum(above) / sum(below), its uncertainty by the days' own deviations from it."""
    top, bottom = above.groupby(day).sum(), below.groupby(day).sum()
    if bottom.sum() <= 0 or not np.isfinite(top.sum()):
        return None
    value = float(top.sum() / bottom.sum())
    low, high = interval(
        value + (top - value * bottom) / bottom.mean(), seed=SEED, level=LEVEL, block=7
    )
    if not all(map(math.isfinite, (value, low, high))):
        return None
    return Estimate(value, min(low, value), max(high, value))
