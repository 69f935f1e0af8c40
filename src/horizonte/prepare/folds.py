"""The plan of the backtest: which cutoffs are forecast, and which fit serves each.

A cutoff is the last ``ds`` that a model may see: its forecast is made at the first instant at
which that row can be known, ``cutoff + freq + publication lag`` (``knowledge``), and starts at
``cutoff + freq``. Three disjoint periods follow each other: fit, selection (choices, weights
and calibration), test (nothing is chosen on it).
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from horizonte import freq
from horizonte.contracts import FOLD
from horizonte.errors import DataFault
from horizonte.params import Features

DAY = pd.Timedelta(days=1)
TRAINS = 4 * DAY  # of another course, from which fits that are told of it learn
NO_CHANGES: Mapping[str, pd.Timestamp] = {}


def span(revisions: pd.DataFrame) -> pd.DataFrame:
    """Return (unique_id, first, last): the first and last ``ds`` of every series."""
    ds = revisions.groupby("unique_id", observed=True)["ds"]
    return ds.agg(first="min", last="max").reset_index()


def knowledge(folds: pd.DataFrame, *, series: pd.DataFrame, column: str = "cutoff") -> pd.Series:
    """Return when each fold's ``column`` (cutoff or fitted_at) row is first known.

    That is the instant its forecast (or fit) is made at: ``ds + freq + publication lag`` of the
    target. Covariates that are published later are missing at the end, as they would be.
    """
    lag = series.set_index("unique_id")["publication_lag_seconds"]
    wait = pd.to_timedelta(folds["unique_id"].map(lag), unit="s")
    return folds[column] + folds["freq"].map(freq.step) + wait


def final_fits(spans: pd.DataFrame, *, series: pd.DataFrame) -> dict[str, pd.Timestamp]:
    """Return, per freq, the cutoff of the fit that ships: the last ``ds`` of its targets."""
    targets = _targets(spans, series)
    return {str(f): t for f, t in targets.groupby("freq")["last"].max().items()}


def plan(
    spans: pd.DataFrame,
    *,
    series: pd.DataFrame,
    features: Features,
    changed: Mapping[str, pd.Timestamp] = NO_CHANGES,
) -> pd.DataFrame:
    """Return the FOLD table of every target: same cutoffs for all series of one freq.

    Test: ``test_days`` daily cutoffs, the last ``horizon`` before the group's last ``ds``. The
    first test fit stands a day before the first test cutoff. Selection: cutoffs every
    ``selection_every`` over ``selection_days`` before that fit, the last ``horizon`` before it,
    so that all that is chosen was known when the test's model was made. Fits follow every
    ``refit_every``, before and after that one; each is strictly before the cutoffs it serves.
    Cutoffs whose fit would have seen less of a series than two horizons are left out. A series whose
    course is another since it ``changed`` has one fit more, when ``TRAINS`` of it have been seen:
    forecasts of fits that do not know it are no evidence. Raises DataFault when nothing is left of a group.
    """
    targets = _targets(spans, series)
    parts = [_group(group, str(f), features) for f, group in targets.groupby("freq")]
    whole = _learnt(pd.concat(parts, ignore_index=True), changed)
    return FOLD.check(whole.sort_values(["freq", "unique_id", "cutoff"], ignore_index=True))


def _group(targets: pd.DataFrame, iso: str, features: Features) -> pd.DataFrame:
    grid = _cutoffs(targets["last"].max(), freq.step(iso), features)
    rows = targets[["unique_id", "freq", "first"]].merge(grid, how="cross")
    enough = rows["fitted_at"] - rows["first"] >= 2 * features.horizon
    if not enough.any():
        raise DataFault(
            f"history of the {iso} series",
            str(targets["last"].max()),
            "long enough for one selection cutoff",
            "load more history, or shorten features.selection_days and test_days",
        )
    return rows.loc[enough, FOLD.columns]


def _learnt(rows: pd.DataFrame, changed: Mapping[str, pd.Timestamp]) -> pd.DataFrame:
    """Return FOLD ``rows`` with the fits that have first learnt what ``changed``."""
    out = rows.copy()
    for unique_id, since in changed.items():
        mine = out["unique_id"] == unique_id
        for iso in out.loc[mine, "freq"].unique():
            step, grid = freq.step(iso), out.loc[mine, "cutoff"].min()
            at = grid - (grid - since - TRAINS) // step * step
            late = mine & (out["freq"] == iso) & (out["cutoff"] > at) & (out["fitted_at"] < at)
            out.loc[late, "fitted_at"] = at
    return out


def _cutoffs(last: pd.Timestamp, step: pd.Timedelta, features: Features) -> pd.DataFrame:
    daily, refit = _whole(DAY, step), _whole(features.refit_every, step)
    end = last - step * freq.steps(features.horizon, step)
    test = [end - daily * k for k in range(features.test_days - 1, -1, -1)]
    anchor = (test[0] - daily) if test else last
    count = features.selection_days * DAY // features.selection_every
    back = [_whole(features.selection_every * k, step) for k in range(count, -1, -1)]
    selection = [anchor - features.horizon - b for b in back]
    frame = pd.DataFrame({"cutoff": pd.to_datetime(selection + test, utc=True)})
    frame["period"] = ["selection"] * len(selection) + ["test"] * len(test)
    frame["fitted_at"] = anchor + (frame["cutoff"] - anchor - step) // refit * refit
    return frame


def _whole(every: pd.Timedelta, step: pd.Timedelta) -> pd.Timedelta:
    """Return ``every`` rounded up to whole steps."""
    return step * -(-every // step)


def _targets(spans: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    targets = series.loc[series["role"] == "target", ["unique_id", "freq"]]
    return targets.merge(spans, on="unique_id").assign(freq=lambda t: t["freq"].map(freq.iso))
