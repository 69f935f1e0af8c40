"""Readings that came in another unit, brought back to the unit of their series.

Where stretches overlap, the one that starts later counts, of two that start together the shorter:
what is said of a stretch inside another is said of it alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from horizonte.prepare.grid import Ints, Reals, nanoseconds

CONVERTED = ("unit_changed",)  # kinds of annotations that say how
Unit = tuple[float, float]  # factor and offset: y is factor * reading + offset
OWN: Unit = (1.0, 0.0)


@dataclass(frozen=True)
class Conversion:
    """Stretches of one series, the later ones over the earlier, and how each is converted."""

    starts: Ints
    ends: Ints
    factor: Reals
    offset: Reals

    @classmethod
    def of(cls, annotations: pd.DataFrame | None, unique_id: str) -> Conversion:
        """Return what the ANNOTATION rows, all in force, say of the series."""
        if annotations is None or annotations.empty:
            return _NOTHING
        own = annotations["unique_id"].eq(unique_id) & annotations["kind"].isin(CONVERTED)
        if not own.any():
            return _NOTHING
        rows = annotations[own].sort_values(["starts_at", "ends_at"], ascending=[True, False])
        factor, offset = (rows[name].to_numpy(dtype=float) for name in ("factor", "offset"))
        return cls(nanoseconds(rows["starts_at"]), nanoseconds(rows["ends_at"]), factor, offset)

    def apply(self, ds: Ints, y: Reals) -> Reals:
        """Return ``y``, read at ``ds`` (nanoseconds), in the unit of the series."""
        if not len(self.starts):
            return y
        made = y.copy()
        with np.errstate(over="ignore"):  # what becomes infinite is out of range
            for start, end, factor, offset in self._each():
                inside = (ds >= start) & (ds < end)
                made[inside] = factor * y[inside] + offset
        return made

    def at(self, instant: int) -> Unit:
        """Return how a reading at ``instant`` (nanoseconds) is converted."""
        said = OWN
        for start, end, factor, offset in self._each():
            said = (float(factor), float(offset)) if start <= instant < end else said
        return said

    def _each(self) -> zip[tuple[int, int, float, float]]:
        return zip(self.starts, self.ends, self.factor, self.offset, strict=True)


_NOTHING = Conversion(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0))


def in_own_unit(
    rows: pd.DataFrame, annotations: pd.DataFrame | None, *, column: str
) -> pd.DataFrame:
    """Return ``rows`` (unique_id, ds, …) with ``column`` in the unit of each row's series.

    ``annotations`` are in force. Without one that converts, the answer is ``rows``.
    """
    if annotations is None or not annotations["kind"].isin(CONVERTED).any():
        return rows
    made, ds = rows[column].to_numpy(dtype=float).copy(), nanoseconds(rows["ds"])
    names = rows["unique_id"].to_numpy()
    for name in annotations.loc[annotations["kind"].isin(CONVERTED), "unique_id"].unique():
        own = names == name
        made[own] = Conversion.of(annotations, str(name)).apply(ds[own], made[own])
    return rows.assign(**{column: made})
