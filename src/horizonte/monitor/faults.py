"""A sensor that fell silent, and one that stands still: from what arrived, as it arrived."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from horizonte import freq
from horizonte.monitor.findings import MISSING, STUCK, Found
from horizonte.prepare.grid import nanoseconds

Reals = NDArray[np.float64]
LEAST, MOST = pd.Timedelta(hours=6), pd.Timedelta(days=2)  # a silence that is never, always told
SILENT, STILL = 2, 3  # cells of silence, and of standing still, that are never told
LONGER = 1.5  # times what was usual
UNLIKELY = -9.0  # log10 of the chance of standing still so long
YEARS = 3  # of history that say what is usual


def missing(
    rows: pd.DataFrame, meta: Mapping[str, Any], *, now: pd.Timestamp, rate: float
) -> Found | None:
    """Return the silence of a feed that is longer than its past and its schedule explain.

    ``rows`` are PREPARED rows of one series up to ``now``, by ds; ``rate`` is how many longer
    silences a year may pass as usual. None for a series of which nothing was ever known.
    """
    step = freq.step(str(meta["freq"]))
    known = rows.loc[rows["y_raw"].notna(), "ds"]
    known = known[known > now - pd.Timedelta(days=365 * YEARS)]
    if known.empty:
        return None
    lag = pd.Timedelta(seconds=float(meta["publication_lag_seconds"]))
    silent = now - lag - (known.iloc[-1] + step)
    usual = _usual(known, step, rate)
    if silent < usual:
        return None
    hours = pd.Timedelta(hours=1)
    evidence = {"silent_hours": silent / hours, "threshold_hours": usual / hours, "n": len(known)}
    return Found(str(meta["unique_id"]), MISSING, known.iloc[-1] + step, silent / hours, evidence)


def stuck(rows: pd.DataFrame, meta: Mapping[str, Any], *, rate: float) -> Found | None:
    """Return the run of equal readings that ends ``rows``, where chance and past cannot explain it.

    A run at a declared limit (no rain, an empty street) is no fault.
    """
    step = freq.step(str(meta["freq"]))
    known = rows[rows["y_raw"].notna()]
    y = known["y_raw"].to_numpy(float)
    if not len(y) or y[-1] in (meta["lower"], meta["upper"]):
        return None
    starts = np.flatnonzero(np.r_[True, y[1:] != y[:-1]])
    lengths = np.diff(np.r_[starts, len(y)])
    past, length = lengths[:-1], int(lengths[-1])
    repeats = (past - 1).sum() + 1
    chance = (length - 1) * np.log10(repeats / (len(y) - length + 2))
    usual = max(STILL, LONGER * _quantile(past[past > 1], rate, years=_years(known["ds"])))
    if length <= usual or chance > UNLIKELY:
        return None
    hours = length * step / pd.Timedelta(hours=1)
    evidence = {"cells": length, "threshold_cells": float(usual), "log10_chance": float(chance)}
    return Found(str(meta["unique_id"]), STUCK, known["ds"].iloc[starts[-1]], hours, evidence)


def _usual(known: pd.Series, step: pd.Timedelta, rate: float) -> pd.Timedelta:
    """Return the silence that this feed's own past makes usual, within bounds."""
    least, most = max(SILENT * step, LEAST), max(SILENT * step, MOST)
    gaps = np.diff(nanoseconds(known)) / step.value - 1
    longest = _quantile(gaps[gaps > 0], rate, years=_years(known))
    return min(max(LONGER * longest * step, least), most)


def _quantile(lengths: Reals, rate: float, *, years: float) -> float:
    """Return the length that at most ``rate`` of ``lengths`` a year exceed; 0 where there is none."""
    passed = int(rate * years)
    ordered = np.sort(lengths)[::-1]
    return float(ordered[passed]) if len(ordered) > passed else 0.0


def _years(ds: pd.Series) -> float:
    return float((ds.iloc[-1] - ds.iloc[0]) / pd.Timedelta(days=365))
