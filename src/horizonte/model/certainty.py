"""What a history says of how wrong its next forecast may be."""

from __future__ import annotations

import numpy as np
import pandas as pd

from horizonte.prepare.tracks import Running, Tracks
from horizonte.prepare.windows import Reals, Windows

RECENT = "P7D"


def certainty(view: Windows, *, meta: pd.DataFrame) -> dict[str, Reals]:
    """Return the columns that bands are cut from, one value per row of ``view.frame``.

    ``lead``: steps since the last observation, more than since the cutoff where the target is
    stale. ``deviation``: standard deviation of the last four weeks, 0 when there is none.
    ``unrest``: how far the last week strayed from the week before it, NaN when unknown, and where
    one of them was before a change that ``meta`` tells of: that says nothing of a fit that knows it.
    """
    lead = np.arange(1, view.horizon + 1)[None, :] + view.stale()[:, None]
    known = np.where(_settling(view, meta), np.nan, unrest(view))
    per_row = {"deviation": deviation(view), "unrest": known}
    return {"lead": lead.ravel().astype(float)} | {
        name: np.repeat(values, view.horizon) for name, values in per_row.items()
    }


def context(view: Windows, *, meta: pd.DataFrame) -> pd.DataFrame:
    """Return (unique_id, cutoff, ds, lead, deviation, unrest) for every forecast of ``view``."""
    rows = view.frame(np.zeros((len(view), view.horizon))).drop(columns="mean")
    return rows.assign(**certainty(view, meta=meta))


def deviation(view: Windows) -> Reals:
    """Return the standard deviation of the last four weeks of each row, 0 where there is none."""
    return Tracks.of(view).scale(np.arange(len(view)), _last(view))


def unrest(view: Windows) -> Reals:
    """Return the mean change from week to week over the last observed week, NaN where unknown.

    A history too short for that is read from day to day.
    """
    rows, out = np.arange(len(view)), np.full(len(view), np.nan)
    seen = np.maximum(view.length - 1 - view.stale(), 0)
    for season in (view.steps("P7D"), view.steps("P1D")):
        if season < view.length:
            change = np.abs(view.y[:, season:] - view.y[:, :-season])
            found = Running.of(change).mean(rows, seen - season, view.steps(RECENT))
            out = np.where(np.isfinite(out), out, found)
    return out


def _settling(view: Windows, meta: pd.DataFrame) -> np.ndarray:
    """Return which rows end within two weeks after a change that fits were told of."""
    if "changed" not in meta:
        return np.zeros(len(view), bool)
    since = pd.Series(view.unique_id).map(meta.set_index("unique_id")["changed"])
    since = pd.to_datetime(since, format="ISO8601")  # with and without fractions of a second
    after = view.cutoff - since.to_numpy("datetime64[ns]")
    return (after >= np.timedelta64(0)) & (after < 2 * pd.Timedelta(RECENT).to_timedelta64())


def _last(view: Windows) -> np.ndarray:
    return np.full(len(view), view.length - 1)
