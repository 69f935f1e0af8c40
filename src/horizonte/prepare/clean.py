"""Cleaning: from what was observed to a regular grid whose every cell says how far to trust it.

``quality`` is why a cell is not as it came: ``ok`` (then ``y`` is ``y_raw``, converted where a
person said that it came in another unit; every rule judges the converted value), ``missing``,
``imputed`` (was missing, ``y`` is a straight line across a short gap), ``out_of_range``,
``flatline``, ``spike`` (``y_raw`` is refused; ``y`` is imputed where the gap is short, else
null), ``ignored`` (a person said so; ``y`` is null), ``planned_event`` (true, and known to be
unusual: ``y`` is as for ``ok``, and no rule judges it or its neighbours by it). Only ``ok`` cells are
evidence of what usually happens. Where a sensor was replaced the rules start anew: none reads
across. Grids are in UTC, so a day has as many cells as it has, 23, 24 or 25 hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from horizonte.errors import NotFound
from horizonte.params import Rules
from horizonte.prepare.cleaner import Cleaner
from horizonte.prepare.grid import nanoseconds, phase
from horizonte.prepare.reach import affected, reach
from horizonte.prepare.stretch import Observed, joined

__all__ = ["Rules", "affected", "clean", "clean_between", "reach"]


def clean(
    observations: pd.DataFrame,
    *,
    series: pd.DataFrame,
    rules: Rules,
    annotations: pd.DataFrame | None = None,
    until: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Return every series of ``observations`` on its whole regular grid: PREPARED, ordered by key.

    A grid runs from the series' first ds to its last; with ``until`` to the cell that holds
    it, and rows after it are dropped, for all that are not known ahead. All ``annotations`` that
    are given count: pass those in force. Raises NotFound for a series that ``series`` does not
    declare.
    """
    cleaned = []
    for one in _each(observations, series=series, rules=rules, annotations=annotations):
        end = one.ds[-1] if until is None or one.cleaner.known_ahead else until.value
        cleaned.append(one.clean(int(one.ds[0]), int(end)))
    return joined(cleaned)


def clean_between(
    observations: pd.DataFrame,
    *,
    series: pd.DataFrame,
    rules: Rules,
    ranges: pd.DataFrame,
    annotations: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the PREPARED rows of ``ranges`` as cleaning everything would give them.

    ``ranges`` (unique_id, starts_at, ends_at) are stretches [starts_at, ends_at) within the
    series' extent; ``observations`` must reach ``reach`` beyond them on both sides, as
    ``affected`` says. A column ``grid``, an instant at which a cell of the series starts, says
    where its grid stands; without it the grid is that of the given observations.
    """
    cleaned = []
    for one in _each(observations, series=series, rules=rules, annotations=annotations):
        own = ranges[ranges["unique_id"] == one.cleaner.unique_id]
        if own.empty:
            continue
        stands = own["grid"].iloc[0].value % one.cleaner.step if "grid" in own else one.phase
        placed = replace(one, phase=int(stands))
        starts, ends = nanoseconds(own["starts_at"]), nanoseconds(own["ends_at"])
        for start, end in zip(starts, ends, strict=True):
            cleaned.append(placed.clean_within(int(start), int(end)))
    return joined(cleaned)


def _each(
    observations: pd.DataFrame,
    *,
    series: pd.DataFrame,
    rules: Rules,
    annotations: pd.DataFrame | None,
) -> Iterator[Observed]:
    declared = {str(row.unique_id): row for row in series.itertuples(index=False)}
    codes, ids = pd.factorize(observations["unique_id"], sort=True)
    missing = [u for u in ids if u not in declared]
    if missing:
        raise NotFound("series", missing, f"one of {sorted(declared)}", "declare it first")
    ds = nanoseconds(observations["ds"])
    order = np.lexsort((ds, codes))
    ds = ds[order]
    y = observations["y"].to_numpy(dtype=float)[order]
    ends = np.searchsorted(codes[order], np.arange(len(ids) + 1))
    for i, unique_id in enumerate(ids):
        cleaner = Cleaner.of(declared[str(unique_id)], rules=rules, annotations=annotations)
        own = slice(ends[i], ends[i + 1])
        yield Observed(cleaner, ds[own], y[own], phase(ds[own], cleaner.step))
