"""A level that has gone far from its fit goes on, at the pace it came.

What follows a series (``following``) stands still: it is days behind one that drifts, and further when its
forecast comes true. A slope of four noisy weeks is no use; how far the level has gone since the fit, over all
days since, is known well. That chord is too slow where the drift began late, and wrong where the level
stepped: so it is no faster than four weeks allow.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from horizonte.model.following import CHANCE, ENOUGH, Misses, misses
from horizonte.model.per_series import Spec
from horizonte.prepare.windows import Reals, Windows

LEAST = 56.0  # days in which a level is thought to have come this far, if it came sooner
FASTEST = 2.0  # times the slope of the last weeks: a chord beyond it is of a step
_DAY = np.timedelta64(1, "D")


def learn(errors: Reals, one: Windows, followed: Sequence[Spec]) -> Spec | None:
    """Return where the fit of a level ended, and how far it may stray from there by chance.

    ``errors`` ``[length]`` are those of the history that ``one`` stands for, ``followed`` what
    ``following.learn`` made of them; None where nothing is followed.
    """
    if not followed:
        return None
    first, last = followed[0], followed[-1]
    return {
        "fitted": str(one.cutoff[0]),
        "level": float(misses(errors[None], first["steps"], first["day"]).level[0, 0]),
        "chance": CHANCE * sum(spec["level"]["usual"] for spec in followed),
        "span": first["steps"],
        "newest": last["steps"],
        "day": last["day"],
    }


def ahead(pace: Spec, errors: Reals, windows: Windows) -> Reals:
    """Return by how much a level was and will be elsewhere than now, ``[n, back + horizon]``.

    To be added to it. ``errors`` ``[n, back]`` are what it has missed. Where they have not left those of
    the fit by more than chance, or were seen too little, it stands still.
    """
    newest, late, early = _lately(pace, errors)
    seen = (newest.seen > ENOUGH) & (late.seen > ENOUGH) & (early.seen > ENOUGH)
    gone = np.where(seen, newest.level - pace["level"], 0.0)
    far, ones = gone**2 > pace["chance"], np.ones_like(gone)
    gone = gone * (1 - np.divide(pace["chance"], gone**2, out=ones, where=far))
    step = windows.step / _DAY
    days = (windows.cutoff - np.datetime64(pace["fitted"])) / _DAY
    days = days[:, None] + step * (pace["span"] - pace["newest"]) / 2
    most = FASTEST * (late.level - early.level) / (pace["span"] / 2)
    each = step * gone / np.maximum(days, LEAST)
    each = np.clip(each, np.minimum(most, 0.0), np.maximum(most, 0.0))
    went: Reals = each * np.arange(-errors.shape[1], windows.horizon)
    return went


def _lately(pace: Spec, errors: Reals) -> tuple[Misses, Misses, Misses]:
    """Return what was missed in the newest days, and in the later and the earlier half of the span."""
    day, half = pace["day"], max(pace["span"] // (2 * pace["day"]), 1) * pace["day"]
    before = errors[:, : max(errors.shape[1] - half, 0)]
    return misses(errors, pace["newest"], day), misses(errors, half, day), misses(before, half, day)
