"""The daily numbers of a series that are watched: its level, its gain and its noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from horizonte.monitor import profile, shapes
from horizonte.monitor.days import Days
from horizonte.monitor.shapes import Alarm, Bank
from horizonte.monitor.usual import (
    Usual,
    bridged,
    calendar,
    fir,
    fit,
    least_squares,
    weekdays,
)

Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]
REACH, SHORT = shapes.REACH, 28  # days in which a change is looked for; of a short history
LONG = 400  # days of history that are no short one
LEAST = 42  # days of reference
LEFT = 0.25  # share of a day's own that a fit must leave to tell its noise
MANY = 6  # cells a day from which a day has a noise of its own


@dataclass(frozen=True)
class Track:
    """One daily number ``y`` beside what is usual of it, fitted on the first ``end`` days."""

    name: str
    y: Reals
    x: Reals
    usual: Usual
    bank: Bank
    own: Reals
    end: int

    @cached_property
    def fresh(self) -> Reals:
        """Return what is new each day, in deviations."""
        return self.usual.innovations(self.y, self.x)

    @cached_property
    def heard(self) -> Reals:
        """Return the regressors as the innovations see them."""
        return fir(self.usual.poly, self.x)

    def until(self, rows: int) -> Track:
        """Return the track as it stood after the first ``rows`` days."""
        cut = replace(self, y=self.y[:rows], x=self.x[:rows])
        # what is new looks at no later day, but for the size of a step since ``learnt``
        cut.__dict__["fresh"] = self.fresh[:rows]
        cut.__dict__["heard"] = self.heard[:rows]
        return cut

    def alarm(self, rate: float) -> Alarm | None:
        """Return what stands out at the end of the track, else did in the days before it (``hold``)."""
        limit, size = shapes.threshold(rate), len(self.y)

        def at(back: int) -> Alarm | None:
            rows = slice(size - back)
            z = shapes.scores(self.fresh[rows], self.heard[rows], self.usual, self.bank)
            return shapes.loudest(z / self.own, self.bank, limit=limit)

        return shapes.standing(at, since=size - self.end)


def reference(days: int) -> tuple[int, int]:
    """Return how many of ``days`` are reference, and in how many after it a change is looked for.

    The reference grows by whole weeks, so that from day to day the same past is usual.
    """
    reach = REACH if days >= LONG else SHORT
    end = (days - reach) // 7 * 7
    return max(end, 0), reach


def track(name: str, y: Reals, days: Days, *, learnt: int = 0) -> Track | None:
    """Return the track of ``y`` over ``days``; None where the past says nothing.

    From row ``learnt`` on (0: none) another level is as usual as the one before, and of a daily
    series other weekdays: its course may have been shifted by days.
    """
    end, reach = reference(len(days))
    if end < LEAST:
        return None
    x = calendar(days, np.isfinite(y[:end]))
    long = 0 < learnt <= end - LEAST
    if long:
        x = np.column_stack((x, _anew(days, learnt)))
    usual = fit(y[:end], x[:end])
    if usual is None:
        return None
    if learnt and not long:
        x, usual = _stepped(y, x, usual, _anew(days, learnt), at=learnt)
    bank = Bank.of(usual.poly, shapes.kinds(ramps=reach == REACH), reach)
    own = shapes.own(usual.innovations(y[:end], x[:end]), bank)
    return Track(name, y, x, usual, bank, own, end)


def _from(row: int, rows: int) -> Reals:
    return (np.arange(rows) >= row).astype(float)


def _anew(days: Days, learnt: int) -> Reals:
    """Return what is another from row ``learnt`` on: the level, and the weekdays of daily rows."""
    whole = [np.ones(len(days))]
    if days.cells == 1 and days.row.days == 1:
        whole += weekdays(days)
    return np.column_stack(whole) * _from(learnt, len(days))[:, None]


def _stepped(y: Reals, x: Reals, usual: Usual, anew: Reals, *, at: int) -> tuple[Reals, Usual]:
    """Return ``x`` and ``usual`` with ``anew`` from row ``at`` on, as all days since then say.

    The step may have begun within the row before: that one has a step of its own.
    """
    steps = np.column_stack((_from(at - 1, len(y)), anew))
    fresh, known = usual.innovations(y, x), np.isfinite(y)[:, None]
    seen = np.where(known, steps, np.nan)  # through the same gaps as what is new
    heard = np.column_stack([fir(usual.poly, bridged(c, usual.poly)) for c in seen.T])
    use = np.isfinite(fresh) & (_from(at - 1, len(y)) > 0)
    if not use[at:].any():
        return x, usual
    size = least_squares(heard[use], fresh[use]) * usual.sigma
    unsure = np.linalg.pinv(heard[use].T @ heard[use])
    spread = block_diag(usual.spread, unsure)
    return np.column_stack((x, steps)), replace(usual, beta=np.r_[usual.beta, size], spread=spread)


def level(days: Days, found: profile.Profile) -> tuple[Track | None, bool]:
    """Return the track of the daily mean, and whether it is one of logarithms.

    Logarithms are taken of what is positive throughout and the more regular for it.
    """
    y = daily(days, found)
    end, _ = reference(len(days))
    plain = track("level", y, days, learnt=days.learnt)
    if plain is None or not (np.nanmin(y[:end]) > 0):
        return plain, False
    floor = 1e-3 * float(np.nanmin(y[:end]))
    logs = np.log(np.maximum(y, floor), out=np.full(len(y), np.nan), where=np.isfinite(y))
    curved = track("level", logs, days, learnt=days.learnt)
    if curved is None:
        return plain, False
    better = np.log(plain.usual.sigma) - np.log(curved.usual.sigma) - np.nanmean(logs[:end]) > 0
    return (curved, True) if better else (plain, False)


def daily(days: Days, found: profile.Profile) -> Reals:
    """Return the mean of each day as if every cell were known."""
    if days.cells == 1:
        return days.x[:, 0]
    usual = found.usual[: len(days)]
    filled = np.where(np.isfinite(days.x), days.x, usual)
    rough = np.isfinite(days.x).sum(axis=1)
    total = np.where(np.isfinite(filled), filled, 0.0).sum(axis=1)
    count = np.isfinite(filled).sum(axis=1)
    means = np.divide(total, count, out=np.full(len(days), np.nan), where=count > 0)
    return np.where(rough > 0, means, np.nan)


def noise(days: Days, found: profile.Profile, base: Track) -> Track | None:
    """Return the track of how large the new part of a day (or of its cells) is."""
    if days.cells < MANY:
        return track("noise", np.cbrt(unfitted(base, days.learnt) ** 2), days)
    end, _ = reference(len(days))
    new = np.abs(profile.fresh(found.rest, profile.carry(found.rest, end)))
    count = np.isfinite(new).sum(axis=1)
    # the largest two are left out: a step within the day makes one
    kept = np.sort(np.where(np.isfinite(new), new, 0.0), axis=1)[:, :-2]
    mean = kept.sum(axis=1) / np.maximum(count - 2, 1)
    # what departs from a mean of few weeks has their noise as well
    mean /= np.sqrt((1 + 1 / found.weeks[:-1]) / (1 + 1 / profile.WEEKS))
    known = (count >= days.cells / 2) & (mean > 0)
    return track("noise", np.log(mean, out=np.full(len(days), np.nan), where=known), days)


def unfitted(base: Track, learnt: int) -> Reals:
    """Return what is new each day, as large as if days after ``learnt`` had not been fitted to.

    Where they say most of what they are held against, nothing is known.
    """
    if learnt <= base.end - LEAST:
        return base.fresh
    taken = np.einsum("ti,ij,tj->t", base.heard, base.usual.spread, base.heard)
    left = np.where(_from(learnt - 1, len(taken)) > 0, 1 - taken, 1.0)
    return base.fresh / np.sqrt(np.where(left > LEFT, left, np.nan))


def gain(days: Days) -> Track | None:
    """Return the track of how large the day's profile is beside the past's; None without one."""
    if days.cells < MANY:
        return None
    end, _ = reference(len(days))
    before = np.arange(len(days)) < days.learnt
    shape = np.where(before[:, None], _shape(days, before, end), _shape(days, ~before, end))
    shape[days.both] = np.nan
    slope = _slope(shape, days.x)
    spread = 1.4826 * np.nanmedian(np.abs(slope[:end] - 1)) if np.isfinite(slope[:end]).any() else 9
    return track("gain", slope, days) if spread < 1 else None


def _shape(days: Days, rows: Flags, end: int) -> Reals:
    """Return each day's usual cells: the mean of its weekday among ``rows`` of the first ``end``."""
    usual = np.full((7, days.cells), np.nan)
    for weekday in range(7):
        own = days.x[:end][rows[:end] & (days.weekday[:end] == weekday)]
        known = np.isfinite(own)
        usual[weekday] = np.divide(
            np.where(known, own, 0.0).sum(axis=0),
            known.sum(axis=0),
            out=np.full(days.cells, np.nan),
            where=known.sum(axis=0) > 3,
        )
    return np.asarray(usual[days.weekday])


def _slope(shape: Reals, x: Reals) -> Reals:
    """Return the slope of each day's cells on its usual ones, apart from the level of both."""
    known = np.isfinite(shape) & np.isfinite(x)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    a, b = (np.where(known, v, 0.0) for v in (shape, x))
    a, b = (np.where(known, v - v.sum(axis=1, keepdims=True) / count, 0.0) for v in (a, b))
    power = (a * a).sum(axis=1)
    enough = (known.mean(axis=1) >= 0.5) & (power > 1e-12)
    slope = np.full(len(x), np.nan)
    np.divide((a * b).sum(axis=1), power, out=slope, where=enough)
    return slope
