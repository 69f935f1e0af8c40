"""What a fitted level has lately missed: its height and its day, as far as that is more than chance.

A regression on the calendar knows a series as it was. Where the series has moved since, the errors of the
last weeks say by how much: the median at each time of day, as a level and a shape about it. A share of both
goes on, as it did in the history of the fit; a miss far larger than any there is no chance, and goes on as a
whole: the shrinkage of James & Stein (1961), towards what was learnt instead of towards nothing. What the
newest day shows no more has passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from horizonte.model.per_series import Spec
from horizonte.prepare.windows import Reals, Windows

SPANS = ("P28D", "P7D")  # what the first leaves is read over the second
CHANCE = 4.0  # times the usual mean square: up to two deviations, a miss may be chance
SHOWN = 0.5  # share of it that the newest day must show for it to go on whole
ENOUGH = 0.5  # share of a span that must have been seen to learn from it
LEAST = 8  # past cutoffs without which nothing is learnt
CELLS = 1_000_000  # bound on what is read of a history


class Misses(NamedTuple):
    """The errors of one span, a median per time of day, and how much of them was seen."""

    level: Reals  # [n, 1], their mean over the day
    shape: Reals  # [n, day] about it, 0 where nothing was seen
    known: NDArray[np.bool_]  # [n, day]
    seen: Reals  # [n, 1], share of the span


def learn(errors: Reals, one: Windows) -> list[Spec]:
    """Return per span how large the misses of a level usually are, and what share of them goes on.

    ``errors`` ``[length]`` are those of the history that ``one`` stands for, NaN where nothing was
    observed. A history that is too short teaches nothing, and then nothing is followed.
    """
    day, back = one.steps("P1D"), one.steps(SPANS[0])
    ahead = max(one.horizon, day)  # an hour alone has no shape
    size = back + ahead
    if len(errors) < size:
        return []
    every = day * max(1, -(-len(errors) * size // (day * CELLS)))
    left = np.lib.stride_tricks.sliding_window_view(errors, size)[::-every]
    out: list[Spec] = []
    for span in SPANS:
        steps = max(one.steps(span) // day, 1) * day
        spec = usual(left[:, :back], left[:, back:], steps=steps, day=day)
        if spec is None:
            break
        out.append(spec)
        left = left - follow([spec], left[:, :back], ahead)
    return out


def usual(past: Reals, ahead: Reals, *, steps: int, day: int) -> Spec | None:
    """Return what the last ``steps`` of ``past`` errors ``[n, any]`` said of the errors ``ahead``.

    None where too few rows were seen.
    """
    found = misses(past, steps, day)
    whole = np.pad(ahead, ((0, 0), (0, -ahead.shape[1] % day)), constant_values=np.nan)
    after = misses(whole, whole.shape[1], day)
    good = (found.seen[:, 0] > ENOUGH) & after.known.any(axis=1)
    if good.sum() < LEAST:
        return None
    shape_after = np.where(after.known, after.shape, np.nan)
    return {
        "steps": steps,
        "day": day,
        "level": _part(found.level[good], after.level[good]),
        "shape": _part(found.shape[good], shape_after[good]),
    }


def follow(learnt: Sequence[Spec], errors: Reals, horizon: int) -> Reals:
    """Return what goes on of a level's ``errors`` ``[n, back]``, over them and the horizon.

    ``[n, back + horizon]``, to be added to the level. A spec without ``level`` follows the shape alone. Sums
    run step by step, so that a row gives the same bits alone and among others.
    """
    steps = np.arange(-errors.shape[1], horizon)
    out = np.zeros((len(errors), len(steps)))
    for spec in learnt:
        left = errors - out[:, : errors.shape[1]]
        found = misses(left, spec["steps"], spec["day"])
        moved = _going_on(found.shape, found.seen, **spec["shape"])
        if "level" in spec:
            moved = moved + _going_on(found.level, found.seen, **spec["level"])
        moved = moved * _lasting(moved, misses(left, spec["day"], spec["day"]))
        out = out + moved[:, steps % spec["day"]]
    return out


def _going_on(miss: Reals, seen: Reals, *, usual: float | Reals, kept: float | Reals) -> Reals:
    """Return of a miss (one row each) what is no chance, and of the rest the share ``kept``.

    ``usual`` and ``kept`` may differ from row to row (``[n, 1]``).
    """
    size = (miss**2).cumsum(axis=1)[:, -1:] / miss.shape[1]
    chance = CHANCE * usual / np.where(seen > 0, seen, 1.0)
    alike = np.divide(chance, size, out=np.ones_like(size), where=size > chance)
    share: Reals = 1 - (1 - kept) * alike
    return miss * share


def _lasting(moved: Reals, newest: Misses) -> Reals:
    """Return the share (0 to 1) of what has ``moved`` that goes on, seen the ``newest`` day, ``[n, 1]``.

    All of it where that day shows SHOWN of it or was not seen, none where it shows none: the misses
    of a week outlast what caused them.
    """
    of = np.where(newest.known, moved, 0.0)
    shown = (of * (newest.level + newest.shape)).cumsum(axis=1)[:, -1:]
    whole = SHOWN * (of**2).cumsum(axis=1)[:, -1:]
    share: Reals = np.divide(shown, whole, out=np.ones_like(whole), where=whole > 0)
    return np.clip(share, 0.0, 1.0)


def _part(found: Reals, after: Reals) -> dict[str, float]:
    """Return the mean square of past misses, and the share of them that came again (0 to 1)."""
    known = np.isfinite(after)
    power = float((found[known] ** 2).sum())
    kept = float((found[known] * after[known]).sum()) / power if power > 0 else 0.0
    return {"usual": float(np.mean(found**2)), "kept": min(max(kept, 0.0), 1.0)}


def misses(errors: Reals, steps: int, day: int) -> Misses:
    """Return what the last ``steps`` (whole days) of ``errors`` ``[n, any]`` say."""
    kept = errors[:, max(errors.shape[1] - steps, 0) :]
    whole = np.pad(kept, ((0, 0), (steps - kept.shape[1], 0)), constant_values=np.nan)
    middle, count = _medians(whole.reshape(len(errors), -1, day))
    known = count > 0
    level = middle.cumsum(axis=1)[:, -1:] / np.maximum(known.sum(axis=1, keepdims=True), 1)
    shape = np.where(known, middle - level, 0.0)
    return Misses(level, shape, known, count.sum(axis=1, keepdims=True) / steps)


def _medians(days: Reals) -> tuple[Reals, NDArray[np.int64]]:
    """Return per time of day the median of ``days`` ``[n, days, day]``, 0 where nothing was seen, and the count.

    A holiday or an hour gone wild leaves it alone, as it does a fit by absolute error.
    """
    count = np.isfinite(days).sum(axis=1)
    ordered = np.sort(days, axis=1)  # what is missing comes last
    low, high = (
        np.take_along_axis(ordered, np.maximum(at, 0)[:, None], axis=1)[:, 0]
        for at in ((count - 1) // 2, np.minimum(count // 2, days.shape[1] - 1))
    )
    return np.where(count > 0, (low + high) / 2, 0.0), count
