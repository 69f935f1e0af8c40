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
LIKELY = 0.95  # of the bound that is enough beside a second witness


@dataclass(frozen=True)
class Estimate:
    """A value and the interval of its uncertainty; it is likely to be more than ``likely``."""

    value: float
    low: float
    high: float
    likely: float | None = None


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
LEAST = 3  # days: fewer have no spread


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
    return Window(
        len(known),
        int(day.nunique()),
        _ratio(error, naive, day[beside.index]),
        *(_share(_inside(known, *band), day) for band in (("q10", "q90"), ("q05", "q95"))),
    )


def _inside(rows: pd.DataFrame, low: str, high: str) -> pd.Series:
    return ((rows["y"] >= rows[low]) & (rows["y"] <= rows[high])).astype(float)


def _ratio(above: pd.Series, below: pd.Series, day: pd.Series) -> Estimate | None:
    """Return sum(above) / sum(below) and how far the days deviate from it."""
    top, bottom = above.groupby(day).sum(), below.groupby(day).sum()
    if len(top) < LEAST or bottom.sum() <= 0 or not np.isfinite(top.sum()):
        return None
    value = float(top.sum() / bottom.sum())
    error, looks = _error(((top - value * bottom) / bottom.mean()).to_numpy())
    reach, near = _times((1 + LEVEL) / 2, looks) * error, _times(LIKELY, looks) * error
    return Estimate(value, max(0.0, value - reach), value + reach, max(0.0, value - near))


def _share(inside: pd.Series, day: pd.Series) -> Estimate | None:
    """Return the share of ``inside`` with the interval of the shares that it may stem from.

    A share near 1 varies little, one that should be 0.8 more: each share is held against the
    error that it would have itself (Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953),
    not against that of the share that was seen.
    """
    top, rows = inside.groupby(day).sum(), inside.groupby(day).size()
    if len(top) < LEAST:
        return None
    value = float(top.sum() / rows.sum())
    error, looks = _error(((top - value * rows) / rows.mean()).to_numpy())
    spread = value * (1 - value)
    each = error**2 / spread if error > 0 else 1 / float(rows.sum())
    wide = _times((1 + LEVEL) / 2, looks) ** 2 * each
    middle = (value + wide / 2) / (1 + wide)
    half = math.sqrt(wide * spread + wide**2 / 4) / (1 + wide)
    return Estimate(value, max(0.0, middle - half), min(1.0, middle + half))


def _times(chance: float, looks: float) -> float:
    return float(stats.t.ppf(chance, looks - 1))


def _error(off: np.ndarray) -> tuple[float, float]:
    """Return the error of a mean of ``off``, deviations day by day, and its independent looks."""
    n, spread = len(off), float((off**2).sum())
    alike = float((off[1:] * off[:-1]).sum()) / spread if spread > 0 else 0.0
    alike = min(max(0.0, alike + (1 + 3 * alike) / n), 0.99)  # short samples show too little
    looks = max(2.0, n * (1 - alike) / (1 + alike))
    return math.sqrt(spread / (n - 1) / looks), looks
