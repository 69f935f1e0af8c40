"""Was a series written in another unit? What is seen lately beside what was expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from horizonte.monitor import units
from horizonte.monitor.days import Days
from horizonte.monitor.explain import Begun
from horizonte.monitor.profile import Profile
from horizonte.monitor.tracks import Track

Reals = NDArray[np.float64]
ALIKE = 4.0  # neighbouring cells that depart from the profile together
BEFORE = 7  # days before a change that say where the level stood
SPLIT = 2  # days within which the very cell of a change is looked for
AT_TIMES = 0.25  # share of zeros from which on a series is one of what comes at times: rain, sun
SLACK = 2.0  # by which what comes may pass what there ever was


@dataclass(frozen=True)
class Converted:
    """The factor (and offset) that was found, the levels that say so, and since when (UTC)."""

    factor: float
    offset: float
    before: float
    after: float
    since: pd.Timestamp


def converted(
    days: Days, profile: Profile, level: Track, *, logs: bool, step: Begun, unit: str
) -> Converted | None:
    """Return the known change of unit that explains the ``step`` of ``level``, if one does."""
    expected = _expected(level, len(days) - step.length, logs=logs)
    x, p, one = _lately(days, profile, expected, step.length)
    if not len(x):
        return None
    before, after = float(p.mean()), float(x.mean())
    spread = float(np.nanstd((level.y - level.x @ level.usual.beta)[: level.end]))
    spread *= abs(before) if logs else 1.0
    unsure = np.hypot(spread, one) / np.sqrt(min(len(x) if days.cells == 1 else step.length, 3))
    slope = _sloped(p - before, x - after) if days.cells > 1 else None
    relative = float(unsure) / max(abs(before), 1e-9)
    times = (
        units.factor(after / before, unit=unit, unsure=relative, slope=slope) if before else None
    )
    if times is not None and not _possible(days.x[: len(days) - step.length], x, times):
        times = None
    turned = (times, 0.0) if times is not None else None
    turned = turned or units.affine(before, after, unit=unit, unsure=float(unsure), slope=slope)
    if turned is None:
        return None
    told = expected[:, None] + _offsets(days, profile)
    return Converted(*turned, before, after, _since(days, told, turned, step.length))


def _possible(before: Reals, after: Reals, times: float) -> bool:
    """Return whether what came ``after`` can be what was ``before``, read ``times`` as large.

    Of what comes at times the mean tells how often it came: three days of rain are ten times the
    usual. A unit is told by the values themselves, which it scales as well as the mean.
    """
    known = before[np.isfinite(before)]
    old, new = known[known > 0], after[after > 0]
    if (known == 0).sum() < AT_TIMES * known.size or not (old.size and new.size):
        return True
    if times > 1:
        return bool(new.min() * SLACK >= times * old.min())
    return bool(new.max() <= SLACK * times * old.max())


def _since(days: Days, told: Reals, unit: tuple[float, float], length: int) -> pd.Timestamp:
    """Return the first cell, near ``length`` days before the end, from which the new unit is read.

    Each cell says which unit it is nearer to, by what was ``told`` of it; the split contradicts
    fewest of them.
    """
    begun = len(days) - length
    rows = slice(max(0, begun - SPLIT), begun + SPLIT)
    x, p = days.x[rows].ravel(), told[rows].ravel()
    nearer = np.sign(np.abs(x - p) - np.abs(x - (unit[0] * p + unit[1])))
    gained = np.nan_to_num(nearer)[::-1].cumsum()[::-1]
    row, cell = divmod(int(gained.argmax()), days.cells)
    return days.instant(rows.start + row, cell)


def _lately(
    days: Days, profile: Profile, expected: Reals, length: int
) -> tuple[Reals, Reals, float]:
    """Return what was seen and what was expected since the change, and how unsure a cell is.

    A change begins within a day: of one or two days only the cells after the break count.
    """
    end = len(days)
    first = end - max(length, SPLIT) if days.cells > 1 else end - length + (length > 2)
    x = days.x[first:].ravel()
    p = (expected[:, None] + _offsets(days, profile))[first:].ravel()
    known = np.isfinite(x) & np.isfinite(p)
    x, p = x[known], p[known]
    if days.cells == 1 or len(x) < 3:
        return x, p, 0.0
    start = _break(x - p) if length <= SPLIT else days.cells
    one = float(np.nanstd(profile.rest[: end - length])) / np.sqrt(np.clip(len(x) - start, 1, 6))
    return x[start:], p[start:], one


def _break(rest: Reals) -> int:
    """Return from where on ``rest`` differs most from what is before."""
    n = np.arange(1, len(rest))
    left = rest.cumsum()[:-1]
    gap = (rest.sum() - left) / (len(rest) - n) - left / n
    return int((gap**2 * n * (len(rest) - n)).argmax()) + 1


def _expected(level: Track, start: int, *, logs: bool) -> Reals:
    """Return the level expected of each day, in the series' unit, by what was known at ``start``."""
    usual = level.x @ level.usual.beta
    before = (level.y - usual)[max(0, start - BEFORE) : start]
    before = before[np.isfinite(before)]
    memory = 1 - max(0.0, float(level.usual.poly.sum()))
    usual = usual + (memory * float(np.median(before)) if len(before) else 0.0)
    return np.asarray(np.exp(usual) if logs else usual)


def _offsets(days: Days, profile: Profile) -> Reals:
    """Return by how much each cell of the profile stands off its day's mean."""
    if days.cells == 1:
        return np.zeros((len(days), 1))
    usual = profile.usual[: len(days)]
    return np.asarray(usual - usual.mean(axis=1, keepdims=True))


def _sloped(p: Reals, x: Reals) -> units.Slope | None:
    """Return the slope of ``x`` on the profile ``p`` and its error, neighbours taken as alike."""
    power = float(p @ p)
    if power <= 0 or len(p) < 12:
        return None
    slope = float(p @ x) / power
    return slope, float(np.std(x - slope * p)) * np.sqrt(ALIKE / power)
