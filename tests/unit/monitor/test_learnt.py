"""Detection after a change was learnt: it is as usual as any day, and what is new is still seen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.series import declared
from tests.unit.monitor.made import made, prepared

from horizonte.monitor.detect import detect
from horizonte.monitor.findings import LEVEL, PHASE, Found
from horizonte.policy import Monitor

POLICY = Monitor(window=pd.Timedelta("P28D"), false_alarms=0.5)
NO_RESIDUALS = pd.DataFrame(columns=["unique_id", "cutoff", "ds", "residual"])
AT = pd.Timestamp("2023-12-05 09:00", tz="UTC")
SINCE = AT.normalize()  # as it is named: by its day
WEEKS = (3, 5, 8, 12, 17, 22, 30)


def changed(kind: str, y: pd.Series, *, at: pd.Timestamp = AT) -> pd.Series:
    """``y`` with a clock three hours late from ``at`` on, or nine units more."""
    moved = y + 9 if kind == LEVEL else y.shift(3 * (pd.Timedelta("PT1H") // y.index.freq))
    return y.where(y.index < at, moved)


def look(y: pd.Series, days: int, *, learnt: pd.Timestamp | None) -> list[Found]:
    """What is found ``days`` after AT."""
    known = prepared(y[y.index < AT.normalize() + pd.Timedelta(days=days)])
    freq = "PT1H" if y.index.freq < pd.Timedelta("P1D") else "P1D"
    series = declared("a", freq=freq, learnt=learnt)
    clock = {"a": known["ds"].iloc[-1] + pd.Timedelta(freq)}
    return detect(known, NO_RESIDUALS, series=series, now=clock, policy=POLICY)


@pytest.mark.parametrize("freq", ["PT1H", "P1D"])
def test_a_learnt_level_is_not_named_again(freq: str) -> None:
    """From three weeks after it to months later, by the hour and by the day."""
    y = changed(LEVEL, made(920, freq=freq, seed=1))
    assert look(y, 21, learnt=None)[0].name == LEVEL
    assert [look(y, 7 * week, learnt=SINCE) for week in WEEKS] == [[]] * len(WEEKS)


def test_a_learnt_phase_is_not_named_again() -> None:
    """The profile of what came before would mix with it for eight weeks, and raise the noise."""
    y = changed(PHASE, made(920, seed=3))
    assert look(y, 21, learnt=None)[0].name == PHASE
    assert [look(y, 7 * week, learnt=SINCE) for week in WEEKS] == [[]] * len(WEEKS)


@pytest.mark.parametrize(("first", "second"), [(LEVEL, PHASE), (PHASE, LEVEL), (LEVEL, LEVEL)])
def test_what_follows_a_learnt_change_is_named(first: str, second: str) -> None:
    """Ten weeks after the first, the second is named, since its day."""
    later = AT + pd.Timedelta(days=70)
    y = changed(second, changed(first, made(920, seed=3)), at=later)
    found = look(y, 78, learnt=SINCE)
    assert [f.name for f in found] == [second]
    assert abs(found[0].since - later) <= pd.Timedelta("P1D")


def test_a_learnt_change_of_one_series_says_nothing_of_another() -> None:
    """What one has learnt is by its name."""
    y = changed(LEVEL, made(760, seed=4))
    both = pd.concat([prepared(y), prepared(y, name="b")], ignore_index=True)
    series = pd.concat([declared("a", learnt=SINCE), declared("b", learnt=pd.NaT)])
    clock = dict.fromkeys("ab", y.index[-1] + pd.Timedelta("PT1H"))
    found = detect(both, NO_RESIDUALS, series=series, now=clock, policy=POLICY)
    assert [(f.unique_id, f.name) for f in found] == [("b", LEVEL)]
    assert np.isclose(found[0].size or 0, 9, atol=2)


def test_a_profile_of_few_weeks_is_no_phase_shift() -> None:
    """Its noise, which the usual of full profiles says nothing of, looked like one hour more or less."""
    for seed, days in ((100, 39), (101, 19), (102, 31), (103, 23), (103, 39)):
        y = changed(LEVEL, made(760, seed=seed), at=SINCE)
        assert look(y, days, learnt=SINCE) == []


def test_a_shift_is_told_on_a_profile_of_few_weeks() -> None:
    """A month after a learnt level, three hours are three hours."""
    for seed in (101, 102, 103):
        y = changed(LEVEL, made(760, seed=seed), at=SINCE)
        y = changed(PHASE, y, at=SINCE + pd.Timedelta(days=30))
        assert [(f.name, f.size) for f in look(y, 38, learnt=SINCE)] == [(PHASE, 3.0)]


def test_of_a_profile_known_for_a_day_a_second_level_is_named() -> None:
    """Two weeks after the first, with cells of a single day to hold it against."""
    y = changed(LEVEL, made(760, seed=0), at=SINCE)
    y = y.where(y.index < SINCE + pd.Timedelta(days=11), y + 40)
    assert [f.name for f in look(y, 16, learnt=SINCE)] == [LEVEL]


@pytest.mark.parametrize("memory", [0.9, 0.97])
def test_a_level_learnt_after_an_outage_is_as_large_as_it_is(memory: float) -> None:
    """Days without readings at the change neither add to its size nor name it again."""
    y = made(760, freq="P1D", seed=1, memory=memory)
    y = y.where(y.index < SINCE, y + 15)
    y[(y.index >= SINCE) & (y.index < SINCE + pd.Timedelta(days=10))] = np.nan
    assert [look(y, 10 + days, learnt=SINCE) for days in (2, 4, 7, 15)] == [[]] * 4


def test_a_learnt_week_of_days_is_not_named_again() -> None:
    """Of a daily series whose week came two days later, other weekdays are another course."""
    ds = pd.date_range("2022-01-01", periods=900, freq="1D", tz="UTC")
    week = pd.Series(np.where(ds.weekday >= 5, -10.0, 0.0), index=ds)
    noise = np.random.default_rng(0).normal(size=len(ds))
    y = 50 + noise + week.where(ds < SINCE, week.shift(2))
    assert look(y, 12, learnt=None)[0].name == PHASE
    assert [look(y, days, learnt=SINCE) for days in (8, 21, 60, 120, 190)] == [[]] * 5
