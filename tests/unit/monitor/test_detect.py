"""Detection: each thing by its name, and nothing that could mislead it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from tests.series import declared
from tests.unit.monitor.made import made, prepared

from horizonte.contracts import SERIES
from horizonte.ingest.notes import OPEN
from horizonte.monitor import skill
from horizonte.monitor.detect import detect
from horizonte.monitor.findings import NAMES, UNNAMED, Found
from horizonte.params import Rules
from horizonte.policy import Monitor
from horizonte.prepare.clean import clean
from horizonte.prepare.convert import in_own_unit

POLICY = Monitor(window=pd.Timedelta("P28D"), false_alarms=0.5)
RULES = Rules(impute_up_to="PT3H", flatline_after="PT4H", spike_window="P4D", spike_mads=12.0)
NO_RESIDUALS = pd.DataFrame(columns=["unique_id", "cutoff", "ds", "residual"])
Change = Callable[[pd.Series, int], pd.Series]


def look(
    rows: pd.DataFrame, *, freq: str = "PT1H", now: pd.Timestamp | None = None, **facts: object
) -> list[Found]:
    """What is found of one series, by default when its last row can be known."""
    clock = now or rows["ds"].max() + pd.Timedelta(freq)
    series = declared("a", freq=freq, **facts)
    return detect(rows, NO_RESIDUALS, series=series, now={"a": clock}, policy=POLICY)


def _late(y: pd.Series, days: int) -> pd.Series:
    return y.index >= y.index[-1].normalize() - pd.Timedelta(days=days)


def _level(y: pd.Series) -> pd.Series:
    return y + 9.0 * _late(y, 9)


def _thousand(y: pd.Series) -> pd.Series:
    return y.where(~_late(y, 2), y * 1000)


def _joule(y: pd.Series) -> pd.Series:
    return y.where(~_late(y, 3), y * 3.6)


def _fahrenheit(y: pd.Series) -> pd.Series:
    return y.where(~_late(y, 3), y * 1.8 + 32)


def _stuck(y: pd.Series) -> pd.Series:
    late = _late(y, 5)
    return y.where(~late, y[late].iloc[0])


def _noisy(y: pd.Series) -> pd.Series:
    noise = np.random.default_rng(3).normal(size=len(y))
    return y + 6 * noise * _late(y, 12)


def _trend(y: pd.Series) -> pd.Series:
    since = np.cumsum(_late(y, 90)) * (y.index[1] - y.index[0]) / pd.Timedelta("P1D")
    return y + 0.15 * since


def _decay(y: pd.Series) -> pd.Series:
    since = np.cumsum(_late(y, 100)) * (y.index[1] - y.index[0]) / pd.Timedelta("P1D")
    return y * (1 - 0.004 * since)


CHANGES: list[tuple[str, Change, str]] = [
    (freq, change, name)
    for freq in ("PT1H", "P1D")
    for change, name in (
        (_level, "level shift"),
        (_thousand, "unit change"),
        (_joule, "unit change"),
        (_fahrenheit, "unit change"),
        (_stuck, "stuck sensor"),
        (_noisy, "variance change"),
        (_trend, "trend break"),
        (_decay, "slow decay"),
    )
]


@pytest.mark.parametrize(("freq", "change", "name"), CHANGES)
def test_each_change_by_its_name(freq: str, change: Change, name: str) -> None:
    """A change that is there is found, once, and named; hourly and daily series alike."""
    unit = "degC" if change is _fahrenheit else "MW"
    found = look(prepared(change(made(800, freq=freq))), freq=freq, unit=unit)
    assert [f.name for f in found] == [name]
    assert found[0].name in NAMES


@pytest.mark.parametrize("freq", ["PT1H", "P1D"])
def test_a_series_that_goes_on_is_left_alone(freq: str) -> None:
    """Seasons and noise are nothing."""
    assert look(prepared(made(800, freq=freq)), freq=freq) == []


def test_a_clock_set_wrong() -> None:
    """A profile that comes three hours late is named, with the hours."""
    y = made(800, seed=1)
    (found,) = look(prepared(y.where(~_late(y, 9), y.shift(3))))
    assert found.name == "phase shift"
    assert found.size == pytest.approx(3.0, abs=1.0)


@pytest.mark.parametrize("size", [0.4, -0.2])
def test_a_day_of_another_height_is_no_phase_shift(size: float) -> None:
    """No name is told that explains less than nothing: a swing that grew or shrank has none."""
    for seed in range(5):
        y = made(500, seed=seed)
        day = y.groupby(y.index.hour).transform("mean") - y.mean()
        assert look(prepared(y + size * day * _late(y, 12))) == []


def test_a_silent_feed() -> None:
    """Silence against the source's clock is a missing feed since the first reading due."""
    y = made(100)
    now = y.index[-1] + pd.Timedelta("P1D")
    (found,) = look(prepared(y), now=now)
    assert (found.name, found.since, found.size) == (
        "missing feed",
        y.index[-1] + pd.Timedelta("1h"),
        23.0,
    )


