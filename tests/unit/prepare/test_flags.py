from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from horizonte.params import Rules
from horizonte.prepare.flags import flatline, out_of_range
from horizonte.prepare.reach import Widths

NONE = (np.nan, np.nan)


@pytest.fixture
def widths(rules: Rules) -> Widths:
    return Widths.of(rules, pd.Timedelta("1h"))


def test_limits_are_allowed_values() -> None:
    """A value at a limit is in range, one beyond or infinite is not, a missing one is neither."""
    y = np.array([0.0, -0.1, 100.0, 100.1, np.inf, np.nan])
    assert out_of_range(y, limits=(0.0, 100.0)).tolist() == [False, True, False, True, True, False]


def test_no_limit_allows_any_number() -> None:
    """Without declared limits only the infinite is out of range."""
    y = np.array([-1e300, 1e300, -np.inf])
    assert out_of_range(y, limits=NONE).tolist() == [False, False, True]


def test_a_stuck_sensor_is_flat_from_its_first_repeat_to_its_last(
    noise: np.ndarray, widths: Widths
) -> None:
    """All of a run that this series would not make by chance is flagged, and nothing else."""
    noise[300:340] = noise[300]
    assert np.flatnonzero(flatline(noise, widths=widths, limits=NONE)).tolist() == list(
        range(300, 340)
    )


def test_a_sensor_stuck_for_weeks_is_flat_throughout(noise: np.ndarray, widths: Widths) -> None:
    """A run longer than the context has no natural neighbour to excuse it."""
    noise[200:] = 98.6
    assert flatline(noise, widths=widths, limits=NONE).nonzero()[0].tolist() == list(
        range(200, len(noise))
    )


def test_a_declared_limit_may_last(noise: np.ndarray, widths: Widths) -> None:
    """No rain for weeks, or saturated humidity, is no fault where that value is a limit."""
    noise[200:] = 0.0
    assert not flatline(noise, widths=widths, limits=(0.0, np.nan)).any()
    assert flatline(noise, widths=widths, limits=NONE).any()


def test_a_coarse_sensor_repeats_itself(widths: Widths) -> None:
    """Runs are no fault where the resolution makes repeats common."""
    walk = np.cumsum(np.random.default_rng(1).normal(0, 0.15, 2_000))
    coarse = np.round(walk)
    assert np.diff(np.flatnonzero(np.diff(coarse))).max() > 20
    assert not flatline(coarse, widths=widths, limits=NONE).any()


def test_nights_of_a_solar_plant_are_natural(widths: Widths) -> None:
    """A long run is natural where comparable ones stand nearby, even without a declared limit."""
    random = np.random.default_rng(2)
    day = np.concatenate((np.zeros(15), 50 + random.normal(0, 5, 9)))
    y = np.tile(day, 30) * (1 + 0.01 * random.normal(size=30 * 24))
    assert not flatline(np.where(y < 1, 0, y), widths=widths, limits=NONE).any()


def test_a_gap_ends_a_run(noise: np.ndarray, widths: Widths) -> None:
    """Equal values on both sides of a missing cell are two runs."""
    noise[300:306] = 5.0
    noise[303] = np.nan
    assert not flatline(noise, widths=widths, limits=NONE).any()
