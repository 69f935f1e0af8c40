"""Shapes that a change takes in the innovations of a track, and how far they stand out.

A step of a remembered series is one large innovation and a small constant rest; a ramp is nearly
a line. Each shape over the last L days is one weighted sum; its score is in deviations, made honest
in three ways: by how sure the usual is (coefficients are estimates), by the track's own past
(the same sum on every earlier day), and by a threshold at which the largest of all shapes' scores
passes as often a year as was allowed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from horizonte.monitor.usual import Usual, fir

Reals = NDArray[np.float64]
REACH = 126  # days back to which a change may have begun
STEPS = (1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 36, 48, 64, 90, 126)
RAMPS = (20, 27, 36, 48, 64, 90, 126)
HOLD = 7  # days that a passed threshold counts, so that one passage is one alarm
LONGEST = 36  # days that any counts: the widest gap between lengths
STEP, RAMP = "step", "ramp"


def shape(kind: str, length: int, poly: Reals) -> Reals:
    """Return what ``kind``, begun ``length`` days ago, does to the innovations; of size 1 (a day)."""
    raw = np.ones(length) if kind == STEP else np.arange(1.0, length + 1)
    return fir(poly, raw)


@dataclass(frozen=True)
class Bank:
    """Shapes as rows [K, REACH], of unit length, the newest day last."""

    kinds: tuple[tuple[str, int], ...]
    rows: Reals

    @classmethod
    def of(cls, poly: Reals, kinds: tuple[tuple[str, int], ...], reach: int) -> Bank:
        """Return the bank of those ``kinds`` that fit into ``reach`` days."""
        kept = tuple(k for k in kinds if k[1] <= reach)
        rows = np.zeros((len(kept), reach))
        for i, (kind, length) in enumerate(kept):
            rows[i, reach - length :] = shape(kind, length, poly)
        return cls(kept, rows / np.linalg.norm(rows, axis=1, keepdims=True))


@dataclass(frozen=True)
class Alarm:
    """The shape that stands out most: its score (signed, in thresholds' units) beside the limit."""

    kind: str
    length: int
    score: float
    threshold: float

    @property
    def gain(self) -> float:
        """Return the log-likelihood that the shape explains."""
        return 0.5 * self.score**2


def kinds(*, ramps: bool) -> tuple[tuple[str, int], ...]:
    """Return the shapes that are looked for."""
    steps = tuple((STEP, n) for n in STEPS)
    return steps + tuple((RAMP, n) for n in RAMPS) if ramps else steps


def hold(length: int) -> int:
    """Return the days that a shape of ``length`` counts once it has passed.

    A change stands out where the length of a shape meets its first day, and again a length
    later: between them it is the same alarm.
    """
    return max(HOLD, min((n for n in STEPS if n > length), default=length) - length)


def standing(at: Callable[[int], Alarm | None], *, since: int) -> Alarm | None:
    """Return what stands out now, or did on one of the last days and still counts (``hold``).

    ``at`` says what stood out so many days before, of which ``since`` are looked at.
    """
    for back in range(min(LONGEST, since)):
        found = at(back)
        if found is not None and back < hold(found.length):
            return replace(found, length=found.length + back)
    return None


def scores(fresh: Reals, heard: Reals, usual: Usual, bank: Bank) -> Reals:
    """Return the score of each shape of ``bank`` at the end of ``fresh``.

    ``heard`` are the regressors as the innovations see them.
    """
    reach = bank.rows.shape[1]
    e = fresh[-reach:]
    known = np.isfinite(e)
    rows = np.where(known, bank.rows, 0.0)
    size = np.sqrt((rows**2).sum(axis=1))
    found = rows @ np.where(known, e, 0.0) / np.maximum(size, 1e-9)
    lever = (rows / np.maximum(size, 1e-9)[:, None]) @ heard[-reach:]
    unsure = np.einsum("ki,ij,kj->k", lever, usual.spread, lever)
    last = np.where(size > 0.3, 1.0, 0.0)
    return np.asarray(found / np.sqrt(1 + unsure) * last)


def own(fresh: Reals, bank: Bank) -> Reals:
    """Return by how much each shape's scores in the track's past exceed white noise's, at least 1."""
    past = np.where(np.isfinite(fresh), fresh, 0.0)
    reach = bank.rows.shape[1]
    if len(past) < 2 * reach:
        return np.ones(len(bank.kinds))
    z = np.abs(np.lib.stride_tricks.sliding_window_view(past, reach) @ bank.rows.T)
    length = np.array([n for _, n in bank.kinds], dtype=float)
    slack = 1 + np.sqrt(length / (2 * len(past)))
    wide = np.sqrt((z**2).mean(axis=0)) / slack
    high = np.quantile(z, 0.98, axis=0)
    beyond = np.array(
        [(c[c > h] - h).mean() if (c > h).any() else 0.0 for c, h in zip(z.T, high, strict=True)]
    )
    tail = (high + 4.3 * beyond) / 3.9 / slack
    return np.asarray(np.maximum(1.0, np.where(length <= 8, np.maximum(wide, tail), wide)))


def threshold(rate: float) -> float:
    """Return the score that the largest shape newly passes ``rate`` times a year on white noise.

    The law of the largest score is that of theory, z²/2 = c − log(rate). Simulated (400 years, looked
    at daily, HOLD) the level at 0.5, 0.125 and 0.025 a year is 3.60, 3.97 and 4.35, c = 5.78, for any
    memory, with and without ramps. 0.42 is added for what is estimated from two or three years.
    """
    return float(np.sqrt(2 * max(6.2 - np.log(rate), 1.0)))


def loudest(found: Reals, bank: Bank, *, limit: float) -> Alarm | None:
    """Return the shape whose score passes ``limit`` most; None where none does."""
    if not len(found):
        return None
    best = int(np.abs(found).argmax())
    if abs(found[best]) <= limit:
        return None
    kind, length = bank.kinds[best]
    return Alarm(kind, length, float(found[best]), limit)
