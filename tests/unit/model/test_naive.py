"""What the naive forecasts answer, on whole, holed, short and silent histories."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from horizonte.errors import ModelFault
from horizonte.model.naive import FAMILIES
from horizonte.prepare.windows import Windows

META = pd.DataFrame({"unique_id": ["a"], "zone": ["UTC"], "holidays": [None]})
LAST = np.datetime64("2024-03-31T23:00", "ns")  # a Sunday


def hourly(y: np.ndarray, *, horizon: int = 48, cutoff: np.datetime64 = LAST) -> Windows:
    return Windows(
        np.array(["a"], object),
        np.array([cutoff]),
        np.asarray(y, float)[None, :],
        {},
        {},
        "PT1H",
        horizon,
    )


def answer(name: str, windows: Windows, meta: pd.DataFrame = META) -> np.ndarray:
    return FAMILIES[f"naive_{name}"].fit(windows, meta=meta, seed=0).predict(windows)[0]


def test_day_repeats_the_last_day() -> None:
    """The day naive answers the last 24 values, twice over 48 hours."""
    y = np.random.default_rng(0).normal(size=200)
    np.testing.assert_array_equal(answer("day", hourly(y)), np.tile(y[-24:], 2))


def test_week_repeats_the_last_week() -> None:
    """The week naive answers what was observed 168 hours before."""
    y = np.random.default_rng(0).normal(size=500)
    np.testing.assert_array_equal(answer("week", hourly(y)), y[-168 : -168 + 48])


def test_persistence_answers_the_last_observation() -> None:
    """Persistence looks past missing values to the last observed one."""
    y = np.r_[np.arange(100.0), np.nan, np.nan]
    np.testing.assert_array_equal(answer("persistence", hourly(y)), np.full(48, 99.0))


def test_missing_phases_come_from_earlier_seasons_then_shorter_ones() -> None:
    """A hole in the last week is filled from the week before, or from the day before."""
    y = np.arange(400.0)
    y[-168:-158] = np.nan
    expected = np.r_[np.arange(64.0, 74.0), np.arange(242.0, 280.0)]
    np.testing.assert_array_equal(answer("week", hourly(y)), expected)
    short = np.arange(100.0)  # less than a week: the day naive
    np.testing.assert_array_equal(answer("week", hourly(short)), np.tile(short[-24:], 2))


def test_climatology_is_the_mean_by_hour_and_type_of_day() -> None:
    """After Sunday come working days: the mean of Monday to Friday at that hour, for four weeks."""
    y = np.random.default_rng(1).normal(size=24 * 35)
    days = y[-24 * 28 :].reshape(4, 7, 24)
    working = days[:, :5].reshape(-1, 24).mean(axis=0)
    np.testing.assert_allclose(answer("climatology", hourly(y)), np.tile(working, 2), rtol=1e-12)


def test_climatology_keeps_local_time_over_a_clock_change() -> None:
    """When the clocks go forward on the 31st, the eight o'clock peak stays at eight local time."""
    meta = META.assign(zone="Europe/Berlin")
    cutoff = np.datetime64("2024-03-30T22:00", "ns")
    ds = pd.DatetimeIndex(cutoff - np.arange(24 * 30)[::-1] * np.timedelta64(1, "h"), tz="UTC")
    y = (ds.tz_convert("Europe/Berlin").hour == 8).astype(float)
    windows = hourly(y.astype(float), cutoff=cutoff)
    ahead = pd.DatetimeIndex(windows.target_ds()[0], tz="UTC").tz_convert("Europe/Berlin")
    np.testing.assert_array_equal(answer("climatology", windows, meta), ahead.hour == 8)


def test_climatology_counts_a_holiday_as_a_sunday() -> None:
    """On Good Friday, climatology answers the mean of four Sundays and of Labour Day, a Monday."""
    meta = META.assign(holidays="AU-VIC")
    cutoff = np.datetime64("2024-03-28T23:00", "ns")  # the day before Good Friday
    weekday = pd.DatetimeIndex(cutoff - np.arange(24 * 30)[::-1] * np.timedelta64(1, "h")).weekday
    windows = hourly(weekday.to_numpy(float), cutoff=cutoff, horizon=24)
    np.testing.assert_array_equal(answer("climatology", windows, meta), np.full(24, 24 / 5))


@pytest.mark.parametrize("name", FAMILIES)
def test_every_naive_answers_a_silent_history(name: str) -> None:
    """A target that has been missing for the whole window gets the level of its training part."""
    fitted = FAMILIES[name].fit(hourly(np.full(300, 7.0)), meta=META, seed=0)
    np.testing.assert_array_equal(fitted.predict(hourly(np.full(100, np.nan)))[0], np.full(48, 7.0))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_series_never_observed_is_named_and_answered_with_nan(name: str) -> None:
    """Nothing to fit on is a named failure, and stands as NaN beside series that have a fit."""
    fitted = FAMILIES[name].fit(hourly(np.full(100, np.nan)), meta=META, seed=0)
    assert "nothing was observed" in fitted.failed["a"]
    assert np.isnan(fitted.predict(hourly(np.ones(50)))).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_saved_models_forecast_the_same_bits(name: str, tmp_path: Path) -> None:
    """Save and load change no bit, and saving twice gives the same bytes."""
    windows = hourly(np.random.default_rng(2).normal(size=400))
    fitted = FAMILIES[name].fit(windows, meta=META, seed=0)
    fitted.save(tmp_path / "one")
    loaded = FAMILIES[name].load(tmp_path / "one")
    loaded.save(tmp_path / "two")
    np.testing.assert_array_equal(loaded.predict(windows), fitted.predict(windows))
    file = f"{name}.json"
    assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    """A file cut short is a ModelFault that names it."""
    (tmp_path / "naive_day.json").write_text('{"series": {')
    with pytest.raises(ModelFault, match=r"naive_day\.json"):
        FAMILIES["naive_day"].load(tmp_path)


def planted(kind: str) -> np.ndarray:
    rng = np.random.default_rng(5)
    hours = np.arange(24 * 60)
    profile = 10 * np.sin(2 * np.pi * hours / 24)
    if kind == "persistence":
        return rng.normal(size=hours.size).cumsum()
    if kind == "day":  # a daily shape that wanders
        return np.tile(rng.normal(size=24), 60) * 5 + np.repeat(
            rng.normal(size=60).cumsum() * 3, 24
        )
    if kind == "week":
        return (
            np.tile(rng.normal(size=168), 9)[: hours.size] * 5 + rng.normal(size=hours.size) * 0.1
        )
    return profile + rng.normal(size=hours.size) * 5


@pytest.mark.parametrize("kind", ["persistence", "day", "week", "climatology"])
def test_each_naive_wins_the_series_planted_for_it(kind: str) -> None:
    """Random walk, wandering day, repeating week and noisy profile each have their own winner."""
    y, ends = planted(kind), np.arange(24 * 40, 24 * 58, 24)
    past = np.stack([y[end - 24 * 35 : end] for end in ends])
    actual = np.stack([y[end : end + 24] for end in ends])
    cuts = Windows(
        np.repeat(np.array(["a"], object), len(ends)),
        LAST + np.timedelta64(24, "h") * np.arange(len(ends)),
        past,
        {},
        {},
        "PT1H",
        24,
    )
    errors = {
        name: np.abs(family.fit(cuts.take([0]), meta=META, seed=0).predict(cuts) - actual).mean()
        for name, family in FAMILIES.items()
    }
    assert min(errors, key=errors.get) == f"naive_{kind}"
