"""Spikes: single values or short bursts that no daily peak or natural jump explains."""

from __future__ import annotations

import numpy as np

from horizonte.prepare.grid import Flags, Reals
from horizonte.prepare.reach import BLOCKS, BURST, Widths

WINDOW = 2 * BURST + 1
TAIL = 0.95  # quantile of a block's distances that is its scale
NORMAL = 1.96  # what that quantile is for a normal of deviation 1
NETWORK = (  # compare-exchanges that leave the median of seven in the middle (N. Devillard, 1998)
    (0, 5),
    (0, 3),
    (1, 6),
    (2, 4),
    (0, 1),
    (3, 5),
    (2, 6),
    (2, 3),
    (3, 6),
    (4, 5),
    (1, 4),
    (1, 3),
    (3, 4),
)


def spike(
    y: Reals, *, widths: Widths, first_cell: int, mads: float, limits: tuple[float, float]
) -> Flags:
    """Return bursts of at most BURST cells that leave the median around them too far.

    Too far is ``mads`` robust deviations of the context, and, where the lower limit is zero or
    more, of the logarithms too: a crowd after a match is many times the usual, but so is every
    morning. Values that leave a declared limit (the first rain) are not judged, nor is a series
    that hardly moves or stands at a limit most of the time. ``first_cell``, the absolute number
    of cell 0, fixes where blocks start.
    """
    middle = median(y)
    offset = first_cell % widths.block
    judged = ~np.isnan(middle) & ~np.isin(middle, limits)
    found = _far(np.where(judged, np.abs(y - middle), np.nan), widths.block, offset, mads)
    if limits[0] >= 0 and found.any():
        ratio = np.abs(np.log1p(y) - np.log1p(middle))
        found &= _far(np.where(judged, ratio, np.nan), widths.block, offset, mads)
    return found


def median(y: Reals) -> Reals:
    """Return the median of the cells within BURST of each; NaN when fewer than half are present."""
    padded = np.concatenate((np.full(BURST, np.nan), y, np.full(BURST, np.nan)))
    p = [padded[i : i + len(y)] for i in range(WINDOW)]
    for low, high in NETWORK:
        p[low], p[high] = np.minimum(p[low], p[high]), np.maximum(p[low], p[high])
    middle = p[BURST]
    holes = np.flatnonzero(np.isnan(middle))
    if len(holes):
        middle[holes] = _present_median(padded[holes[:, None] + np.arange(WINDOW)])
    return middle


def _present_median(rows: Reals) -> Reals:
    ordered = np.sort(rows, axis=1)
    count = (~np.isnan(rows)).sum(axis=1)
    each = np.arange(len(rows))
    middle = (ordered[each, np.maximum(count - 1, 0) // 2] + ordered[each, count // 2]) / 2
    return np.where(2 * count > WINDOW, middle, np.nan)


def _far(away: Reals, block: int, offset: int, mads: float) -> Flags:
    scale = _scale(away, block, offset)
    return (away > mads * scale) & (scale > 0)


def _scale(away: Reals, block: int, offset: int) -> Reals:
    """Return for each cell the robust deviation of ``away`` over the blocks around its own.

    A block's is its TAIL quantile, so that daily peaks are part of it; the context's is the
    second largest, so that a quiet week-end does not make Monday suspect and one faulty block
    does not excuse itself.
    """
    count = -(-(offset + len(away)) // block)
    padded = np.full(count * block, np.nan)
    padded[offset : offset + len(away)] = away
    blocks = np.sort(padded.reshape(count, block), axis=1)
    present = (~np.isnan(blocks)).sum(axis=1)
    tail = blocks[np.arange(count), np.maximum(np.ceil(TAIL * present).astype(int) - 1, 0)]
    tail[2 * present < block] = np.nan
    half = np.full(BLOCKS // 2, np.nan)
    near = np.lib.stride_tricks.sliding_window_view(np.concatenate((half, tail, half)), BLOCKS)
    known = (~np.isnan(near)).sum(axis=1)
    second = np.sort(near, axis=1)[np.arange(count), np.maximum(known - 2, 0)]
    second[known < BLOCKS // 2] = np.nan
    return np.repeat(second / NORMAL, block)[offset : offset + len(away)]
