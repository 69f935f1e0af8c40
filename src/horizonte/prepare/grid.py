"""The regular grid of one series, in UTC nanoseconds: its cells and the runs of equal values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
PHASE_ROWS = 96  # rows from whose times the grid is known, as few as a look into a database allows


@dataclass(frozen=True)
class Grid:
    """``size`` cells of ``step`` from ``first``; a cell holds [start, start + step)."""

    first: int
    step: int
    size: int

    @classmethod
    def over(cls, start: int, end: int, *, step: int, phase: int) -> Grid:
        """Return the cells that hold ``start`` to ``end``, both included, on ``phase``."""
        first = (start - phase) // step * step + phase
        return cls(first, step, max(0, (end - first) // step + 1))

    def cells(self, ds: Ints) -> Ints:
        """Return the cell of each instant; it may lie outside the grid."""
        return (ds - self.first) // self.step

    def place(self, ds: Ints, y: Reals) -> Reals:
        """Return ``y``, ordered by ``ds``, on the cells: the last of several, NaN where none."""
        cell = self.cells(ds)
        inside = (cell >= 0) & (cell < self.size)
        values = np.full(self.size, np.nan)
        values[cell[inside]] = y[inside]
        return values

    def starts(self) -> Ints:
        """Return where the cells start."""
        return self.first + self.step * np.arange(self.size)


@dataclass(frozen=True)
class Runs:
    """Maximal stretches of equal values: first cell and length of each; a NaN stands alone."""

    start: Ints
    length: Ints

    @classmethod
    def of(cls, y: Reals) -> Runs:
        """Return the runs of ``y``."""
        new = np.ones(len(y), dtype=bool)
        new[1:] = y[1:] != y[:-1]
        start = np.flatnonzero(new)
        return cls(start, np.diff(start, append=len(y)))


def phase(ds: Ints, step: int) -> int:
    """Return where in ``step`` the grid stands: the remainder that most of the first rows share.

    Where none is shared by more than half of them, such as of a sensor whose clock jitters, it
    stands on whole steps since 1970. Rows off the phase fall to the cell that contains them.
    ``ds`` is in order; what comes after its first PHASE_ROWS cannot move the grid.
    """
    rest = ds[:PHASE_ROWS] % step
    if not len(rest):
        return 0
    values, counts = np.unique(rest, return_counts=True)
    most = int(np.argmax(counts))
    return int(values[most]) if 2 * counts[most] > len(rest) else 0


def nanoseconds(ds: pd.Series) -> Ints:
    """Return instants (UTC, any resolution) as nanoseconds since 1970."""
    return pd.DatetimeIndex(ds).as_unit("ns").asi8


def spread(starts: Ints, ends: Ints, size: int) -> Flags:
    """Return which of ``size`` cells lie in one of the stretches [start, end)."""
    edges = np.zeros(size + 1, dtype=np.int64)
    np.add.at(edges, starts, 1)
    np.add.at(edges, ends, -1)
    return np.cumsum(edges[:-1]) > 0
