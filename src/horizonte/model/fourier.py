"""What repeats: smooth functions of the local day, week and year, holidays, known covariates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from horizonte.model.per_series import Spec, by_place
from horizonte.prepare.calendar import Place, calendar
from horizonte.prepare.windows import Reals, Windows

HARMONICS = {"day": 8, "week": 42, "year": 2, "mixed": 2}  # mixed: day and year together
_FACTS = (*Place._fields, "day", "week", "year", "mixed", "anew")  # of the columns
_HOLIDAY = ("holiday", "day_before_holiday", "day_after_holiday")


def terms(one: Windows, where: Spec) -> Spec:
    """Return which columns the one row of ``one`` can carry, as JSON can hold it.

    Harmonics stay below half the grid's rate, the year needs more than one of its kind, and
    there are at most a column for ten observations. After a change (``changed``) there is a level of its
    own, and for a day that is ``reshaped`` beside its usual shape ``anew`` harmonics; 0 without one.
    """
    seen = np.flatnonzero(np.isfinite(one.y[0]))
    years = (seen[-1] - seen[0]) / one.steps("P365D")
    out = {
        "day": min(HARMONICS["day"], (one.steps("P1D") - 1) // 2),
        "week": min(HARMONICS["week"], (one.steps("P7D") - 1) // 2),
        "year": 2 if years >= 2 else int(years >= 1.25),
    }
    while out["week"] + out["day"] > 0 and _count(out) * 10 > len(seen):
        shrink = "week" if out["week"] >= 7 or out["day"] == 0 else "day"
        out[shrink] //= 2
    mixed = min(HARMONICS["mixed"], out["day"]) if out["year"] else 0
    anew = min(out["day"], _since(one, where) // 20) if where.get("reshaped") else 0
    return {"changed": None, **where, **out, "mixed": mixed, "known": _known(one), "anew": anew}


def _since(one: Windows, where: Spec) -> int:
    """Return how many values came after the change."""
    after = one.history_ds()[0] >= np.datetime64(where["changed"])
    return int(np.isfinite(one.y[0, after]).sum())


def _count(out: dict[str, int]) -> int:
    return 1 + 2 * sum(out.values())


def _known(one: Windows) -> list[Spec]:
    """Return name, mean and scale of every covariate known ahead that varies."""
    found = {name: one.covariates[name] for name in sorted(one.future) if name in one.covariates}
    return [
        {"name": name, "mean": float(np.nanmean(values)), "scale": float(np.nanstd(values))}
        for name, values in found.items()
        if np.isfinite(values).any() and np.nanstd(values) > 0
    ]


def columns(spec: Spec, ds: NDArray[np.datetime64]) -> list[Reals]:
    """Return the calendar's columns at the instants ``ds`` ``[n]`` (UTC), each ``[n]``.

    A holiday counts as a Sunday in the shape of the week, with a level of its own.
    """
    local = calendar(pd.Series(pd.DatetimeIndex(ds, tz="UTC")), by_place(spec))
    hour = local["hour"].to_numpy(float) / 24
    weekday = np.where(local["holiday"] > 0, 6.0, local["weekday"])
    day = _waves(hour, range(1, spec["day"] + 1))
    apart = [k for k in range(1, spec["week"] + 1) if k % 7 or k > 7 * spec["day"]]
    week = _waves((weekday + hour) / 7, apart)
    year = _waves(local["year_phase"].to_numpy(float) + hour / 365, range(1, spec["year"] + 1))
    mixed = [a * b for a in day[: 2 * spec["mixed"]] for b in year]
    off = [local[name].to_numpy(float) for name in _HOLIDAY] if spec["holidays"] else []
    usual = [np.ones(len(ds)), *day, *week, *year, *mixed, *off]
    if not spec.get("changed"):  # models saved before know no change
        return usual
    since = ds >= np.datetime64(spec["changed"])
    return usual + [wave * since for wave in usual[: 1 + 2 * spec["anew"]]]


def _waves(phase: Reals, harmonics: range | list[int]) -> list[Reals]:
    return [wave(2 * np.pi * k * phase) for k in harmonics for wave in (np.sin, np.cos)]


def covariates(spec: Spec, values: dict[str, Reals], shape: tuple[int, ...]) -> list[Reals]:
    """Return the known covariates, standardised; what is unknown stands at its mean."""
    out = []
    for known in spec["known"]:
        value = values.get(known["name"], np.full(shape, np.nan))
        out.append(np.nan_to_num((value - known["mean"]) / known["scale"]))
    return out


def level(spec: Spec, windows: Windows, back: int) -> Reals:
    """Return columns times ``spec["beta"]`` over the last ``back`` steps and the horizon.

    ``[n, back + horizon]``. Sums run column by column, so that a row gives the same bits alone
    and among others.
    """
    ds = span(windows, back)
    grid, at = once(ds, windows.step)
    own = len(spec["beta"]) - len(spec["known"])
    facts = tuple(spec.get(name) for name in _FACTS)
    out = _curve(grid[0], len(grid), windows.step, facts, tuple(spec["beta"][:own]))[at]
    known = covariates(spec, values(windows, back), ds.shape)
    return out + _dot(known, spec["beta"][own:]) if known else out


def span(windows: Windows, back: int) -> NDArray[np.datetime64]:
    """Return the instants of the last ``back`` steps and of the horizon, per row."""
    return np.hstack([windows.history_ds()[:, windows.length - back :], windows.target_ds()])


def once(
    ds: NDArray[np.datetime64], step: np.timedelta64
) -> tuple[NDArray[np.datetime64], NDArray[np.int64]]:
    """Return the grid that holds every instant of ``ds`` once, and each one's place on it."""
    first = ds.min()
    return np.arange(first, ds.max() + step, step), (ds - first) // step


def values(windows: Windows, back: int) -> dict[str, Reals]:
    """Return each covariate over the same steps as ``span``, NaN where it is not known ahead."""
    unknown = np.full((len(windows), windows.horizon), np.nan)
    return {
        name: np.hstack([past[:, windows.length - back :], windows.future.get(name, unknown)])
        for name, past in windows.covariates.items()
    }


@lru_cache(maxsize=32)
def _curve(
    start: np.datetime64,
    count: int,
    step: np.timedelta64,
    facts: tuple[Any, ...],
    beta: tuple[float, ...],
) -> Reals:
    """Return the calendar's columns times ``beta`` at ``count`` instants: what-ifs ask it again."""
    spec = dict(zip(_FACTS, facts, strict=True))
    return _dot(columns(spec, start + step * np.arange(count)), beta)


def _dot(values: list[Reals], beta: Sequence[float]) -> Reals:
    total = np.zeros_like(values[0])
    for value, weight in zip(values, beta, strict=True):
        total += weight * value
    return total
