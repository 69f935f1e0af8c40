"""One series as local days of at most 24 cells: what every slow detector looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timezone, tzinfo
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from horizonte import freq
from horizonte.prepare.calendar import holiday_dates

Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]
DAY, HOUR = 86_400, 3_600  # seconds
TRUE = ("out_of_range", "spike")  # refused cell by cell; a whole day of them is a change
WHOLE = 0.5  # share of a day that must be known
LARGEST = 1e100  # what is larger is no measurement, and its square no number


@dataclass(frozen=True)
class Days:
    """``x`` [days, cells] in the series' unit, NaN where nothing is known, in local time.

    A series with a step of a day or more has one cell a row, and a row a step.
    """

    unique_id: str
    zone: str | tzinfo  # in which rows follow each other
    first: pd.Timestamp  # local, naive
    row: pd.Timedelta
    x: Reals
    weekday: NDArray[np.int64]
    season: Reals  # years since the first row, one turn a year
    free: Flags  # holidays
    learnt: int = 0  # the first whole row of a course that fits know, which is as usual as any

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.x)

    @property
    def cells(self) -> int:
        """Return how many cells a row has."""
        return int(self.x.shape[1])

    @property
    def daily(self) -> Reals:
        """Return what stands in one cell a row, or the mean where rows have many."""
        return self.x[:, 0] if self.cells == 1 else np.nanmean(self.x, axis=1)

    @property
    def both(self) -> slice:
        """Return the row of the old course and the learnt one; none where nothing was learnt."""
        return slice(max(0, self.learnt - 1), self.learnt)

    def until(self, rows: int) -> Days:
        """Return the first ``rows`` rows."""
        cut = {n: getattr(self, n)[:rows] for n in ("x", "weekday", "season", "free")}
        return replace(self, **cut)

    def instant(self, at: int, cell: int = 0) -> pd.Timestamp:
        """Return when ``cell`` of row ``at`` starts, in UTC."""
        local = self.first + at * self.row + cell * (self.row / self.cells)
        placed = local.tz_localize(self.zone, ambiguous=True, nonexistent="shift_forward")
        return placed.tz_convert("UTC")


def days(rows: pd.DataFrame, meta: Mapping[str, Any], *, now: pd.Timestamp) -> Days | None:
    """Return the whole days of one series' PREPARED ``rows`` that could be known ``now``.

    ``meta`` is its SERIES row, with ``learnt`` where fits were told since when its course is
    another. Rows may come in any order and twice (the last one counts). None where there is not
    one whole day.
    """
    step = freq.step(str(meta["freq"]))
    lag = pd.Timedelta(seconds=float(meta["publication_lag_seconds"]))
    if not len(rows):
        return None
    zone = _zone(rows["ds"], str(meta["zone"]), step=step)
    local = rows["ds"].dt.tz_convert(zone).dt.tz_localize(None)
    row = max(step, pd.Timedelta(days=1))
    cells = 1 if row == step else int(min(24, row // step))
    first = local.min() if row == step else _begin(rows["ds"], local, step=step)
    end = (now - lag).tz_convert(zone).tz_localize(None)
    size = min(int((end - first) // row), int((local.max() - first) // row) + 1)
    if size < 1:
        return None
    seconds = ((local - first) / pd.Timedelta(seconds=1)).to_numpy()
    width = row.total_seconds() / cells
    x = _cells(rows, (seconds // width).astype(np.int64), shape=(size, cells))
    index = pd.date_range(first, periods=size, freq=row)
    return Days(
        unique_id=str(rows["unique_id"].iloc[0]),
        zone=zone,
        first=first,
        row=row,
        x=_whole(x),
        weekday=index.weekday.to_numpy().astype(np.int64),
        season=((index - first) / pd.Timedelta(days=365.2425)).to_numpy(float),
        free=_free(index, meta["holidays"]),
        learnt=_learnt(index, meta, zone),
    )


def _zone(ds: pd.Series, zone: str, *, step: pd.Timedelta) -> str | tzinfo:
    """Return the zone in which rows of a ``step`` follow each other without a gap.

    Steps of a day or more that go on through a change of the clock stay at the first one's offset;
    such as begin at midnight go with the clock.
    """
    first = ds.min()
    if step < pd.Timedelta(days=1) or ((ds - first) % step).any():
        return zone
    return timezone(first.tz_convert(zone).utcoffset())


def _cells(rows: pd.DataFrame, cell: NDArray[np.int64], *, shape: tuple[int, int]) -> Reals:
    """Return the means of the cells: of what was believed, else of what was refused."""
    size = shape[0] * shape[1]
    inside = (cell >= 0) & (cell < size)
    believed = rows["y"].to_numpy(float)
    raw = np.where(rows["quality"].isin(TRUE), rows["y_raw"].to_numpy(float), np.nan)
    kept = _means(believed[inside], cell[inside], size).reshape(shape)
    refused = _means(raw[inside], cell[inside], size).reshape(shape)
    changed = (np.isfinite(refused) & np.isnan(kept)).mean(axis=1) >= WHOLE
    kept[changed] = np.where(np.isnan(kept[changed]), refused[changed], kept[changed])
    return kept


def _means(y: Reals, cell: NDArray[np.int64], size: int) -> Reals:
    known = np.abs(y) < LARGEST
    count = np.bincount(cell[known], minlength=size)
    total = np.bincount(cell[known], weights=y[known], minlength=size)
    return np.asarray(np.divide(total, count, out=np.full(size, np.nan), where=count > 0))


def _whole(x: Reals) -> Reals:
    """Return ``x`` with the days that are known too little left out."""
    poor = np.isfinite(x).mean(axis=1) < WHOLE
    return np.where(poor[:, None], np.nan, x)


def _begin(ds: pd.Series, local: pd.Series, *, step: pd.Timedelta) -> pd.Timestamp:
    """Return where the first day begins: at midnight, or of steps over an hour with one of them.

    With the first of the clock that is the furthest back: the other one's then start an hour into
    the same cells, and none changes its cell with the clock.
    """
    first = pd.Timestamp(local.min())
    if step <= pd.Timedelta(hours=1):
        return first.normalize()
    back = ds.min().tz_localize(None) + (local - ds.dt.tz_localize(None)).min()
    late = pd.Timedelta((back - back.normalize()) % step)
    return (first - late).normalize() + late


def _learnt(index: pd.DatetimeIndex, meta: Mapping[str, Any], zone: str | tzinfo) -> int:
    """Return the first row that began after what fits were told of."""
    since = meta.get("learnt")
    if since is None or pd.isna(since):
        return 0
    local = pd.Timestamp(since).tz_convert(zone).tz_localize(None)
    return int(index.searchsorted(local, side="right"))


def _free(index: pd.DatetimeIndex, calendar: object) -> Flags:
    if not isinstance(calendar, str):
        return np.zeros(len(index), dtype=bool)
    found = holiday_dates(calendar, years=range(index[0].year, index[-1].year + 1))
    return np.asarray(index.normalize().isin(pd.DatetimeIndex(found)))
