"""Season-matched windows: what drifts, what does not, what cannot be told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from horizonte.report import windows
from horizonte.report.windows import BEFORE, SEASON, compare

WINDOW = pd.Timedelta("P28D")


def _series(days: int, *, shift: float = 0.0, seed: int = 0) -> pd.Series:
    """An hourly series with a yearly and a daily season; the last four weeks shifted."""
    ds = pd.date_range("2020-01-01", periods=days * 24, freq="h", tz="UTC")
    random = np.random.default_rng(seed)
    year = 10 * np.sin(2 * np.pi * np.arange(len(ds)) / (24 * 365))
    day = 3 * np.sin(2 * np.pi * np.arange(len(ds)) / 24)
    values = pd.Series(year + day + random.normal(size=len(ds)), index=ds)
    values[values.index > ds[-1] - WINDOW] += shift
    return values


def test_a_season_is_no_drift() -> None:
    """A series that only follows its seasons has not drifted from a year before."""
    found = compare("x", _series(900), window=WINDOW).comparison
    assert found.status == "no drift"
    assert found.against == SEASON


def test_a_shift_is_drift() -> None:
    """A level that leaves its usual range is drift, with both windows named."""
    found = compare("x", _series(900, shift=15), window=WINDOW).comparison
    assert found.status == "drift"
    assert found.distance > found.threshold  # type: ignore[operator]
    assert pd.Timestamp(found.current_start) - pd.Timestamp(found.reference_start) == windows.YEAR


def test_without_a_year_the_window_before_stands_in() -> None:
    """Where no year before is known, the window before is the reference, and it says so."""
    found = compare("x", _series(200), window=WINDOW).comparison
    assert found.against == BEFORE
    assert found.current_start == found.reference_end


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (pd.Series(dtype=float, index=pd.DatetimeIndex([], tz="UTC")), "no values"),
        (_series(900) * np.nan, "no values"),
        (_series(900) * 0 + 1, "never changed"),
        (_series(20), "last window"),
        (_series(60), "past pairs"),
    ],
)
def test_what_cannot_be_told_says_why(values: pd.Series, why: str) -> None:
    """Empty, constant and short columns are not testable, each with its reason; none raises."""
    pair = compare("x", values, window=WINDOW)
    assert pair.comparison.status == "not testable"
    assert why in pair.comparison.reason
    assert not len(pair.current)


def test_samples_are_bounded() -> None:
    """A window of any length is thinned evenly, and always to the same rows."""
    rows = np.arange(50_000.0)
    thinned = windows.thin(rows, 100)
    assert len(thinned) == 100
    assert thinned[0] == 0
    assert thinned[-1] == 49_999
    assert (thinned == windows.thin(rows, 100)).all()


def test_false_alarms_are_rare() -> None:
    """Of 60 autocorrelated series without a change, few are called drifted."""
    random = np.random.default_rng(3)
    ds = pd.date_range("2020-01-01", periods=900 * 24, freq="h", tz="UTC")
    alarms = 0
    for _ in range(60):
        noise = pd.Series(random.normal(size=len(ds)), index=ds)
        values = noise.ewm(alpha=0.05).mean()
        alarms += compare("x", values, window=WINDOW).comparison.status == "drift"
    assert alarms <= 6


@pytest.mark.parametrize("memory", [0.0, 0.9])
def test_the_threshold_keeps_its_rate(memory: float) -> None:
    """A column that only goes on is called drifted no more often than was stated, at any memory."""
    random, drifts = np.random.default_rng(5), 0
    ds = pd.date_range("2020-01-01", periods=400 * 4, freq="6h", tz="UTC")
    for _ in range(60):
        noise = pd.Series(random.normal(size=len(ds)), index=ds)
        values = noise.ewm(alpha=1 - memory).mean()
        found = compare("x", values, window=WINDOW, rate=1.0).comparison
        drifts += found.status == "drift"
    assert drifts <= 10  # 60 tests at 1 of 13 a year: 4.6 are due, and 10 are passed once in 100


def test_a_rarer_alarm_needs_a_larger_distance() -> None:
    """The fewer false alarms are allowed, and the fewer pairs are known, the higher the threshold."""
    past = list(np.exp(np.random.default_rng(1).normal(size=60)))
    often, seldom = (windows.threshold(past, 15.0, chance) for chance in (0.1, 0.01))
    assert often < seldom < windows.threshold(past, 5.0, 0.01)
