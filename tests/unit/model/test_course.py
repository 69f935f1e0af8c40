"""What fits are told of another course: by how much its days come later, or that they have another shape."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from horizonte.model.certainty import certainty
from horizonte.model.course import told
from horizonte.prepare.calendar import Place
from horizonte.prepare.features import places
from horizonte.prepare.windows import windows

START = pd.Timestamp("2023-05-01", tz="UTC")
BEFORE = 120  # days before the change
Curve = Callable[[np.ndarray], np.ndarray]


def street(days: np.ndarray) -> np.ndarray:
    """Two peaks on working days, one on days off; ``days`` since a Monday."""
    hour, off = 24 * (days % 1), days // 1 % 7 >= 5
    work = 40 * np.exp(-(((hour - 8) / 2) ** 2)) + 50 * np.exp(-(((hour - 18) / 2) ** 2))
    return np.where(off, 60 * np.exp(-(((hour - 14) / 4) ** 2)), work)


def found(
    curve: Curve,
    *,
    step: str = "1h",
    after: int = 6,
    noise: float = 4.0,
    zone: str = "UTC",
    begins: str = "00:00",
) -> pd.Series:
    """Return what is told of a series that is ``curve`` (of days) for ``after`` days, ``street`` before."""
    change = START + pd.Timedelta(days=BEFORE) + pd.Timedelta(f"{begins}:00")
    ds = pd.date_range(START, change.floor("D") + pd.Timedelta(days=after), freq=step)
    local = ds.tz_convert(zone).tz_localize(None)
    days = ((local - START.tz_localize(None)) / pd.Timedelta(days=1)).to_numpy()
    rough = np.random.default_rng(3).normal(0, noise, len(ds))
    for t in range(1, len(rough)):
        rough[t] += 0.8 * rough[t - 1]
    y = np.where(ds < change, street(days), curve(days)) + rough
    view = windows(pd.DataFrame({"unique_id": "a", "ds": ds, "y": y}), freq_=step, horizon=24)
    meta = pd.DataFrame({"unique_id": ["a"], "zone": zone, "holidays": None})
    return told(view, meta, changed={"a": change}).iloc[0]


@pytest.mark.parametrize("hours", [-5, -1, 2, 12])
@pytest.mark.parametrize("step", ["1h", "30min", "10min"])
def test_a_day_that_comes_later_is_told_by_how_much(hours: int, step: str) -> None:
    """After six days, whatever the grid, to ten minutes; and since when."""
    row = found(lambda days: street(days - hours / 24) + 20, step=step, begins="09:30")
    assert abs(row["late"] - 3600 * hours) <= 600
    assert not row["reshaped"]
    assert pd.Timestamp(row["changed"]) == pd.Timestamp("2023-08-29 09:30")


@pytest.mark.parametrize("hours", [-8, 8])
def test_of_three_steps_a_day_each_is_tried(hours: int) -> None:
    """Shifts of eight hours, a shift plan moved by one to either side."""
    row = found(lambda days: street(days - hours / 24), step="8h", after=14)
    assert row["late"] == 3600 * hours


def test_summer_time_is_no_move() -> None:
    """Where the clock goes back soon after, local days are what counts."""
    row = found(lambda days: street(days - 3 / 24), zone="Europe/Lisbon", after=70)
    assert row["late"] == 3 * 3600
    row = found(street, zone="Europe/Lisbon", after=70)
    assert (row["late"], row["reshaped"]) == (0, False)


def test_a_level_alone_moves_nothing() -> None:
    """Neither is a day late that is only higher, nor reshaped."""
    row = found(lambda days: street(days) + 80)
    assert (row["late"], row["reshaped"]) == (0, False)
    assert places(pd.DataFrame([row]))["a"] == Place("UTC")  # the calendar of any other


def test_a_day_of_another_shape_is_told() -> None:
    """A peak at night beside the others: no move explains it."""
    row = found(lambda days: street(days) + 70 * np.exp(-((24 * (days % 1) - 2) ** 2) / 3))
    assert (row["late"], row["reshaped"]) == (0, True)


def test_what_days_cannot_tell_is_left() -> None:
    """Two days only, and noise far larger than the day: a level of its own is all."""
    for row in (
        found(lambda days: street(days - 4 / 24), after=2),
        found(lambda days: street(days - 4 / 24), noise=400.0),
    ):
        assert (row["late"], row["reshaped"]) == (0, False)


def test_the_week_of_a_daily_series_moves_by_days() -> None:
    """Days off that come two days later, after three weeks of them."""
    week: Curve = lambda days: 50.0 * (days // 1 % 7 < 5)  # noqa: E731
    base = pd.date_range(START, periods=BEFORE + 21, freq="D")
    days = np.arange(len(base), dtype=float)
    y = np.where(days < BEFORE, week(days), week(days - 2))
    y = y + np.random.default_rng(1).normal(0, 3, len(days))
    view = windows(pd.DataFrame({"unique_id": "a", "ds": base, "y": y}), freq_="P1D", horizon=7)
    meta = pd.DataFrame({"unique_id": ["a", "b"], "zone": "UTC", "holidays": None})
    rows = told(view, meta, changed={"a": base[BEFORE]}).set_index("unique_id")
    assert rows.loc["a", "late"] == 2 * 86_400
    assert rows.loc["b"].isna()[["changed", "late", "reshaped"]].all()


@pytest.mark.parametrize("days", [-9, 0, 2])
def test_a_change_without_a_past_is_a_level_at_most(days: int) -> None:
    """Told of before the history begins, at its first value, and two days later: nothing to hold it against."""
    ds = pd.date_range(START, periods=24 * 60, freq="h")
    y = np.random.default_rng(2).normal(10, 1, len(ds))
    view = windows(pd.DataFrame({"unique_id": "a", "ds": ds, "y": y}), freq_="1h", horizon=24)
    meta = pd.DataFrame({"unique_id": ["a"], "zone": "UTC", "holidays": None})
    row = told(view, meta, changed={"a": START + pd.Timedelta(days=days)}).iloc[0]
    assert (row["late"], row["reshaped"]) == (0, False)


@pytest.mark.parametrize("step", ["7D", "1D"])
def test_weeks_do_not_move_and_nothing_seen_tells_nothing(step: str) -> None:
    """A weekly series whose yearly swing comes three weeks later; a daily one silent for two months."""
    ds = pd.date_range(START, periods=200, freq=step)
    t = np.arange(200.0)
    y = 10 * np.sin(2 * np.pi * np.where(t < 120, t, t - 3) / 52) + (t % 7 > 4)
    y[121:190] = np.nan if step == "1D" else y[121:190]
    view = windows(pd.DataFrame({"unique_id": "a", "ds": ds, "y": y}), freq_=step, horizon=8)
    meta = pd.DataFrame({"unique_id": ["a"], "zone": "UTC", "holidays": None})
    row = told(view, meta, changed={"a": ds[121]}).iloc[0]
    assert (row["late"], row["reshaped"]) == (0, False)


def test_where_nothing_came_since_nothing_is_told() -> None:
    """A change still to come, and one of a series that is not here: ``meta`` stays as it is."""
    ds = pd.date_range(START, periods=24 * 60, freq="h")
    view = windows(pd.DataFrame({"unique_id": "a", "ds": ds, "y": 1.0}), freq_="1h", horizon=24)
    meta = pd.DataFrame({"unique_id": ["a"], "zone": "UTC", "holidays": None})
    later = {"a": ds[-1] + pd.Timedelta(days=1), "b": ds[5]}
    assert told(view, meta, changed=later) is meta


def test_bands_do_not_take_a_change_that_fits_know_for_unrest() -> None:
    """Within two weeks after it the week before says nothing; before and after, and untold, it does."""
    ds = pd.date_range(START, periods=24 * 60, freq="h")
    y = 10 + 5 * np.sin(2 * np.pi * np.arange(len(ds)) / 24) + 50.0 * (ds >= ds[24 * 40])
    frame = pd.DataFrame({"unique_id": "a", "ds": ds, "y": y})
    parts = [frame[frame["ds"] <= ds[24 * d]].assign(cutoff=ds[24 * d]) for d in (38, 45, 58)]
    other = frame.assign(unique_id="b", cutoff=ds[-1])
    view = windows(pd.concat([*parts, other]), freq_="1h", horizon=24)
    meta = pd.DataFrame({"unique_id": ["a"], "zone": "UTC", "holidays": None})
    known = meta.assign(changed=ds[24 * 40].tz_localize(None).isoformat(), late=0.0)
    half = known.assign(unique_id="b", changed="2023-05-02T00:00:00.500000")
    before, settling, after, _ = certainty(view, meta=pd.concat([known, half]))["unrest"][::24]
    assert np.isnan(settling)
    assert before == pytest.approx(after, abs=1e-9)
    assert certainty(view, meta=meta)["unrest"][24] > 30
