"""How far a series strays at a given hour: the local scale that makes bands as wide as they need be."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from horizonte.prepare.calendar import Place, calendar
from horizonte.prepare.features import places
from horizonte.prepare.grid import nanoseconds
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
        owner, ids = pd.factorize(rows["unique_id"], sort=True)
        at = owner * SLOTS + slots(rows, meta=meta)
        count = np.bincount(at, minlength=len(ids) * SLOTS)
        total = np.bincount(at, weights=rows["size"], minlength=len(ids) * SLOTS)
        factors = ((total + PRIOR) / (count + PRIOR)).reshape(len(ids), SLOTS)
        return cls({str(uid): own.tolist() for uid, own in zip(ids, factors, strict=True)})

    def at(self, rows: pd.DataFrame, *, meta: pd.DataFrame) -> Reals:
        """Return the factor of each of ``rows`` (unique_id, ds); 1 for a series never fitted."""
        owner, ids = pd.factorize(rows["unique_id"])
        table = np.array([self.slots.get(str(uid), [1.0] * SLOTS) for uid in ids])
        found: Reals = table.reshape(len(ids), SLOTS)[owner, slots(rows, meta=meta)]
        return found


def slots(rows: pd.DataFrame, *, meta: pd.DataFrame) -> NDArray[np.int64]:
    """Return the slot of each of ``rows`` (unique_id, ds) in the calendar of its series."""
    known, out = places(meta), np.zeros(len(rows), np.int64)
    owner, ids = pd.factorize(rows["unique_id"])
    where = [known.get(str(uid), Place("UTC")) for uid in ids]
    for place in dict.fromkeys(where):
        mine = np.array([other == place for other in where])[owner]
        index, once = pd.factorize(rows["ds"][mine])
        out[mine] = _slots(nanoseconds(pd.Series(once)).tobytes(), place)[index]
    return out


@lru_cache(maxsize=32)
def _slots(instants: bytes, place: Place) -> NDArray[np.int64]:
    """Return the slots of instants in nanoseconds: series of one grid and zone share them."""
    ds = pd.DatetimeIndex(np.frombuffer(instants, np.int64).view("datetime64[ns]"), tz="UTC")
    found = calendar(pd.Series(ds), place)
    slot: NDArray[np.int64] = (found["hour"] // 1 + 24 * found["day_off"]).to_numpy(np.int64)
    return slot
