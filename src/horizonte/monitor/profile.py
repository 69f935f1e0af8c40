"""The recurring profile of a series (its day, or the week of a daily one), and what departs from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from horizonte.monitor.days import Days
from horizonte.monitor.usual import fir

Reals = NDArray[np.float64]
WEEKS = 8  # of the same weekday that make the profile of a day
BACK = 28  # days back to which a moved profile may begin
WEAK = 0.3  # evidence a day below which a move of the profile cannot be told
START, LEAST = 7 * WEEKS, 56  # days before the first profile, and of past that say what is usual
INDEPENDENT = 8  # lags that say something of their own
CLIP = 4.0  # deviations of a day's evidence beyond which more says nothing


@dataclass(frozen=True)
class Profile:
    """``usual`` [days + 1, cells]: what the weeks before say of each cell; ``rest`` what departs.

    ``weeks`` [days + 1] is of how many the usual is the mean: ``WEEKS``, and fewer after a gap.
    """

    usual: Reals
    rest: Reals
    weeks: Reals

    def until(self, rows: int) -> Profile:
        """Return the profile of the first ``rows`` days."""
        return Profile(self.usual[: rows + 1], self.rest[:rows], self.weeks[: rows + 1])


@dataclass(frozen=True)
class Moved:
    """The profile came ``lag`` cells later (negative: earlier), since ``days`` days."""

    lag: int
    days: int
    gain: float  # log-likelihood, no day's of it unbounded
    threshold: float  # beyond which it stands out
    evidence: float  # marginal log-likelihood, over lags and days


def profile(days: Days) -> Profile:
    """Return the profile of each day, from days before it alone; the row after the last is known too.

    Of a day of a course that was learnt, earlier days of that course alone say what is usual.
    """
    padded = np.vstack((days.x, np.full((1, days.cells), np.nan)))
    total, count = np.zeros_like(padded), np.zeros_like(padded)
    for week in range(1, WEEKS + 1):
        back = 7 * week
        if back < len(padded):
            known = np.isfinite(padded[:-back])
            known[max(0, days.learnt - back) : days.learnt] = False
            total[back:] += np.where(known, padded[:-back], 0.0)
            count[back:] += known
    usual = np.divide(total, count, out=np.full_like(padded, np.nan), where=count >= 2)
    usual[days.both] = np.nan
    rest = days.x - usual[:-1]
    weeks = np.maximum(count.sum(axis=1) / np.maximum((count > 0).sum(axis=1), 1), 1.0)
    weeks[:START] = WEEKS  # of the first days nothing is told
    return Profile(usual, rest if days.cells == 1 else _centred(rest), weeks)


def _centred(rest: Reals) -> Reals:
    """Return ``rest`` without the mean of each row, which is the level's business."""
    known = np.isfinite(rest)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    return np.asarray(rest - np.where(known, rest, 0.0).sum(axis=1, keepdims=True) / count)


def carry(rest: Reals, end: int) -> float:
    """Return how much of a cell's departure the next one keeps, from the first ``end`` days."""
    flat = rest[:end].ravel()
    known = np.isfinite(flat)
    if known.sum() < 50:
        return 0.0
    bound = CLIP * 1.4826 * np.median(np.abs(flat[known]))
    flat = np.clip(np.where(known, flat, 0.0), -bound, bound)
    power = float(flat @ flat)
    return float(np.clip(flat[1:] @ flat[:-1] / power, 0.0, 0.98)) if power > 0 else 0.0


def fresh(rest: Reals, keep: float) -> Reals:
    """Return what is new in each cell of ``rest`` [days, cells]."""
    flat = rest.ravel()
    return np.asarray(fir(np.array([1.0, -keep]), flat).reshape(rest.shape))


@dataclass(frozen=True)
class Evidence:
    """Per day, for the profile moved by ``lag``: log-likelihood, bounded by day, and as it is."""

    lag: int
    bounded: Reals
    plain: Reals
    first: Reals  # as ``plain``, of a day within which the move may begin
    limit: float