def test_silences_of_the_past_are_usual() -> None:
    """A feed that is often silent for a day is not missing after half a day."""
    y = made(100)
    y[(y.index.dayofyear % 10) == 0] = np.nan
    rows = prepared(y).dropna(subset=["y_raw"])
    assert look(rows, now=rows["ds"].iloc[-1] + pd.Timedelta("P1D")) == []


def test_known_ahead_is_no_measurement() -> None:
    """A calendar, constant for months, raises nothing."""
    y = made(800) * 0
    assert look(prepared(y), known_ahead_hours=8760.0) == []


def test_a_run_at_a_limit_is_no_fault() -> None:
    """No rain for a week is no stuck gauge where zero is declared as the limit."""
    y = made(800)
    y[_late(y, 7)] = 0.0
    rows = prepared(y)
    assert "stuck sensor" not in [f.name for f in look(rows, lower=0.0)]
    assert "stuck sensor" in [f.name for f in look(rows)]


def test_a_refused_change_of_unit_is_seen() -> None:
    """Readings beyond their limits are refused one by one; days of them are a change of unit."""
    y = made(800)
    rows = prepared(_thousand(y))
    beyond = rows["y_raw"] > 5000
    rows.loc[beyond, "quality"], rows.loc[beyond, "y"] = "out_of_range", np.nan
    (found,) = look(rows, upper=5000.0)
    assert (found.name, found.size) == ("unit change", 1000.0)


def _rain(days: int) -> pd.Series:
    """Tenths of millimetres an hour, a shower in ten hours, and none between."""
    random = np.random.default_rng(3)
    ds = pd.date_range("2022-01-01", periods=24 * days, freq="h", tz="UTC")
    depth = np.ceil(random.exponential(2.0, len(ds))) / 10
    return pd.Series(np.where(random.random(len(ds)) < 0.1, depth, 0.0), index=ds)


@pytest.mark.parametrize("days", [2, 3, 4])
def test_days_of_rain_are_no_change_of_unit(days: int) -> None:
    """It rains ten times as often, in drops of the usual size."""
    y = _rain(800)
    late = y.index >= y.index[-1] - pd.Timedelta(days=days)
    wet = y.mask(late & (y == 0), 0.2)
    assert "unit change" not in [f.name for f in look(prepared(wet), unit="mm")]


@pytest.mark.parametrize("times", [1000.0, 0.01])
def test_what_is_zero_at_night_may_change_its_unit(times: float) -> None:
    """The sun's power in kW and in W: noon is as many times as large as the mean."""
    y = made(800)
    sun = (y * np.maximum(0.0, np.sin(2 * np.pi * y.index.hour / 24))).round(1)
    late = y.index >= y.index[-1] - pd.Timedelta(days=3)
    (found,) = look(prepared(sun.mask(late, times * sun)), unit="kW")
    assert (found.name, found.size) == ("unit change", pytest.approx(times))


UNITS = {"thousand": (1000.0, 0.0), "joule": (3.6, 0.0), "fahrenheit": (1.8, 32.0)}
OF = {"thousand": "people", "joule": "MW", "fahrenheit": "degC"}


@pytest.mark.parametrize("hours", [14, 47, 250])
@pytest.mark.parametrize("unit", UNITS)
def test_a_change_of_unit_is_known_to_the_hour(unit: str, hours: int) -> None:
    """Whatever the hour of the day at which another unit began, it is the one that is told."""
    y, (factor, offset) = made(800), UNITS[unit]
    since = y.index[-1] - pd.Timedelta(hours=hours)
    (found,) = look(prepared(y.where(y.index < since, factor * y + offset)), unit=OF[unit])
    assert (found.name, found.size) == ("unit change", pytest.approx(factor))
    assert abs(found.since - since) <= pd.Timedelta(hours=0 if unit == "thousand" else 3)


@pytest.mark.parametrize("ended", [0, 40, 300])
@pytest.mark.parametrize("unit", UNITS)
def test_after_the_note_nothing_is_named(unit: str, ended: int) -> None:
    """A stretch that is converted is no change: neither into the other unit nor back from it."""
    y, (factor, offset) = made(800), UNITS[unit]
    start, end = (y.index[-1] - pd.Timedelta(hours=h) for h in (350, ended))
    other = (y.index >= start) & (y.index < (end if ended else OPEN))
    note = pd.DataFrame(
        {
            "unique_id": ["a"],
            "starts_at": [start],
            "ends_at": [end if ended else OPEN],
            "kind": ["unit_changed"],
            "factor": [1 / factor],
            "offset": [-offset / factor],
        }
    )
    came = y.where(~other, factor * y + offset).round(9).rename_axis("ds").rename("y")
    rows = came.reset_index().assign(unique_id="a")
    limits = {"lower": 0.0, "upper": 70.0}  # what is refused is looked at as well
    series = SERIES.check(declared("a", **limits))
    plain = clean(rows, series=series, rules=RULES)
    assert [f.name for f in look(plain, **limits)] != []
    values = clean(rows, series=series, rules=RULES, annotations=note)
    assert look(in_own_unit(values, note, column="y_raw"), **limits) == []


