"""How far a series strays at a given hour: the local scale that makes bands as wide as they need be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from horizonte.prepare.calendar import calendar
from horizonte.prepare.windows import Reals

SLOTS = 48  # local hours of working days, then of days off
PRIOR = 10.0  # rows that a slot must have before its own error counts half


@dataclass(frozen=True)
class Spread:
    """Relative error by local hour and kind of day, around 1, per series."""

    slots: dict[str, list[float]]

    @classmethod
    def of(cls, rows: pd.DataFrame, *, meta: pd.DataFrame) -> Spread:
        """Fit on rows (unique_id, ds, size), ``size`` being an absolute error over its usual one."""
        slots = {}
        for uid, mine in rows.groupby("unique_id"):
            at = slot(mine["ds"], str(uid), meta=meta)
            total = np.bincount(at, weights=mine["size"], minlength=SLOTS)
            count = np.bincount(at, minlength=SLOTS)
            slots[str(uid)] = [float(v) for v in (total + PRIOR) / (count + PRIOR)]
        return cls(slots)

    def at(self, rows: pd.DataFrame, *, meta: pd.DataFrame) -> Reals:
        """Return the factor of each of ``rows`` (unique_id, ds); 1 for a series never fitted."""
        out = np.ones(len(rows))
        for uid, index in rows.groupby("unique_id").indices.items():
            if uid in self.slots:
                mine = rows["ds"].iloc[index]
                out[index] = np.array(self.slots[str(uid)])[slot(mine, str(uid), meta=meta)]
        return out


def slot(ds: pd.Series, unique_id: str, *, meta: pd.DataFrame) -> NDArray[np.int64]:
    """Return the slot of each instant in the calendar of its series."""
    place = meta.loc[meta["unique_id"] == unique_id, ["zone", "holidays"]]
    zone, holidays = place.iloc[0] if len(place) else ("UTC", None)
    index, once = pd.factorize(ds)
    found = calendar(
        pd.Series(once),
        zone=zone,
        holidays=None if pd.isna(holidays) else holidays,
    )
    slots: NDArray[np.int64] = (found["hour"] // 1 + 24 * found["day_off"]).to_numpy(np.int64)
    return slots[index]
