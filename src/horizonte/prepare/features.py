"""The supervised matrix: what a learner may know about one target instant, at one cutoff.

Fit and forecast build their rows here, from the same functions. Every value of a row is read at
or before the row's cutoff, except the calendar and the covariates known ahead of the target
instant; this is where the rule against leakage is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from horizonte.prepare.calendar import Place, calendar
from horizonte.prepare.tracks import Tracks
from horizonte.prepare.windows import Reals, Windows

Ints = NDArray[np.int64]
DAYS, WEEKS = 7, 4  # how many same times of day and of week a row looks back on


@dataclass(frozen=True)
class Cells:
    """Which rows to build: a row of the windows, the column of its cutoff, steps ahead of it."""

    row: Ints
    cutoff: Ints
    lead: Ints

    def __len__(self) -> int:
        return len(self.row)

    def beside(self, other: Cells) -> Cells:
        """Return these cells, then the other ones."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in ("row", "cutoff", "lead"))
        return Cells(*map(np.concatenate, pairs))


@dataclass(frozen=True)
class Matrix:
    """Rows of features, and the level and scale (known at the cutoff) that normalise the target.

    ``scale`` is 0 where the series has not moved; ``level`` is NaN where nothing was ever seen.
    """

    names: tuple[str, ...]
    values: Reals  # [cells, features], NaN where unknown
    level: Reals
    scale: Reals
    own: int  # how many of the first columns are values of y, off the level and over the scale


def serving_cells(windows: Windows) -> Cells:
    """Return every lead of every row at its own cutoff, in the order of ``windows.frame``."""
    rows = np.repeat(np.arange(len(windows)), windows.horizon)
    lead = np.tile(np.arange(1, windows.horizon + 1), len(windows))
    return Cells(rows, np.full(len(rows), windows.length - 1), lead)


