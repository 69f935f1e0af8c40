"""The shape of a day that forecasts lately missed, read from forecasts that would have been issued."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from horizonte.model import replays
from horizonte.model.families import family
from horizonte.model.linear import FittedLinear
from horizonte.prepare.windows import Reals, Windows

DAY, BACK, HORIZON = 24, 840, 48
FITTED, MOVED = DAY * 300, DAY * 310  # hours until the fit, and until the day is another
META = pd.DataFrame({"unique_id": ["a"], "zone": ["UTC"], "holidays": [None]})


def window(y: Reals, end: int, *, back: int = BACK, freq: str = "PT1H") -> Windows:
    """The ``back`` steps before ``end``."""
    step = pd.Timedelta(freq).to_timedelta64()
    cutoff = np.datetime64("2023-01-01T00", "ns") + step * (end - 1)
    y = y[None, max(end - back, 0) : end]
    return Windows(np.array(["a"], object), np.array([cutoff]), y, {}, {}, freq, HORIZON)


@pytest.fixture(scope="module")
def series() -> Reals:
    """A day of two peaks, four hours later from MOVED on, with noise that persists."""
    hours = np.arange(DAY * 340)
    hour = np.where(hours < MOVED, hours, hours - 4) % DAY
    shape = 20 * np.exp(-(((hour - 8) / 2.5) ** 2)) + 30 * np.exp(-(((hour - 19) / 3) ** 2))
    noise = np.random.default_rng(5).normal(0, 1, hours.size)
    for t in range(1, hours.size):
        noise[t] += 0.9 * noise[t - 1]
    return np.asarray(100 + shape + noise)


@pytest.mark.parametrize(("freq", "count"), [("PT1H", 24), ("PT10M", 24), ("PT8H", 3), ("P1D", 1)])
def test_replays_end_before_the_cutoff(freq: str, count: int) -> None:
    """Seven forecasts of a day each, evenly spread over it, the last one ending at the cutoff."""
    one = window(np.zeros(8000), 8000, back=8000, freq=freq)
    cells = replays.replayed(one)
    target = cells.cutoff + cells.lead
    assert len(cells) == 7 * count
    assert target[-1] == one.length - 1
    assert (np.diff(target) == one.steps("P1D") // count).all()
    assert len(set(cells.cutoff)) == 7


def test_a_history_of_days_replays_what_it_can() -> None:
    """Forecasts from before the first reading say nothing, and those after it are read."""
    one = window(np.ones(DAY * 3), DAY * 3)
    cells = replays.replayed(one)
    errors = replays.missed(one, cells, np.zeros(len(cells)))
    assert np.isnan(errors[0, : 5 * DAY]).all()
    np.testing.assert_array_equal(errors[0, 5 * DAY :], 1.0)
    assert replays.learn(one, errors) == replays.NOTHING


def _error(fitted: FittedLinear, y: Reals) -> float:
    """Return the error of forecasts from day 7 to day 20 after the day moved."""
    ends = range(MOVED + 7 * DAY, MOVED + 20 * DAY, DAY)
    return float(
        np.mean([np.abs(fitted.predict(window(y, e))[0] - y[e : e + HORIZON]).mean() for e in ends])
    )


def test_lines_follow_a_day_that_has_moved(series: Reals, tmp_path: Path) -> None:
    """From a week after, they err less than three quarters of what the same lines do that follow nothing.

    Those are what a folder holds that was saved before lines followed: it still loads.
    """
    fitted = family("linear").fit(window(series, FITTED, back=FITTED), meta=META, seed=0)
    fitted.save(tmp_path)
    kept = family("linear").load(tmp_path)
    (tmp_path / "follow.npy").unlink()
    before = family("linear").load(tmp_path)
    assert isinstance(fitted, FittedLinear)
    assert isinstance(before, FittedLinear)
    assert isinstance(kept, FittedLinear)
    assert _error(kept, series) == _error(fitted, series)
    assert _error(fitted, series) < 0.75 * _error(before, series)


def test_a_day_as_ever_is_left_alone(series: Reals, tmp_path: Path) -> None:
    """Before the day moves, following costs less than 2 % of the error."""
    fitted = family("linear").fit(window(series, FITTED, back=FITTED), meta=META, seed=0)
    fitted.save(tmp_path)
    (tmp_path / "follow.npy").unlink()
    before = family("linear").load(tmp_path)
    calm = series[: MOVED - HORIZON]
    ends = range(DAY * 200, len(calm) - HORIZON, 31)
    came = np.stack([calm[e : e + HORIZON] for e in ends])
    errors = [
        np.abs(np.stack([each.predict(window(calm, e))[0] for e in ends]) - came).mean()
        for each in (fitted, before)
    ]
    assert errors[0] < 1.02 * errors[1]
