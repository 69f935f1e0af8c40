"""Rows as days: each reading in the row and cell of its time, through every change of the clock."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from tests.series import row
from tests.unit.monitor.made import prepared

from horizonte.monitor.days import Days, days

ZONE = "Europe/Berlin"
DAY = pd.Timedelta("1D")
SUMMER, WINTER = "2022-06-02", "2022-01-06"
COUNT = 800
Rows = Callable[[str], pd.DatetimeIndex]


def _grid(begun: str) -> pd.DatetimeIndex:
    """Steps of 24 hours from a local midnight on, whatever the clock does."""
    first = pd.Timestamp(begun, tz=ZONE).tz_convert("UTC")
    return pd.date_range(first, periods=COUNT, freq=DAY)


def _midnights(begun: str) -> pd.DatetimeIndex:
    """Every local midnight: days of 23 to 25 hours."""
    return pd.date_range(begun, periods=COUNT, freq="1D", tz=ZONE).tz_convert("UTC")


def _seen(ds: pd.DatetimeIndex, **facts: object) -> Days:
    """Days whose values count the rows."""
    y = pd.Series(np.arange(len(ds), dtype=float), index=ds)
    found = days(prepared(y), row("a", freq="P1D", zone=ZONE, **facts), now=ds[-1] + DAY)
    assert found is not None
    return found


@pytest.mark.parametrize("begun", [SUMMER, WINTER])
@pytest.mark.parametrize("rows", [_grid, _midnights])
def test_each_reading_of_a_day_has_its_row(rows: Rows, begun: str) -> None:
    """None is lost in March and none doubled in October, and each row has its weekday and instant."""
    ds = rows(begun)
    found = _seen(ds)
    assert found.x[:, 0].tolist() == list(range(COUNT))
    assert found.weekday.tolist() == pd.date_range(begun, periods=COUNT).weekday.tolist()
    assert [found.instant(at) for at in range(COUNT)] == list(ds)


@pytest.mark.parametrize("begun", [SUMMER, WINTER])
@pytest.mark.parametrize("rows", [_grid, _midnights])
def test_a_learnt_course_begins_in_its_row(rows: Rows, begun: str) -> None:
    """The first whole row is the one after the instant that was told, in winter as in summer."""
    ds = rows(begun)
    assert [_seen(ds, learnt=ds[at]).learnt for at in (100, 300, 500, 700)] == [101, 301, 501, 701]


@pytest.mark.parametrize("begun", [SUMMER, WINTER])
def test_a_row_is_whole_when_its_step_is_over(begun: str) -> None:
    """To the second, on either side of a change of the clock."""
    ds = _grid(begun)
    y = pd.Series(1.0, index=ds)
    for at in (100, 300, 500):
        for late, size in ((pd.Timedelta(0), at + 1), (pd.Timedelta("-1s"), at)):
            meta = row("a", freq="P1D", zone=ZONE)
            found = days(prepared(y), meta, now=ds[at] + DAY + late)
            assert found is not None
            assert len(found) == size


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Europe/Lisbon"])
@pytest.mark.parametrize("hours", [2, 3, 4, 6])
def test_no_reading_changes_its_cell_with_the_clock(zone: str, hours: int) -> None:
    """Of steps of hours each cell holds those of one hour of UTC, in winter as in summer."""
    step = pd.Timedelta(hours=hours)
    ds = pd.date_range("2022-05-01", periods=800 * 24 // hours, freq=step, tz="UTC")
    y = pd.Series(ds.hour.astype(float), index=ds)
    meta = row("a", freq=f"PT{hours}H", zone=zone)
    found = days(prepared(y), meta, now=ds[-1] + step)
    assert found is not None
    assert all(len(set(cell[np.isfinite(cell)])) == 1 for cell in found.x.T)
    assert len({cell[10] for cell in found.x.T}) == 24 // hours


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin"])
def test_a_cell_of_hours_is_named_by_its_start(zone: str) -> None:
    """The instant of a cell is that of its reading, while the clock is the one furthest back."""
    step = pd.Timedelta("4h")
    ds = pd.date_range("2022-12-01", periods=240, freq=step, tz="UTC")
    y = pd.Series(np.arange(240.0), index=ds)
    found = days(prepared(y), row("a", freq="PT4H", zone=zone), now=ds[-1] + step)
    assert found is not None
    assert all(found.instant(20, cell) == ds[int(found.x[20, cell])] for cell in range(6))