def test_refused_values_are_looked_at_in_the_own_unit() -> None:
    """Days that are out of range after their conversion are no change of unit."""
    y = made(800)
    start = y.index[-1] - pd.Timedelta(days=6)
    values = prepared(y.where(y.index < start, 1000 * (y + 1)))
    beyond = values["ds"] >= start
    values.loc[beyond, "quality"], values.loc[beyond, "y"] = "out_of_range", np.nan
    note = pd.DataFrame(
        {"unique_id": ["a"], "starts_at": [start], "ends_at": [OPEN], "kind": ["unit_changed"]}
    ).assign(factor=0.001, offset=0.0)
    assert look(in_own_unit(values, note, column="y_raw")) == []
    assert [f.name for f in look(values)] == ["unit change"]


def test_errors_that_grow_for_months() -> None:
    """Forecast errors that slowly double while the values go on are a decay."""
    y = made(800)
    days = np.maximum(np.arange(len(y)) / 24 - 690, 0)
    errors = np.random.default_rng(1).normal(size=len(y)) * (1 + days / 110)
    residuals = pd.DataFrame(
        {"unique_id": "a", "cutoff": y.index, "ds": y.index, "residual": errors}
    )
    now = {"a": y.index[-1] + pd.Timedelta("1h")}
    (found,) = detect(prepared(y), residuals, series=declared("a"), now=now, policy=POLICY)
    assert found.name == "slow decay"
    assert 0.5 < (found.size or 0) < 2


@pytest.mark.parametrize("seed", [12, 19, 22])
def test_errors_known_of_two_short_times(seed: int) -> None:
    """A backtest years ago and a few months since tell of no season, and so of no decay."""
    random, known = np.random.default_rng(seed), np.r_[0:86, 1533:1660]
    ds = pd.date_range("2022-01-01", periods=1660, freq="D", tz="UTC")[known]
    size = np.exp(pd.Series(random.normal(size=1660)).ewm(alpha=0.15).mean().to_numpy()[known])
    errors = random.normal(size=(len(ds), 8)) * size[:, None]
    residuals = pd.DataFrame({"ds": np.repeat(ds, 8), "residual": errors.ravel()})
    meta, now = declared("a").iloc[0].to_dict(), ds[-1] + pd.Timedelta("P1D")
    assert skill.eroded(residuals, meta, now=now, rate=0.05) is None


POOR: dict[str, pd.DataFrame] = {
    "empty": prepared(made(10)).iloc[:0],
    "unknown": prepared(made(500) * np.nan),
    "constant": prepared(made(500) * 0 + 3),
    "one row": prepared(made(10)).iloc[:1],
    "short": prepared(made(9)),
    "gaps": prepared(made(500).where(lambda y: y.index.dayofyear % 3 > 0)),
    "repeated": pd.concat([prepared(made(500))] * 2),
    "infinite": prepared(made(500).where(lambda y: y.index.day > 2, np.inf)),
    "huge": prepared(made(500) * 1e250),
    "tiny": prepared(made(500) * 1e-300),
    "half empty": prepared(made(500).where(lambda y: y.index.dayofyear < 200)),
}


@pytest.mark.parametrize("freq", ["PT1H", "PT10M", "P1D", "P7D"])
@pytest.mark.parametrize("what", POOR)
def test_poor_data_never_raises(what: str, freq: str) -> None:
    """Whatever the rows, there is an answer of known names."""
    assert {f.name for f in look(POOR[what], freq=freq, now=made(500).index[-1])} <= {
        *NAMES,
        UNNAMED,
    }


@pytest.mark.parametrize("seed", range(4))
def test_order_repeats_and_the_future_do_not_matter(seed: int) -> None:
    """Shuffled rows, repeated ones and rows after the clock change nothing."""
    y = _level(made(500, seed=seed)) if seed % 2 else made(500, seed=seed)
    rows, now = prepared(y), y.index[-1] + pd.Timedelta("1h")
    later = rows.assign(ds=rows["ds"] + pd.Timedelta(days=500), y=1e9, y_raw=1e9)
    shuffled = pd.concat([rows, rows, later]).sample(frac=1.0, random_state=seed)
    assert look(shuffled, now=now) == look(rows, now=now)


@pytest.mark.parametrize("seed", [0, 4])
def test_a_clock_set_wrong_in_flat_months(seed: int) -> None:
    """Each day is held against what it would show itself: a flat one less than one of the year."""
    y = made(920, seed=seed)
    day = y.groupby(y.index.hour).transform("mean") - y.mean()
    at = y.index[-1].normalize() - pd.Timedelta(days=20)
    flat = y - 0.36 * day * np.cos(2 * np.pi * ((y.index - at) / pd.Timedelta("365.25D")))
    (found,) = look(prepared(flat.where(y.index < at, flat.shift(3))))
    assert found.name == "phase shift"
    assert look(prepared(flat)) == []
