from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from horizonte.params import Rules
from horizonte.prepare.reach import Widths
from horizonte.prepare.spikes import median, spike

NONE = (np.nan, np.nan)


def spikes(y: np.ndarray, rules: Rules, limits: tuple[float, float] = NONE) -> list[int]:
    widths = Widths.of(rules, pd.Timedelta("1h"))
    return [
        int(i) for i in spike(y, widths=widths, first_cell=0, mads=12, limits=limits).nonzero()[0]
    ]


def test_the_moving_median_is_that_of_what_is_present() -> None:
    """The network's median equals numpy's, with gaps and at the ends, where half are present."""
    y = np.random.default_rng(0).normal(size=500)
    y[[3, 50, 51, 52, 53, 200, 203]] = np.nan
    padded = np.pad(y, 3, constant_values=np.nan)
    rows = [padded[i : i + 7] for i in range(500)]
    expected = [np.nanmedian(r) if np.isfinite(r).sum() > 3 else np.nan for r in rows]
    np.testing.assert_array_equal(median(y), expected)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_short_bursts_are_spikes(noise: np.ndarray, rules: Rules, length: int) -> None:
    """Bursts of up to three cells far from their surroundings are found, no cell more."""
    noise[400 : 400 + length] += 300
    assert spikes(noise, rules) == list(range(400, 400 + length))


def test_a_level_shift_is_no_spike(noise: np.ndarray, rules: Rules) -> None:
    """A step to a new level that stays is left to the drift tests."""
    noise[400:] += 300
    assert spikes(noise, rules) == []


def test_daily_peaks_are_no_spikes(rules: Rules) -> None:
    """A sharp peak that comes every day belongs to the scale."""
    random = np.random.default_rng(3)
    day = np.array([10.0] * 8 + [400, 900, 300] + [40.0] * 13)
    assert spikes(np.tile(day, 40) * random.lognormal(0, 0.2, 40 * 24), rules) == []


def test_a_dropout_to_zero_is_a_spike(noise: np.ndarray, rules: Rules) -> None:
    """A meter that reads its lower limit once, far from its surroundings, is found."""
    noise[400] = 0
    assert spikes(noise, rules, limits=(0.0, np.nan)) == [400]


def test_rain_is_no_spike(rules: Rules) -> None:
    """What stands at its limit most of the time has no scale to judge a shower by."""
    random = np.random.default_rng(4)
    rain = np.where(random.random(960) < 0.04, random.exponential(3, 960), 0.0)
    assert spikes(rain, rules, limits=(0.0, np.nan)) == []


def test_a_crowd_is_no_spike(rules: Rules) -> None:
    """Where values multiply, as counts of people do, an event must also be unusual as a ratio."""
    random = np.random.default_rng(6)
    day = np.array(
        [3.0, 2, 2, 4, 20, 80, 400, 900] + [500.0] * 8 + [700, 900, 500, 200, 90, 40, 15, 6]
    )
    counts = np.round(np.tile(day, 40) * random.lognormal(0, 0.3, 960))
    counts[500] = 90_000
    assert spikes(counts, rules) == [500]
    assert spikes(counts, rules, limits=(0.0, np.nan)) == []


def test_a_series_that_does_not_move_has_no_spikes(rules: Rules) -> None:
    """Without any movement in its context a value has no scale to be judged by."""
    y = np.zeros(960)
    y[400] = 5
    assert spikes(y, rules) == []
