"""Skill and coverage of a window with their uncertainty, days of cutoffs as its units.

Rows of one cutoff, and of cutoffs of one day, err together: they are one look, however many they
are. Days that follow each other err alike too: by their first autocorrelation they count as fewer
(Bayley & Hammersley 1946, https://doi.org/10.2307/2983560), freed of its bias in short samples
(Kendall 1954, https://doi.org/10.1093/biomet/41.3-4.403).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

LEVEL = 0.998  # of the intervals: many targets are looked at, day after day


@dataclass(frozen=True)
class Estimate:
    """A value and the interval of its uncertainty."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Window:
    """What mature rows of one target say; None where nothing could be measured.

    ``skill`` is the error as a share of the naive's on the same rows: smaller is better. ``days``
    are days of cutoffs.
    """

    rows: int = 0
    days: int = 0
    skill: Estimate | None = None
    coverage_80: Estimate | None = None
    coverage_90: Estimate | None = None


NOTHING = Window()


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
        _ratio(error, naive, day[beside.index], most=math.inf),
        *(
            _ratio(_inside(known, *band), one, day, most=1.0)
            for band in (("q10", "q90"), ("q05", "q95"))
        ),
    )


def _inside(rows: pd.DataFrame, low: str, high: str) -> pd.Series:
    return ((rows["y"] >= rows[low]) & (rows["y"] <= rows[high])).astype(float)


def _ratio(above: pd.Series, below: pd.Series, day: pd.Series, *, most: float) -> Estimate | None:
    """Return sum(above) / sum(below), from 0 to ``most``, and how far the days deviate from it."""
    top, bottom = above.groupby(day).sum(), below.groupby(day).sum()
    if bottom.sum() <= 0 or not np.isfinite(top.sum()):
        return None
    value = float(top.sum() / bottom.sum())
    reach = _reach(((top - value * bottom) / bottom.mean()).to_numpy())
    if not math.isfinite(reach):
        return None
    return Estimate(value, max(0.0, value - reach), min(most, value + reach))


def _reach(off: np.ndarray) -> float:
    """Return half the width of the interval of a mean of ``off``, deviations day by day."""
    n, spread = len(off), float((off**2).sum())
    if n < 3:
        return math.inf
    alike = float((off[1:] * off[:-1]).sum()) / spread if spread > 0 else 0.0
    alike = min(max(0.0, alike + (1 + 3 * alike) / n), 0.99)  # short samples show too little
    effective = max(2.0, n * (1 - alike) / (1 + alike))
    quantile = float(stats.t.ppf((1 + LEVEL) / 2, effective - 1))
    return quantile * math.sqrt(spread / (n - 1) / effective)
