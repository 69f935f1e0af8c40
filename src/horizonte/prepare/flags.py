"""Which values of one series cannot be true; each rule looks at a bounded window only."""

from __future__ import annotations

import numpy as np

from horizonte.prepare.grid import Flags, Ints, Reals, Runs, spread
from horizonte.prepare.reach import Widths

UNLIKELY = -12.0  # log10 of the chance of a run, below which it is no coincidence
ALIKE = 4  # as many comparable runs nearby make a run natural, such as a solar plant's nights


def out_of_range(y: Reals, *, limits: tuple[float, float]) -> Flags:
    """Return the values beyond the declared limits, and the infinite ones; NaN means no limit."""
    lower, upper = limits
    return (y < lower) | (y > upper) | np.isinf(y)


def flatline(y: Reals, *, widths: Widths, limits: tuple[float, float]) -> Flags:
    """Return the values of runs that last too long for how this series repeats itself nearby.

    A run is suspect when longer than ``widths.flat`` cells and not at a declared limit (no rain,
    saturated humidity, an empty street). It is stuck when the share of repeats in the context
    around it makes its length as unlikely as 1e-12, unless comparable runs are common there.
    A run that outlasts the context is stuck.
    """
    runs = Runs.of(y)
    suspect = (runs.length > widths.flat) & ~np.isin(y[runs.start], limits)
    chosen = np.flatnonzero(suspect & ~np.isnan(y[runs.start]))
    if not len(chosen):
        return np.zeros(len(y), dtype=bool)
    start, length = runs.start[chosen], runs.length[chosen]
    unlikely = length * np.log10(_repeats(y, start, length, widths.context)) < UNLIKELY
    long = length >= widths.context
    stuck = long | (unlikely & ~_common(runs, chosen, unlikely & ~long, widths.context))
    return spread(start[stuck], (start + length)[stuck], len(y))


def _repeats(y: Reals, start: Ints, length: Ints, context: int) -> Reals:
    """Return the share of repeated values within ``context`` cells of each run, without itself."""
    here = np.concatenate(([0], np.cumsum(~np.isnan(y))))
    again = np.concatenate(([0, 0], np.cumsum(y[1:] == y[:-1])))
    left, right = np.maximum(start - context, 0), np.minimum(start + length + context, len(y))
    # the first cell of the left context is not counted as a repeat: its neighbour is outside
    repeats = again[right] - again[np.minimum(left + 1, right)] - (length - 1)
    present = here[right] - here[left] - length
    share: Reals = (repeats + 1) / (present + 2)
    return share


def _common(runs: Runs, chosen: Ints, asked: Flags, context: int) -> Flags:
    """Tell for the ``asked`` runs whether ALIKE others at least half as long stand nearby."""
    common = np.zeros(len(chosen), dtype=bool)
    ends = runs.start + runs.length
    for i in np.flatnonzero(asked):
        run = chosen[i]
        first = np.searchsorted(runs.start, runs.start[run] - context)
        last = np.searchsorted(ends, ends[run] + context, side="right")
        near = runs.length[first:last]
        common[i] = np.count_nonzero(2 * near >= runs.length[run]) > ALIKE
    return common
