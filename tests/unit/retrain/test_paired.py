"""The paired test: its numbers, its level beside autocorrelated days, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from horizonte.retrain.paired import paired


def walks(rho: float, *, days: int, count: int = 1000) -> np.ndarray:
    """Return ``count`` series of ``days`` of autocorrelation ``rho`` around 0."""
    noise = np.random.default_rng(3).normal(size=(count, days + 100))
    for day in range(1, noise.shape[1]):
        noise[:, day] += rho * noise[:, day - 1]
    return noise[:, 100:]


def test_the_interval_and_the_test_say_the_same() -> None:
    """The lower end is above 0 exactly where p is below alpha."""
    found = [paired(own + 0.5, alpha=0.05) for own in walks(0.4, days=28, count=200)]
    assert {(f.low > 0) == (f.p < 0.05) for f in found} == {True}
    assert 0 < sum(f.low > 0 for f in found) < 200


@pytest.mark.parametrize(("rho", "days", "most"), [
    (0.0, 9, 0.02), (0.4, 9, 0.03), (0.8, 9, 0.1),
    (0.0, 28, 0.03), (0.4, 28, 0.045), (0.8, 28, 0.07),
    (0.0, 56, 0.045), (0.4, 56, 0.05), (0.8, 56, 0.06),
])  # fmt: skip
def test_it_keeps_its_level_beside_autocorrelation(rho: float, days: int, most: float) -> None:
    """Of series without a difference at most about 5 in 100 are taken for better, at level 5 %."""
    found = [paired(own, alpha=0.05).p < 0.05 for own in walks(rho, days=days)]
    assert 0 < np.mean(found) <= most


def test_few_days_that_agree_are_enough() -> None:
    """Nine days that are all better by three deviations, at an autocorrelation of 0.6."""
    own = walks(0.6, days=9, count=300)
    found = [paired(one + 3 * own.std(), alpha=0.035).low > 0 for one in own]
    assert np.mean(found) > 0.85


def test_one_long_swing_is_not_enough() -> None:
    """Days that all lie on one slope say little of where their mean lies."""
    slope = np.linspace(-0.25, 1.25, 14)
    level = 0.5 + 0.2 * np.random.default_rng(2).normal(size=14)
    assert paired(slope, alpha=0.05).low < 0 < paired(level, alpha=0.05).low


def test_a_difference_of_three_standard_errors_is_found() -> None:
    """Seven times in ten, at an autocorrelation of 0.4."""
    days, true = 28, 3 / (1 - 0.4) / np.sqrt(28)
    found = [paired(own + true, alpha=0.05).p < 0.05 for own in walks(0.4, days=days)]
    assert np.mean(found) > 0.7


def test_the_order_of_days_counts() -> None:
    """The same values in blocks say less than alternating: they are fewer than they seem."""
    values = np.repeat([1.0, 0.0], 14)
    blocks, mixed = paired(values, alpha=0.05), paired(values.reshape(2, 14).T.ravel(), alpha=0.05)
    assert blocks.mean == mixed.mean == 0.5
    assert blocks.error > 3 * mixed.error


def test_days_that_all_differ_alike_have_no_error() -> None:
    """A constant gain is certain, and none at all is not."""
    sure, nothing = paired([0.1] * 10, alpha=0.05), paired([0.0] * 10, alpha=0.05)
    assert (sure.low, sure.high, sure.p) == (0.1, 0.1, 0.0)
    assert (nothing.t, nothing.p) == (0.0, 1.0)


def test_too_few_or_unknown_days_are_refused() -> None:
    """Three days, or one that is no number."""
    for days in ([1.0, 2.0, 3.0], [1.0, float("nan"), 2.0, 3.0, 4.0]):
        with pytest.raises(ValueError, match="finite"):
            paired(days, alpha=0.05)
