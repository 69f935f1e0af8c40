"""A paired test of two models over days that depend on each other.

The long-run variance of the daily differences is the mean of their squared projections on the
first cosines, and the statistic is compared with Student's t of as many degrees of freedom
(equal-weighted cosines: Lazarus, Lewis, Stock & Watson 2018,
https://doi.org/10.1080/07350015.2018.1506926). The same of what an autoregression of order one
leaves (Andrews & Monahan 1992, https://doi.org/10.2307/2951574), its coefficient corrected for
the bias of few days, is taken where it is larger. So the level holds where few and strongly
autocorrelated days are at hand, for which Diebold & Mariano's statistic rejects far too often.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Reals = NDArray[np.float64]
LEAST = 4  # days without which there is nothing to estimate a variance from
MOST = 0.95  # autocorrelation that is believed


@dataclass(frozen=True)
class Paired:
    """Mean of the days and what is known of it; ``low`` to ``high`` holds it with 1 - 2 alpha."""

    mean: float
    error: float  # standard error
    low: float
    high: float
    t: float
    nu: int  # degrees of freedom
    p: float  # one-sided: of a mean this high where the true one is 0
    days: int


def paired(daily: ArrayLike, *, alpha: float) -> Paired:
    """Return the test of the mean of ``daily`` (one difference per day, in order) against 0.

    ``low`` is above 0 exactly where the one-sided test rejects at level ``alpha``. Days that all
    differ by the same have no error: their mean is what it is. Raises ValueError for fewer than
    LEAST days or for one that is not finite.
    """
    values = np.asarray(daily, dtype=float)
    if values.size < LEAST or not np.isfinite(values).all():
        raise ValueError(f"{values.size} days, of which {LEAST} finite ones are needed")
    n, mean, nu = values.size, float(values.mean()), degrees(values.size)
    error = float(np.sqrt(_variance(values, nu) / n))
    if error <= 1e-12 * max(1.0, abs(mean)):
        t = float(np.sign(mean)) * np.inf if mean else 0.0
        return Paired(mean, 0.0, mean, mean, t, nu, 0.0 if mean > 0 else 1.0, n)
    reach = float(stats.t.ppf(1 - alpha, nu)) * error
    t = mean / error
    return Paired(mean, error, mean - reach, mean + reach, t, nu, float(stats.t.sf(t, nu)), n)


def degrees(days: int) -> int:
    """Return how many cosines are summed: 0.5 n^(2/3), rounded, at least 2."""
    found: float = 0.5 * days ** (2 / 3)
    return max(2, round(found))


def _variance(values: Reals, nu: int) -> float:
    """Return the long-run variance of ``values``, the larger of two estimates."""
    centred = values - values.mean()
    lag = _autocorrelation(centred)
    left = centred[1:] - lag * centred[:-1]
    return max(_cosines(values, nu), _cosines(left, nu) / (1 - lag) ** 2)


def _cosines(values: Reals, nu: int) -> float:
    n = values.size
    place = np.pi * np.outer(np.arange(1, nu + 1), np.arange(n) + 0.5) / n
    weights = np.sqrt(2 / n) * np.cos(place) @ values
    return float(np.mean(weights**2))


def _autocorrelation(centred: Reals) -> float:
    """Return the first autocorrelation without the bias of few days (Kendall 1954), 0 to 0.95."""
    n, total = centred.size, float(centred @ centred)
    if total == 0:
        return 0.0
    found = float(centred[1:] @ centred[:-1]) / total
    return float(np.clip((n * found + 1) / (n - 3), 0, MOST))
