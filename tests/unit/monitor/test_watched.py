"""What is learnt for a week is what each of its days would learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.series import declared
from tests.unit.monitor.made import made, prepared

from horizonte.monitor.days import days
from horizonte.monitor.findings import UNNAMED, Found
from horizonte.monitor.watched import watch


@pytest.mark.parametrize("freq", ["PT1H", "P1D"])
def test_an_earlier_day_of_the_week_is_seen_as_it_was(freq: str) -> None:
    """Looking back from the end of a week says of each of its days what that day said."""
    y = made(798, freq=freq)
    y[y.index >= y.index[-1].normalize() - pd.Timedelta(days=4)] += 9.0
    meta = declared("a", freq=freq).iloc[0].to_dict()
    seen = days(prepared(y), meta, now=y.index[-1] + pd.Timedelta(freq))
    assert seen is not None
    whole = watch(seen, rate=0.5)
    assert whole is not None
    told = set()
    for rows in range(whole.level.end + 126, len(seen) + 1):
        then = watch(seen.until(rows), rate=0.5)
        assert then is not None
        now = then.told(unit="MW")
        back = whole.until(rows).told(unit="MW")
        assert (now and (now.name, now.since)) == (back and (back.name, back.since))
        told.add(now and now.name)
    assert "level shift" in told


@pytest.mark.parametrize("freq", ["PT1H", "P1D"])
def test_a_change_is_told_before_it_has_a_name(freq: str) -> None:
    """What stands out is told at once, without size; days later by the name that fits best."""
    y = made(820, freq=freq, seed=3)
    late = y.index >= y.index[0] + pd.Timedelta(days=800)
    told = _told(y + 3 * late, freq, looks=20)
    first = next(found for found in told if found)
    assert (first.name, first.size) == (UNNAMED, None)
    named = next(found for found in told if found and found.name != UNNAMED)
    assert named.name == "level shift"
    assert told.index(named) - told.index(first) <= 4


@pytest.mark.parametrize("seed", range(3))
def test_a_daily_noise_that_shrinks_is_told_in_weeks(seed: int) -> None:
    """Four weeks of less than half the noise are enough."""
    noise = np.random.default_rng(seed).normal(size=740)
    noise[712:] *= 0.4
    index = pd.date_range("2022-01-01", periods=740, freq="D", tz="UTC")
    (found,) = _told(pd.Series(50 + noise, index=index), "P1D", looks=1)
    assert found is not None
    assert found.name == "variance change"


def test_a_noise_that_breathes_with_the_year_is_usual() -> None:
    """A calm summer like the two before it is no change."""
    noise = np.random.default_rng(5).normal(size=1000)
    index = pd.date_range("2022-01-01", periods=1000, freq="D", tz="UTC")
    year = 2 + 1.4 * np.cos(2 * np.pi * index.dayofyear / 365.25)
    told = _told(pd.Series(50 + noise * year, index=index), "P1D", looks=12, every=14)
    assert told == [None] * 12


def _told(y: pd.Series, freq: str, *, looks: int, every: int = 1) -> list[Found | None]:
    """What is told on each of the last days, ``every`` so many of them."""
    meta = declared("a", freq=freq).iloc[0].to_dict()
    seen = days(prepared(y), meta, now=y.index[-1] + pd.Timedelta(freq))
    assert seen is not None
    rows = range(len(seen) - (looks - 1) * every, len(seen) + 1, every)
    looked = (watch(seen.until(n), rate=0.5) for n in rows)
    return [watched.told(unit="MW") if watched else None for watched in looked]
