"""Reads into histories at many (row, column) places at once, never past the column asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from horizonte.prepare.windows import Reals, Windows

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Running:
    """Running sums of a ``[n, length]`` array without its NaNs, so that any mean is one difference.

    Sums run forward in time, one step after another: a later value cannot change an earlier one,
    and a row gives the same bits alone and among others.
    """

    total: Reals
    count: Ints

    @classmethod
    def of(cls, values: Reals) -> Running:
        """Return the running sums of ``values`` along time."""
        seen = np.isfinite(values)
        pad = ((0, 0), (1, 0))
        return cls(
            np.pad(np.cumsum(np.where(seen, values, 0.0), axis=1), pad),
            np.pad(np.cumsum(seen, axis=1), pad),
        )

    def mean(self, row: Ints, last: Ints, width: int) -> Reals:
        """Return the mean over the ``width`` columns up to and including ``last``; NaN when none."""
        end, start = np.maximum(last + 1, 0), np.maximum(last + 1 - width, 0)
        count = self.count[row, end] - self.count[row, start]
        total = self.total[row, end] - self.total[row, start]
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


@dataclass(frozen=True)
class Tracks:
    """Windows with what repeated reads need: last observation, running sums, same times of day and week."""

    windows: Windows
    observed: Ints  # [n, length] column of the last observation at or before, -1 when none
    origin: Reals  # [n] first observed value, taken off before squares are summed
    sums: Running
    squares: Running
    by_day: Reals  # y, or the nearest earlier value at the same time of day
    by_week: Reals
    known: dict[str, Reals]  # covariates, [n, length + horizon] where known ahead

    @classmethod
    def of(cls, windows: Windows) -> Tracks:
        """Prepare ``windows`` for reading."""
        y = windows.y
        column = np.where(np.isfinite(y), np.arange(windows.length), -1)
        first = np.isfinite(y).argmax(axis=1)
        origin = np.nan_to_num(y[np.arange(len(y)), first])
        off = y - origin[:, None]
        known = {
            name: np.hstack([past, windows.future[name]]) if name in windows.future else past
            for name, past in windows.covariates.items()
        }
        return cls(
            windows,
            np.maximum.accumulate(column, axis=1),
            origin,
            Running.of(off),
            Running.of(off**2),
            carried(y, windows.steps("P1D")),
            carried(y, windows.steps("P7D")),
            known,
        )

    def seen(self, row: Ints, cutoff: Ints) -> Ints:
        """Return the column of the last observation at or before ``cutoff``, -1 when none."""
        return self.observed[row, cutoff]

    def known_back(self, row: Ints, cutoff: Ints, target: Ints, season: int) -> Ints:
        """Return the fewest whole seasons that lead from ``target`` back to what was observed."""
        ahead = target - self.seen(row, cutoff)
        return -(-ahead // season) * season

    def same_time(self, row: Ints, cutoff: Ints, target: Ints, season: int, back: int) -> Reals:
        """Return the newest value one whole number of seasons before ``target``, ``back`` more seasons ago."""
        column = target - self.known_back(row, cutoff, target, season) - back * season
        return self.filled(row, column, season)

    def filled(self, row: Ints, column: Ints, season: int) -> Reals:
        """Return y at ``column``, or the nearest earlier value a whole number of seasons before."""
        return read(
            self.by_day if season == self.windows.steps("P1D") else self.by_week, row, column
        )

    def last(self, row: Ints, cutoff: Ints) -> Reals:
        """Return the last observed value."""
        return read(self.windows.y, row, self.seen(row, cutoff))

    def mean(self, row: Ints, cutoff: Ints, width: int) -> Reals:
        """Return the mean of the ``width`` steps up to the last observation at or before ``cutoff``."""
        last = np.where(cutoff >= 0, self.observed[row, np.maximum(cutoff, 0)], -1)
        return self.sums.mean(row, last, width) + self.origin[row]

    def spread(self, row: Ints, cutoff: Ints, width: int) -> Reals:
        """Return the standard deviation of the ``width`` steps up to the last observation."""
        last = self.seen(row, cutoff)
        mean = self.sums.mean(row, last, width)
        variance = np.maximum(self.squares.mean(row, last, width) - mean**2, 0.0)
        return np.sqrt(np.where(variance > 1e-18 * (mean + self.origin[row]) ** 2, variance, 0.0))

    def level(self, row: Ints, cutoff: Ints) -> Reals:
        """Return the mean of the last observed week."""
        return self.mean(row, cutoff, self.windows.steps("P7D"))

    def scale(self, row: Ints, cutoff: Ints) -> Reals:
        """Return the standard deviation of the last observed four weeks; 0 when constant or unseen."""
        return np.nan_to_num(self.spread(row, cutoff, self.windows.steps("P28D")))

    def covariate(self, name: str, row: Ints, column: Ints) -> Reals:
        """Return a covariate at ``column``, which lies past the history only if it is known ahead."""
        return read(self.known[name], row, column)

    def covariate_last(self, name: str, row: Ints, cutoff: Ints) -> Reals:
        """Return the newest value of a covariate within the day up to ``cutoff``."""
        values = self.windows.covariates[name]
        column = np.where(np.isfinite(values), np.arange(values.shape[1]), -1)
        newest = np.maximum.accumulate(column, axis=1)[row, cutoff]
        fresh = newest > cutoff - self.windows.steps("P1D")
        return np.where(fresh, read(values, row, newest), np.nan)

    def covariate_mean(self, name: str, row: Ints, cutoff: Ints, width: int) -> Reals:
        """Return the mean of a covariate over the ``width`` steps up to ``cutoff``."""
        return Running.of(self.windows.covariates[name]).mean(row, cutoff, width)


def carried(y: Reals, season: int) -> Reals:
    """Return y with each missing value taken from whole seasons before it, as near as there is one."""
    out = y.copy()
    for start in range(season, y.shape[1], season):
        here = out[:, start : start + season]
        before = out[:, start - season : start - season + here.shape[1]]
        np.copyto(here, before, where=np.isnan(here))
    return out


def read(values: Reals, row: Ints, column: Ints) -> Reals:
    """Return ``values[row, column]``, NaN left of the first column and right of the last."""
    inside = (column >= 0) & (column < values.shape[1])
    return np.where(inside, values[row, np.where(inside, column, 0)], np.nan)