def moves(found: Profile, *, cells: int, end: int, rate: float) -> tuple[Evidence, ...]:
    """Return for each lag how well the departures of each day look like the profile moved by it.

    What the mean and the spread of that are where nothing moved, the first ``end`` days say.
    """
    keep = carry(found.rest, end)
    new = fresh(found.rest, keep)
    if end <= START + LEAST or not np.nanvar(new[START:end]) > 0:
        return ()
    scale = float(np.nanstd(new[START:end]))
    furthest = 3 if cells == 1 else cells // 2
    wide = WEEKS / found.weeks[:-1]
    lags = [k for k in range(-furthest, furthest + 1) if k and (cells == 1 or k > -furthest)]
    told = (
        _evidence(_change(found, k, keep) / scale, new / scale, wide, lag=k, end=end, rate=rate)
        for k in lags
    )
    return tuple(e for e in told if e is not None)


def moved(told: Sequence[Evidence], rows: int) -> Moved | None:
    """Return the likeliest move of the profile by day ``rows``, and how far it stands out."""
    if not told or rows < 1:
        return None
    late = slice(max(0, rows - BACK), rows)
    bounded = np.array([e.bounded[late][::-1].cumsum() for e in told])
    over = bounded - np.array([[e.limit] for e in told])
    loudest, length = (int(i) for i in np.unravel_index(over.argmax(), over.shape))
    plain = np.array([e.plain[late][::-1].cumsum() for e in told])
    plain += np.array([(e.first - e.plain)[late][::-1] for e in told])
    evidence = float(logsumexp(plain) - np.log(plain.size))
    lag, days = (int(i) for i in np.unravel_index(plain.argmax(), plain.shape))
    if over.max() > 0:
        lag, days = int(plain[:, length].argmax()), length
    gain = float(bounded[loudest, length])
    return Moved(told[lag].lag, days + 1, gain, told[loudest].limit, evidence)


def _change(found: Profile, lag: int, keep: float) -> Reals:
    """Return the new part of what each cell would change by, were the profile ``lag`` cells later."""
    flat, size = found.usual.ravel(), found.rest.size
    at = np.arange(size) - lag
    there = np.where((at >= 0) & (at < len(flat)), flat[np.clip(at, 0, len(flat) - 1)], np.nan)
    return fresh((there - flat[:size]).reshape(found.rest.shape), keep)


def _evidence(
    change: Reals, new: Reals, wide: Reals, *, lag: int, end: int, rate: float
) -> Evidence | None:
    """Return the evidence of each day; None where the profile is too weak for this lag.

    ``wide`` is by how much more noise the profile of a day has than one of ``WEEKS``.
    """
    known = np.isfinite(change) & np.isfinite(new)
    both = np.where(known, change * new, 0.0).sum(axis=1)
    power = np.where(known, change**2, 0.0).sum(axis=1)
    mean = float(np.median(both[START:end]))
    rest = both - mean * wide
    past = (rest / np.sqrt(wide))[START:end]
    spread = max(1.4826 * float(np.median(np.abs(past))), _lasting(past), 1e-12)
    # of the change's power, twice the mean is the noise of the profile itself
    signal = float(power[START:end].mean()) - 2 * max(mean, 0.0)
    if signal <= 0 or signal**2 / spread**2 < WEAK:
        return None
    # each day by its own: in months of a flat profile a move shows less
    each = np.maximum(power - 2 * max(mean, 0.0) * wide, 0.0)
    bound, unsure = np.maximum(CLIP * spread, each), spread**2 * wide
    bounded = each / unsure * (np.clip(rest, -bound, bound) - each / 2)
    own = _highest(bounded[START:end]) + np.log(max(1.0, 365 / (rate * (end - START))))
    limit = max(np.log(365 * INDEPENDENT / rate), own)
    wild = np.maximum(1.0, unsure / max(float(power[START:end].mean()), 1e-12))
    cells = np.where(known, change * new - change**2 / 2, 0.0)
    first = cells[:, ::-1].cumsum(axis=1).max(axis=1)
    return Evidence(lag, bounded, (both - power / 2) / wild, first / wild, float(limit))


def _lasting(past: Reals) -> float:
    """Return the deviation of a day's evidence, counted by sums over days to weeks.

    Errors of the profile come again every week, so that sums stray further than days alone say.
    """
    total = np.r_[0.0, np.cumsum(past - past.mean())]
    return max(float((total[n:] - total[:-n]).std() / np.sqrt(n)) for n in (1, 7, 14, BACK))


def _highest(evidence: Reals) -> float:
    """Return the highest rise of the sum of ``evidence``."""
    total = np.r_[0.0, np.cumsum(evidence)]
    return float((total - np.minimum.accumulate(total)).max())
