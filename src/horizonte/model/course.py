"""What fits are told of a series whose course is another: since when, and what is another about it.

A clock set wrong or another shift plan moves a day and its week in time; a rebuilt machine gives the day
another shape. Which it was, the first days after the change say, held against what a regression on the
calendar, fitted on the time before it, expected of them. A day that comes later needs nothing learnt anew:
every model reads the calendar as much earlier.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from horizonte.model import autoregression as ar
from horizonte.model import fourier
from horizonte.model.per_series import place, recent, until
from horizonte.model.statistical import RIDGE, thinned
from horizonte.prepare.windows import Reals, Windows

BEFORE, AFTER = "P731D", "P56D"  # that say what was expected, and what came
SURE = 2.0  # standard errors by which days must be explained better
WORTH = 0.15  # share of their error that must be gone
LEAST = 3  # days: fewer have no spread
DAYS = 3  # by which the week of a daily series may have moved


class Course(NamedTuple):
    """What is another since a change, beside the level."""

    late: int = 0  # steps by which everything comes later
    reshaped: bool = False  # whether the day has a shape of its own


def told(view: Windows, meta: pd.DataFrame, *, changed: Mapping[str, pd.Timestamp]) -> pd.DataFrame:
    """Return ``meta`` with ``changed`` (ISO-8601, UTC), ``late`` (seconds) and ``reshaped``.

    Of the series whose course is another and that were seen since; ``meta`` itself where there is none.
    ``view`` is what is fitted on, a row per series.
    """
    found = {}
    for row, uid in enumerate(map(str, view.unique_id)):
        if uid not in changed:
            continue
        since, one = changed[uid].tz_convert("UTC").tz_localize(None), view.take([row])
        after = one.history_ds()[0] >= since.to_datetime64()
        if np.isfinite(one.y[0, after]).any():
            course = since_then(one, int(after.argmax()), meta=meta)
            late = course.late * one.step / np.timedelta64(1, "s")
            found[uid] = {"changed": since.isoformat(), "late": late, "reshaped": course.reshaped}
    if not found:
        return meta
    columns = pd.DataFrame.from_dict(found, orient="index").rename_axis("unique_id")
    return meta.merge(columns.reset_index(), on="unique_id", how="left")


def since_then(one: Windows, first: int, *, meta: pd.DataFrame) -> Course:
    """Return what is another about the one row of ``one`` from its column ``first`` on."""
    if one.step > np.timedelta64(1, "D"):
        return Course()  # by weeks or months nobody sets a clock
    day = one.steps("P1D")
    furthest = day // 2 if day > 1 else DAYS
    size = min(one.length - first, one.steps(AFTER)) // day * day
    if first == 0 or size < LEAST * day:
        return Course()
    came = one.y[0, first : first + size]
    expected = _expected(one, first, size=size, furthest=furthest, meta=meta)
    if expected is None or not np.isfinite(came).any():
        return Course()
    lags = range(-((day - 1) // 2) if day > 1 else -DAYS, furthest + 1)  # half a day is tried once
    left = {k: _days(came - expected[furthest - k :][:size], day) for k in lags}
    losses = {k: _loss(days) for k, days in left.items()}
    late = min(lags, key=lambda k: (np.nansum(losses[k]), abs(k)))
    if _better(losses[late], losses[0]):
        return Course(late=late)
    own = _loss(left[0] - _of_others(left[0])) if day > 1 else losses[0]
    return Course(reshaped=_better(own, losses[0]))


def _expected(
    one: Windows, first: int, *, size: int, furthest: int, meta: pd.DataFrame
) -> Reals | None:
    """Return what the calendar says from ``furthest`` steps before ``first`` on, fitted on what came before.

    Over ``size`` steps and ``furthest`` more; None where too little came before.
    """
    before = recent(until(one, first), BEFORE)
    known = np.isfinite(before.y[0])
    if known.sum() < before.steps("P28D"):
        return None
    where = place(meta, str(one.unique_id[0]))
    spec = fourier.terms(before, where) | {"known": []}
    ds = before.history_ds()[0]
    rows = thinned(np.flatnonzero(known), before)
    columns = np.column_stack(fourier.columns(spec, ds[rows]))
    beta = ar.least_squares(columns, before.y[0, rows, None], ridge=RIDGE)[0]
    ahead = ds[-1] + one.step * np.arange(1 - furthest, size + furthest + 1)
    return np.asarray(np.column_stack(fourier.columns(spec, ahead)) @ beta)


def _days(left: Reals, day: int) -> Reals:
    """Return ``left`` by day ``[days, day]`` without each day's mean; of daily steps without that of all."""
    if day == 1:
        return (left - np.nanmean(left))[:, None]
    rows = left.reshape(-1, day)
    count = np.maximum(np.isfinite(rows).sum(axis=1, keepdims=True), 1)
    return np.asarray(rows - np.nansum(rows, axis=1, keepdims=True) / count)


def _of_others(days: Reals) -> Reals:
    """Return for each of ``days`` the mean of the others, 0 where none was seen."""
    seen, total = np.isfinite(days), np.where(np.isfinite(days), days, 0.0)
    count = seen.sum(axis=0) - seen
    return np.asarray((total.sum(axis=0) - total) / np.maximum(count, 1))


def _loss(days: Reals) -> Reals:
    """Return the mean absolute error of each day, NaN where nothing was seen."""
    seen = np.isfinite(days)
    total = np.abs(np.where(seen, days, 0.0)).sum(axis=1)
    out = np.full(len(days), np.nan)
    return np.asarray(np.divide(total, seen.sum(axis=1), out=out, where=seen.any(axis=1)))


def _better(new: Reals, old: Reals) -> bool:
    """Return whether the losses ``new`` of the same days are surely smaller, by enough to matter."""
    gain = (old - new)[np.isfinite(old)]
    if len(gain) < LEAST or not gain.sum() > WORTH * np.nansum(old):
        return False
    return bool(gain.mean() > SURE * gain.std(ddof=1) / np.sqrt(len(gain)))
