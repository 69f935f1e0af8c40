"""A recording moved to the wall clock."""

from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from horizonte.replay import shift

STEP = pd.Timedelta("30min")
FIRST = pd.Timestamp("2024-01-01T00:00Z")


@given(st.integers(0, 10**9), st.integers(350, 1500))
def test_a_shifted_recording_ends_at_the_wall_clock(seconds: int, length: int) -> None:
    """It ends less than one step before now, moved by whole weeks, values unchanged."""
    now = pd.Timestamp("2020-01-01T00:00Z") + pd.Timedelta(seconds=seconds)
    ds = pd.date_range(FIRST, periods=length, freq=STEP)
    moved = shift.to_now(pd.DataFrame({"ds": ds, "y": range(length)}), now=now, step=STEP)
    assert now - STEP < moved["ds"].max() + STEP <= now
    by = moved["ds"].iloc[0] - FIRST
    assert by % shift.WEEK == pd.Timedelta(0)
    assert (moved["ds"] == ds[: len(moved)] + by).all()
    assert moved["y"].tolist() == list(range(len(moved)))


def test_nothing_stays_nothing() -> None:
    """An empty recording has nothing to move."""
    empty = pd.DataFrame({"ds": pd.DatetimeIndex([], tz="UTC")})
    assert shift.to_now(empty, now=FIRST, step=STEP).empty