def training_cells(windows: Windows, *, count: int, seed: int) -> Cells:
    """Return about ``count`` cells, spread evenly over series and at random over time and leads.

    Only targets that were observed are drawn. The draw of a series depends on the seed and on its own
    history alone.
    """
    share = max(1, count // max(1, len(windows)))
    drawn = [_draw(windows, row, share, seed) for row in range(len(windows))]
    nothing = np.zeros(0, np.int64)
    row, target, lead = (np.concatenate([nothing, *(part[i] for part in drawn)]) for i in range(3))
    return Cells(row, target - lead, lead)


def targets(windows: Windows, cells: Cells) -> Reals:
    """Return what was observed at each cell's target instant (inside the history)."""
    seen: Reals = windows.y[cells.row, cells.cutoff + cells.lead]
    return seen


def placed(meta: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of ``meta`` that ``places`` reads, as JSON holds them."""
    found = meta[[c for c in ("unique_id", *Place._fields) if c in meta]].astype(object)
    return found.where(found.notna(), None)


def places(meta: pd.DataFrame) -> dict[str, Place]:
    """Return by which clock and holidays every series of ``meta`` goes."""
    rows = zip(meta["unique_id"], meta["zone"], meta["holidays"], strict=True)
    found = {
        str(uid): Place(str(zone), None if pd.isna(free) else str(free)) for uid, zone, free in rows
    }
    if "late" in meta:
        late_ones = meta[meta["late"].astype(float).abs() > 0]  # the others share a calendar
        for uid, changed, late in zip(
            *(late_ones[name] for name in ("unique_id", "changed", "late")), strict=True
        ):
            found[str(uid)] = found[str(uid)]._replace(changed=str(changed), late=float(late))
    return found


def matrix(windows: Windows, cells: Cells, *, meta: pd.DataFrame) -> Matrix:
    """Return one row of features per cell.

    A target that is stale at the cutoff is read from its last observation on: leads, lags and
    levels all count from there.
    """
    tracks = Tracks.of(windows)
    level, scale = tracks.level(cells.row, cells.cutoff), tracks.scale(cells.row, cells.cutoff)
    usable = np.where(scale > 0, scale, 1.0)
    own = {name: (value - level) / usable for name, value in _values(tracks, cells).items()}
    own["spread_day"] = tracks.spread(cells.row, cells.cutoff, windows.steps("P1D")) / usable
    columns = (
        own
        | {"log_scale": np.log(usable)}
        | _covariates(tracks, cells)
        | _when(windows, cells, tracks, meta)
    )
    return Matrix(tuple(columns), np.column_stack(list(columns.values())), level, scale, len(own))


def _draw(windows: Windows, row: int, share: int, seed: int) -> tuple[Ints, Ints, Ints]:
    seen = np.flatnonzero(np.isfinite(windows.y[row]))
    seen = seen[seen > seen[0]] if len(seen) else seen
    if len(seen) == 0:
        return tuple(np.zeros(0, np.int64) for _ in range(3))  # type: ignore[return-value]  # fixed 3
    random = np.random.default_rng([seed, *windows.unique_id[row].encode()])
    target = random.choice(seen, size=min(share, len(seen) * 4))
    first = np.flatnonzero(np.isfinite(windows.y[row]))[0]
    lead = random.integers(1, np.minimum(windows.horizon, target - first) + 1)
    return np.full(len(target), row), target, lead


def _values(tracks: Tracks, cells: Cells) -> dict[str, Reals]:
    """Return the features in the unit of the target."""
    row, cutoff, target = cells.row, cells.cutoff, cells.cutoff + cells.lead
    day, week = tracks.windows.steps("P1D"), tracks.windows.steps("P7D")
    days = [tracks.same_time(row, cutoff, target, day, back) for back in range(DAYS)]
    weeks = [tracks.same_time(row, cutoff, target, week, back) for back in range(WEEKS)]
    out = {f"day_{n}": days[n] for n in range(3)} | {f"week_{n}": weeks[n] for n in range(2)}
    out |= {"day_mean": _mean(days), "week_mean": _mean(weeks)}
    out["last"] = tracks.last(row, cutoff)
    for name, span in (
        ("1h", "PT1H"),
        ("3h", "PT3H"),
        ("6h", "PT6H"),
        ("24h", "P1D"),
        ("7d", "P7D"),
    ):
        out[f"mean_{name}"] = tracks.mean(row, cutoff, tracks.windows.steps(span))
    ended = tracks.seen(row, cutoff)
    out["day_before_last"] = tracks.filled(row, ended - day, day)
    out["week_before_last"] = tracks.filled(row, ended - week, week)
    out["mean_24h_week_before"] = tracks.mean(row, ended - week, day)
    return out


def _covariates(tracks: Tracks, cells: Cells) -> dict[str, Reals]:
    row, cutoff, target = cells.row, cells.cutoff, cells.cutoff + cells.lead
    day, week = tracks.windows.steps("P1D"), tracks.windows.steps("P7D")
    out: dict[str, Reals] = {}
    for name in tracks.windows.covariates:
        if name in tracks.windows.future:
            out[f"{name}@target"] = tracks.covariate(name, row, target)
            out[f"{name}@week"] = tracks.covariate(name, row, target - week)
            usual = tracks.covariate_mean(name, row, cutoff, week)
            out[f"{name}@change"] = out[f"{name}@target"] - usual
        else:
            back = tracks.known_back(row, cutoff, target, day)
            out[f"{name}@last"] = tracks.covariate_last(name, row, cutoff)
            out[f"{name}@day"] = tracks.covariate(name, row, target - back)
            out[f"{name}@mean"] = tracks.covariate_mean(name, row, cutoff, day)
    return out


def _when(windows: Windows, cells: Cells, tracks: Tracks, meta: pd.DataFrame) -> dict[str, Reals]:
    """Return the calendar of the target instant, of the lagged days, and the lead."""
    target = windows.cutoff[cells.row] + windows.step * (
        cells.cutoff - windows.length + 1 + cells.lead
    )
    back = tracks.known_back(
        cells.row, cells.cutoff, cells.cutoff + cells.lead, windows.steps("P1D")
    )
    out = _calendar(windows, cells.row, target, meta)
    if "holiday" in out:
        for name, ago in (("day", back), ("week", np.full(len(cells), windows.steps("P7D")))):
            out[f"holiday@{name}"] = _calendar(
                windows, cells.row, target - ago * windows.step, meta
            )["holiday"]
    out["lead"] = (cells.cutoff + cells.lead - tracks.seen(cells.row, cells.cutoff)).astype(float)
    return out


def _calendar(
    windows: Windows, row: Ints, ds: NDArray[np.datetime64], meta: pd.DataFrame
) -> dict[str, Reals]:
    """Return the calendar of ``ds``, from one that covers whatever these windows may ask."""
    first = windows.history_ds()[:, 0].min() - np.timedelta64(8, "D")  # lags reach back a week
    count = int((windows.target_ds()[:, -1].max() - first) // windows.step) + 1
    phase = (windows.cutoff - first) % windows.step
    out: dict[str, Reals] = {}
    known = places(meta)
    each = (known.get(str(uid), Place("UTC")) for uid in windows.unique_id)
    keys = [(place, since) for place, since in zip(each, phase, strict=True)]
    for key in dict.fromkeys(keys):
        mine = np.array([other == key for other in keys])[row]
        start = first + key[1]
        at = ((ds[mine] - start) // windows.step).astype(np.int64)
        for name, values in _grid(start, count, windows.step, key[0]).items():
            out.setdefault(name, np.full(len(ds), np.nan))[mine] = values[at]
    return out


@lru_cache(maxsize=16)
def _grid(start: np.datetime64, count: int, step: np.timedelta64, place: Place) -> dict[str, Reals]:
    """Return the calendar of ``count`` instants from ``start`` on."""
    ds = pd.Series(pd.DatetimeIndex(start + step * np.arange(count), tz="UTC"))
    found = calendar(ds, place)
    return {str(name): column.to_numpy(float) for name, column in found.items()}


def _mean(values: list[Reals]) -> Reals:
    total, count = np.zeros(len(values[0])), np.zeros(len(values[0]))
    for value in values:
        seen = np.isfinite(value)
        total, count = total + np.where(seen, value, 0.0), count + seen
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
