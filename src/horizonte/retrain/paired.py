"""A paired test of two models over days that depend on each other.

The days are an autoregression of order one about their mean. For each autocorrelation the mean has
Student's t about its generalised least squares; what is said of it is the mixture over all of
them, each as likely as the days make it (Zellner & Tiao 1964, https://doi.org/10.2307/2283097).
So few days that agree are enough, and few that could be one long swing are not, where
Diebold & Mariano's statistic rejects far too often.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

Reals = NDArray[np.float64]
LEAST = 4  # days without which there is nothing to estimate a variance from
ALIKE = np.r_[np.arange(0, 0.85, 0.1), 0.9, 0.95]  # autocorrelations that are thought of
BEFORE = np.r_[np.ones(9), 0.5, 0.5]  # how likely at first: those of models are 0.1 to 0.8


@dataclass(frozen=True)
class Paired:
    """Mean of the days and what is known of it; ``low`` to ``high`` holds it with 1 - 2 alpha."""

    mean: float
    error: float  # standard error
    low: float
    high: float
    t: float
    nu: int  # degrees of freedom
    p: float  # one-sided: that the true mean is below 0
    days: int


@dataclass(frozen=True)
class _Mixture:
    """What the mean may be: Student's t of ``nu`` degrees of freedom, by autocorrelation [K]."""

    mean: Reals
    error: Reals
    weight: Reals
    nu: int

    def above(self, value: float) -> float:
        """Return the chance that the mean is above ``value``."""
        return float(self.weight @ stats.t.sf((value - self.mean) / self.error, self.nu))

    def quantile(self, chance: float) -> float:
        """Return the value that the mean is below with ``chance``."""
        each = self.mean + self.error * stats.t.ppf(chance, self.nu)
        if each.max() - each.min() <= 1e-12 * self.error.max():
            return float(each[0])
        return float(optimize.brentq(lambda v: 1 - chance - self.above(v), each.min(), each.max()))


def paired(daily: ArrayLike, *, alpha: float) -> Paired:
    """Return the test of the mean of ``daily`` (one difference per day, in order) against 0.

    ``low`` is above 0 exactly where the one-sided test rejects at level ``alpha``. Days that all
    differ by the same have no error: their mean is what it is. Raises ValueError for fewer than
    LEAST days or for one that is not finite.
    """
    values = np.asarray(daily, dtype=float)
    if values.size < LEAST or not np.isfinite(values).all():
        raise ValueError(f"{values.size} days, of which {LEAST} finite ones are needed")
    n, mean = values.size, float(values.mean())
    if values.std() <= 1e-12 * max(1.0, abs(mean)):
        t = float(np.sign(mean)) * np.inf if mean else 0.0
        return Paired(mean, 0.0, mean, mean, t, n - 1, 0.0 if mean > 0 else 1.0, n)
    known = _mixture(values)
    error = float(np.sqrt(known.weight @ (known.error**2 + (known.mean - mean) ** 2)))
    low, high = known.quantile(alpha), known.quantile(1 - alpha)
    return Paired(mean, error, low, high, mean / error, known.nu, 1 - known.above(0.0), n)


def _mixture(values: Reals) -> _Mixture:
    """Return what the mean of ``values`` may be, by the autocorrelations ALIKE."""
    n, rho = values.size, ALIKE[:, None]
    first = np.sqrt(1 - rho**2)  # the first day knows none before it
    ones = np.hstack((first, np.tile(1 - rho, n - 1)))
    new = np.hstack((first * values[0], values[1:] - rho * values[:-1]))
    power = (ones**2).sum(axis=1)
    mean = (ones * new).sum(axis=1) / power
    left = ((new - mean[:, None] * ones) ** 2).sum(axis=1)
    likely = np.log(first[:, 0]) - 0.5 * np.log(power) - 0.5 * (n - 1) * np.log(left)
    weight = BEFORE * np.exp(likely - likely.max())
    return _Mixture(mean, np.sqrt(left / (n - 1) / power), weight / weight.sum(), n - 1)
