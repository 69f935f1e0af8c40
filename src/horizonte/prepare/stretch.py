"""One series at a time: from its rows to a cleaned stretch of its grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from horizonte.contracts import PREPARED, QUALITY
from horizonte.prepare.cleaner import Cleaner
from horizonte.prepare.grid import Grid, Ints, Reals

NAMES = np.array(QUALITY, dtype=object)


@dataclass(frozen=True)
class Cleaned:
    """One series, or a stretch of it, on its grid."""

    unique_id: str
    grid: Grid
    y: Reals
    raw: Reals
    quality: NDArray[np.int8]

    def between(self, start: int, end: int) -> Cleaned:
        """Return the cells that start in [start, end), in nanoseconds."""
        edges = -((self.grid.first - np.array([start, end])) // self.grid.step)
        a, b = (int(e) for e in np.clip(edges, 0, self.grid.size))
        grid = Grid(self.grid.first + a * self.grid.step, self.grid.step, b - a)
        return Cleaned(self.unique_id, grid, self.y[a:b], self.raw[a:b], self.quality[a:b])


@dataclass(frozen=True)
class Observed:
    """One series as it came, ordered by ds, with where its grid stands within a step."""

    cleaner: Cleaner
    ds: Ints  # nanoseconds
    y: Reals
    phase: int

    def clean(self, start: int, end: int) -> Cleaned:
        """Return the cells that hold the instants ``start`` to ``end``, both included, cleaned."""
        grid = Grid.over(start, end, step=self.cleaner.step, phase=self.phase)
        own = self.cleaner.conversion.apply(self.ds, self.y)
        y, quality = self.cleaner.judge(grid, grid.place(self.ds, own))
        return Cleaned(self.cleaner.unique_id, grid, y, grid.place(self.ds, self.y), quality)

    def clean_within(self, start: int, end: int) -> Cleaned:
        """Return the cells that start in [start, end), judged with all that the rules may read."""
        width = self.cleaner.widths.cells * self.cleaner.step
        first, last = start, end - 1
        if len(self.ds):
            first = min(start, max(start - width, int(self.ds[0])))
            last = max(last, min(end - 1 + width, int(self.ds[-1])))
        return self.clean(first, last).between(start, end)


def joined(cleaned: Sequence[Cleaned]) -> pd.DataFrame:
    """Return the stretches as one PREPARED frame, in their order."""
    if not cleaned:
        return PREPARED.empty()
    ids = np.array([c.unique_id for c in cleaned], dtype=object)
    ds = np.concatenate([c.grid.starts() for c in cleaned])
    return pd.DataFrame(
        {
            "unique_id": np.repeat(ids, [c.grid.size for c in cleaned]),
            "ds": pd.DatetimeIndex(ds.view("M8[ns]"), tz="UTC"),
            "y": np.concatenate([c.y for c in cleaned]),
            "y_raw": np.concatenate([c.raw for c in cleaned]),
            "quality": NAMES[np.concatenate([c.quality for c in cleaned])],
        }
    )
