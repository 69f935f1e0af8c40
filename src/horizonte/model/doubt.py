"""What a lost covariate leaves open: how far the answer would move if it were known.

By the law of total variance, the variance of y without a covariate is its variance with it plus
the variance of the answer over what the covariate may be. Calibration has measured the first. For
the second the same models are asked again, with the covariate as it was on each of the days
before it fell silent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from horizonte.prepare.windows import Reals, Windows

DAYS = 7  # that a lost covariate may be like: each day of a week
UNSEEN = 0.2  # of its own variance, what a covariate leaves open that no day of the look-back shows
NORMAL = (-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645)  # quantiles of a standard normal


@dataclass(frozen=True)
class Doubt:
    """Per forecast row, what to add to its variance."""

    deviation: Reals  # [rows], in the unit of y; 0 where nothing is lost
    unseen: Reals  # [rows], as a share of the variance that the row has

    def widened(self, bands: Reals) -> Reals:
        """Return ``bands`` ``[rows, 7]`` farther from their median, in order; same bits without doubt."""
        middle = bands[:, [len(NORMAL) // 2]]
        more = self.unseen[:, None] * (bands - middle) ** 2
        more = more + (np.array(NORMAL) * self.deviation[:, None]) ** 2
        away = np.sign(NORMAL) * np.sqrt((bands - middle) ** 2 + more)
        doubtful = (self.deviation > 0) | (self.unseen > 0)
        return np.where(doubtful[:, None], np.maximum.accumulate(middle + away, axis=1), bands)


def doubt(
    view: Windows, mean: Reals, *, where: np.ndarray, ask: Callable[[Windows], Reals]
) -> Doubt:
    """Return what the lost covariates of the rows ``where`` leave open of their ``mean``.

    ``ask`` gives the expected values ``[n, horizon]`` of windows. A row's doubt depends on that
    row alone.
    """
    deviation, unseen = np.zeros_like(mean), np.zeros_like(mean)
    if (rows := np.flatnonzero(where)).size:
        known, seen = _alike(view.take(rows))
        moved = ask(known).reshape(len(rows), DAYS, -1) - mean[rows][:, None]
        deviation[rows] = np.sqrt((moved**2).mean(axis=1))
        unseen[rows] = np.where(seen, 0.0, UNSEEN)[:, None]
    return Doubt(deviation.ravel(), unseen.ravel())


def _alike(view: Windows) -> tuple[Windows, np.ndarray]:
    """Return ``DAYS`` copies of each row with what is lost filled in, and whether all of it could be."""
    copies = view.take(np.repeat(np.arange(len(view)), DAYS))
    covariates = {name: values.copy() for name, values in copies.covariates.items()}
    future = {name: values.copy() for name, values in copies.future.items()}
    seen = np.ones(len(view), bool)
    for row, names in enumerate(view.lost):
        for name in names:
            past, ahead = covariates[name], future.get(name)
            parts = [past[row * DAYS], *([] if ahead is None else [ahead[row * DAYS]])]
            filled = _days(np.concatenate(parts), view.steps("P1D"))
            own = slice(row * DAYS, (row + 1) * DAYS)
            seen[row] &= bool(np.isfinite(filled).any())
            past[own] = filled[:, : view.length]
            if ahead is not None:
                ahead[own] = filled[:, view.length :]
    return replace(copies, covariates=covariates, future=future, lost=()), seen


def _days(values: Reals, day: int) -> Reals:
    """Return ``values`` ``DAYS`` times, the gap at their end as it was whole days before it."""
    last = int(np.flatnonzero(np.isfinite(values)).max(initial=-1))
    out = np.tile(values, (DAYS, 1))
    gap = np.arange(last + 1, len(values))
    for number in range(DAYS if last >= 0 else 0):
        from_ = gap - (-(-len(gap) // day) + number) * day
        out[number, gap] = np.where(from_ >= 0, values[np.maximum(from_, 0)], np.nan)
    return out
