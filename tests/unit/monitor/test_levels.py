"""Skill and coverage with their uncertainty: by hand, and against many drawn samples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from horizonte.monitor.levels import Window, measure

START = pd.Timestamp("2026-01-05", tz="UTC")


def window(errors: np.ndarray, *, naive: float = 2.0) -> pd.DataFrame:
    """Rows of one cutoff a day: ``errors`` has a row a day; bands of 1 and 2 about the mean."""
    days, each = errors.shape
    cutoff = START + pd.to_timedelta(np.repeat(np.arange(days), each), unit="D")
    frame = pd.DataFrame({"cutoff": cutoff, "mean": errors.ravel(), "y": 0.0, "naive": naive})
    for column, width in (("q05", -2), ("q10", -1), ("q90", 1), ("q95", 2)):
        frame[column] = frame["mean"] + width
    return frame


def test_by_hand() -> None:
    """Errors of 0.5 and 1.5 beside a naive's 2: half of them, and half inside the narrow band."""
    found = measure(window(np.tile([0.5, 1.5], (10, 1))))
    assert (found.rows, found.days) == (20, 10)
    assert found.skill is not None
    assert found.skill.value == pytest.approx(0.5)
    assert found.coverage_80 is not None
    assert found.coverage_90 is not None
    assert (found.coverage_80.value, found.coverage_90.value) == (0.5, 1.0)


def test_rows_of_one_day_are_one_look() -> None:
    """A hundred times the rows of the same days are no surer."""
    each = np.random.default_rng(1).normal(0, 1, (14, 1))
    few, many = measure(window(each)), measure(window(np.tile(each, (1, 100))))
    assert few.skill is not None
    assert many.skill is not None
    assert few.skill.low == pytest.approx(many.skill.low)


def test_what_cannot_be_measured_is_none() -> None:
    """No rows, no actuals, no naive, or two days: nothing is said instead of something wrong."""
    rows = window(np.ones((10, 2)))
    assert measure(rows.head(0)).skill is None
    assert measure(rows.assign(y=np.nan)).rows == 0
    assert measure(rows.assign(naive=np.nan)).skill is None
    assert measure(window(np.ones((2, 2)))).coverage_80 is None


def covered(shares: list[float]) -> Window:
    """What is measured of days of ten rows, of each of which that share is inside the narrow band."""
    inside = np.arange(10) < 10 * np.array(shares)[:, None] - 1e-9
    return measure(window(np.where(inside, 0.0, 1.5)))


def test_a_share_is_held_against_the_error_of_the_share_it_should_be() -> None:
    """Shares about 0.92 stray little, and are no proof against 0.8, which would have strayed more."""
    found = covered([0.8, 1.0, 0.9, 1.0, 1.0, 0.8, 1.0, 0.7, 1.0, 1.0] * 2).coverage_80
    assert found is not None
    assert found.value == pytest.approx(0.92)
    assert found.low < 0.8
    assert found.high <= 1.0


def test_a_share_of_all_is_not_certain() -> None:
    """Days without a miss leave room for some; the more of them, the less, and less than one miss."""
    few, many = covered([1.0] * 7).coverage_80, covered([1.0] * 28).coverage_80
    assert few is not None
    assert many is not None
    assert few.low < many.low < few.high == many.high == 1.0
    one = covered([1.0] * 27 + [0.9]).coverage_80
    assert one is not None
    assert 0.8 < one.low < many.low


def test_a_likely_loss_is_seen_before_a_sure_one() -> None:
    """The bound beside a second witness lies between the value and the interval's end."""
    skill = measure(window(np.random.default_rng(1).normal(1, 0.3, (14, 5)))).skill
    assert skill is not None
    assert skill.likely is not None
    assert skill.low < skill.likely < skill.value


def test_the_interval_holds_what_it_says() -> None:
    """Over 400 samples of dependent days the interval misses the truth in at most one of 50."""
    rng, missed = np.random.default_rng(7), 0
    for _ in range(400):
        noise = rng.normal(size=28 + 50)
        level = np.zeros_like(noise)
        for place in range(1, len(noise)):
            level[place] = 0.5 * level[place - 1] + noise[place]
        found = measure(window(np.exp(0.3 * level[50:, None])))
        assert found.skill is not None
        truth = np.exp(0.3**2 / (1 - 0.5**2) / 2) / 2
        missed += not found.skill.low <= truth <= found.skill.high
    assert missed <= 8
