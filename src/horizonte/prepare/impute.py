"""Short gaps are filled on a straight line between their neighbours; long ones stay missing."""

from __future__ import annotations

import numpy as np

from horizonte.prepare.grid import Flags, Reals, spread


def short_gaps(
    y: Reals, *, longest: int, closed: Flags, period: float = np.nan
) -> tuple[Reals, Flags]:
    """Return ``y`` with inner gaps of at most ``longest`` cells interpolated, and which they are.

    A gap at either end has one neighbour only and stays missing, as does one that holds a
    ``closed`` cell. With a ``period`` (degrees) the line takes the shorter way round.
    """
    gap = np.isnan(y)
    edge = np.diff(gap.astype(np.int8), prepend=0, append=0)
    start, end = np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)
    sealed = np.concatenate(([0], np.cumsum(closed)))
    fits = (end - start <= longest) & (start > 0) & (end < len(y)) & (sealed[end] == sealed[start])
    start, end = start[fits], end[fits]
    filled = y.copy()
    if not len(start):
        return filled, np.zeros(len(y), dtype=bool)
    which = spread(start, end, len(y))
    at = np.flatnonzero(which)
    left = np.repeat(start - 1, end - start)
    right = np.repeat(end, end - start)
    rise = y[right] - y[left]
    if not np.isnan(period):
        rise = np.mod(rise + period / 2, period) - period / 2
    filled[at] = y[left] + rise * (at - left) / (right - left)
    if not np.isnan(period):
        filled[at] = np.mod(filled[at], period)
    return filled, which
