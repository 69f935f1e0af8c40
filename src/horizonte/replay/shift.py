"""A recording moved to end at the wall clock."""

from __future__ import annotations

import pandas as pd

WEEK = pd.Timedelta(weeks=1)


def weeks_to(last: pd.Timestamp, now: pd.Timestamp) -> pd.Timedelta:
    """Return the fewest whole weeks (also negative) that bring ``last`` to ``now`` or past it.

    Whole weeks keep weekday and hour in UTC instants. The local clock of the series' zone is
    not kept: across a change to or from summer time, daily patterns move by its hour, and
    holidays fall on other days than in the recording.
    """
    return -((last - now) // WEEK) * WEEK


def to_now(readings: pd.DataFrame, *, now: pd.Timestamp, step: pd.Timedelta) -> pd.DataFrame:
    """Return the readings moved by whole weeks, as far as they are over at ``now``.

    Each that is left has ``ds + step <= now``, and without gaps the last is less than a
    ``step`` before that; the up to seven days that would lie in the future are left out. All
    series move together. ``now`` is aware.
    """
    if readings.empty:
        return readings
    moved = readings["ds"] + weeks_to(readings["ds"].max() + step, now)
    return readings.assign(ds=moved)[moved + step <= now].reset_index(drop=True)
