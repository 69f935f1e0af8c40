"""The forecasts that cost nothing, and that every model has to beat."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from horizonte.model.per_series import PerSeries, Spec, by_place, cycle
from horizonte.prepare.calendar import Place, calendar
from horizonte.prepare.windows import Reals, Windows

RECENT = "P28D"  # what climatology averages over
_TYPES = 3  # working day, Saturday, Sunday or holiday


def day(spec: Spec, windows: Windows) -> Reals:
    """Return the last value at the same time of day."""
    return cycle(windows, ("P1D",), spec)


def week(spec: Spec, windows: Windows) -> Reals:
    """Return the last value at the same time of week, or of day where a week holds none."""
    return cycle(windows, ("P7D", "P1D"), spec)


def persistence(spec: Spec, windows: Windows) -> Reals:
    """Return the last observation, whatever its age."""
    return cycle(windows, (), spec)


def climatology(spec: Spec, windows: Windows) -> Reals:
    """Return the mean of the last four weeks by local time of day and type of day.

    A type of day without observations takes the mean of its time over all days; a time never
    observed takes the last value at that phase of the week.
    """
    back = min(windows.length, windows.steps(RECENT))
    y = windows.y[:, -back:]
    slots, types = _codes(spec, windows, windows.history_ds()[:, -back:])
    slots_ahead, types_ahead = _codes(spec, windows, windows.target_ds())
    size = int(max(slots.max(), slots_ahead.max())) + 1
    typed = _means(y, slots * _TYPES + types, slots_ahead * _TYPES + types_ahead, size * _TYPES)
    untyped = _means(y, slots, slots_ahead, size)
    out = np.where(np.isfinite(typed), typed, untyped)
    return np.where(np.isfinite(out), out, week(spec, windows))


def _means(y: Reals, code: NDArray[np.int64], wanted: NDArray[np.int64], size: int) -> Reals:
    """Return per row the mean of ``y`` by ``code``, read at ``wanted``; NaN where none."""
    row = np.arange(len(y))[:, None]
    seen = np.isfinite(y)
    at = (row * size + code)[seen]
    count = np.bincount(at, minlength=len(y) * size)
    total = np.bincount(at, weights=y[seen], minlength=len(y) * size)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan).reshape(len(y), size)
    return np.take_along_axis(mean, wanted, axis=1)


def _codes(
    spec: Spec, windows: Windows, ds: NDArray[np.datetime64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the slot of the local day and the type of day of every instant of ``ds``."""
    start, count = ds.min(), int((ds.max() - ds.min()) // windows.step) + 1
    slots, types = _grid(start, count, windows.step, by_place(spec))
    at = (ds - start) // windows.step
    return slots[at], types[at]


@lru_cache(maxsize=64)
def _grid(
    start: np.datetime64, count: int, step: np.timedelta64, place: Place
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    ds = pd.DatetimeIndex(start + step * np.arange(count), tz="UTC")
    local = calendar(pd.Series(ds), place)
    hours = min(float(step / np.timedelta64(1, "h")), 24.0)
    sunday = (local["weekday"] == 6) | (local["holiday"] > 0)
    types = np.where(sunday, 2, np.where(local["weekday"] == 5, 1, 0))
    return np.floor(local["hour"] / hours + 1e-9).to_numpy(np.int64), types.astype(np.int64)


def _nothing(windows: Windows, spec: Spec, seed: int) -> Spec:  # noqa: ARG001 (signature of FitOne)
    return {}


FAMILIES = {
    f"naive_{forecast.__name__}": PerSeries(f"naive_{forecast.__name__}", _nothing, forecast)
    for forecast in (day, week, persistence, climatology)
}
