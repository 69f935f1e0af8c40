"""What a model has lately missed, read from the forecasts that it would have issued.

Lags follow a series wherever it goes, except where a fit leans on the calendar: the hours of a day
that has moved are expected where they were. The shape of what the forecasts of the last seven days missed of
their first day is followed as far as it is more than chance; see ``following``.
"""

from __future__ import annotations

import numpy as np

from horizonte.model.following import follow, usual
from horizonte.prepare.features import Cells, targets
from horizonte.prepare.windows import Reals, Windows

DAYS = 7  # daily forecasts that are looked at
SLOTS = 24  # most instants of a day that are looked at
NOTHING = (np.inf, 0.0)  # whatever is missed may be chance, and nothing of it goes on


def replayed(windows: Windows, *, days: int = DAYS) -> Cells:
    """Return the cells of the daily forecasts before each row's cutoff, ``[n · days · slots]``.

    In the order of time, each over its first day, in the middle of its slots. Forecasts from before the
    history stand at its first column; a grid of a day or more has no shape, and no cells.
    """
    day, count = windows.steps("P1D"), slots(windows)
    each = day // count
    before, slot = np.divmod(np.arange(days * count if count > 1 else 0), count)
    cutoff = np.maximum(windows.length - 1 - day * (days - before), 0)
    lead = np.minimum(each * slot + (each + 1) // 2, windows.length - 1 - cutoff)
    rows = np.repeat(np.arange(len(windows)), len(cutoff))
    return Cells(rows, np.tile(cutoff, len(windows)), np.tile(lead, len(windows)))


def missed(windows: Windows, cells: Cells, said: Reals) -> Reals:
    """Return what came less what was ``said`` at ``replayed`` cells, ``[n, days · slots]``.

    Forecasts that had seen less than a week of their series say nothing.
    """
    first = np.isfinite(windows.y).argmax(axis=1)[cells.row]
    settled = cells.cutoff >= first + windows.steps("P7D")
    errors = np.where(settled, targets(windows, cells) - said, np.nan)
    return errors.reshape(len(windows), len(cells) // max(len(windows), 1))


def learn(windows: Windows, errors: Reals) -> tuple[float, float]:
    """Return of the replayed ``errors`` ``[1, days · slots]`` of one series what is usual.

    The mean square of what a week says of the shape of a day's misses, and the share of it that goes on;
    NOTHING where few weeks were seen. Their level is left to the lags.
    """
    count = slots(windows)
    size = (DAYS + 1) * count
    if errors.shape[1] < size:
        return NOTHING
    weeks = np.lib.stride_tricks.sliding_window_view(errors[0], size)[::count]
    found = usual(weeks[:, :-count], weeks[:, -count:], steps=DAYS * count, day=count)
    return NOTHING if found is None else (found["shape"]["usual"], found["shape"]["kept"])


def ahead(windows: Windows, errors: Reals, learnt: Reals) -> Reals:
    """Return what goes on of ``errors`` ``[n, days · slots]`` over the horizon, ``[n, horizon]``.

    ``learnt`` is ``[n, 2]``, what ``learn`` gave for the series of each row.
    """
    count = slots(windows)
    shape = {"usual": learnt[:, :1], "kept": learnt[:, 1:]}
    spec = {"steps": DAYS * count, "day": count, "shape": shape}
    each = windows.steps("P1D") // count
    moved = follow([spec], errors, -(-windows.horizon // each))[:, errors.shape[1] :]
    return np.repeat(moved, each, axis=1)[:, : windows.horizon]


def slots(windows: Windows) -> int:
    """Return how many instants of a day are looked at: SLOTS or the largest part of a day below."""
    day = windows.steps("P1D")
    return max(n for n in range(1, SLOTS + 1) if day % n == 0)
