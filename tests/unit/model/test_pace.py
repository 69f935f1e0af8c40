"""A level that has gone far from its fit goes on at its pace; one that stepped or only strays does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.series import window

from horizonte.model import following, pace
from horizonte.model.per_series import Spec
from horizonte.model.statistical import FAMILIES
from horizonte.prepare.windows import Reals, Windows

DAY, FIT, AFTER, HORIZON = 24, 400, 80, 48  # hours; days of history and of service; hours ahead
META = pd.DataFrame({"unique_id": ["a"], "zone": ["UTC"], "holidays": [None]})


def calm(days: int, *, seed: int = 0) -> Reals:
    """Misses of a level that fits: noise that persists for hours, of unit deviation."""
    out = np.random.default_rng(seed).normal(size=DAY * days) * 0.6
    for t in range(1, out.size):
        out[t] += 0.8 * out[t - 1]
    return out


@pytest.fixture(scope="module")
def learnt() -> Spec:
    """What a calm history teaches."""
    errors = calm(FIT)
    one = window(errors, errors.size, back=errors.size)
    found = pace.learn(errors, one, following.learn(errors, one))
    assert found is not None
    return found


def moved(by: Reals, *, seed: int = 1) -> Reals:
    """Misses of the last five weeks of AFTER days, on each of which the level is off ``by``."""
    return (calm(AFTER, seed=seed) + np.repeat(by, DAY))[-35 * DAY :]


def view(errors: Reals, *, days: float = AFTER) -> Windows:
    """Windows that end ``days`` after the fit."""
    one = window(errors, errors.size, back=errors.size)
    ended = window(calm(FIT), FIT * DAY, back=DAY).cutoff + pd.Timedelta(days=days).to_timedelta64()
    return replace(one, cutoff=ended)


def daily(learnt: Spec, errors: Reals, *, days: float = AFTER) -> float:
    """What is expected to be gone on by in a day."""
    said = pace.ahead(learnt, errors[None], view(errors, days=days))[0]
    assert said.shape == (errors.size + HORIZON,)
    assert said[errors.size] == 0  # beside now
    np.testing.assert_allclose(np.diff(said), said[-1] - said[-2])
    return float(said[-1] - said[-1 - DAY])


@pytest.mark.parametrize("each", [-0.2, 0.1])
def test_a_drift_goes_on(each: float, learnt: Spec) -> None:
    """Of a level that drifts from the day of the fit on, three quarters of its pace and more."""
    found = daily(learnt, moved(each * np.arange(AFTER)))
    assert 0.75 < found / each < 1.05


def test_a_drift_that_began_late_goes_on_slower(learnt: Spec) -> None:
    """A chord since the fit is no more than that; and in the first weeks it is as over LEAST days."""
    late = np.maximum(np.arange(AFTER) - AFTER / 2, 0.0)
    assert 0.25 < daily(learnt, moved(0.2 * late)) / 0.2 < 0.6
    early = moved(0.2 * np.maximum(np.arange(AFTER) - AFTER + 30, 0.0))
    assert daily(learnt, early, days=30) <= 6 / pace.LEAST


@pytest.mark.parametrize("seed", range(1, 7))
def test_chance_and_a_step_stand_still(seed: int, learnt: Spec) -> None:
    """What strays as it did before the fit goes nowhere, nor does a level that stepped weeks ago."""
    assert daily(learnt, moved(np.zeros(AFTER), seed=seed)) == 0
    step = moved(5.0 * (np.arange(AFTER) >= 20), seed=seed)
    assert abs(daily(learnt, step)) < 0.7 * 5 / AFTER


def test_what_came_back_or_was_not_seen_stands_still(learnt: Spec) -> None:
    """On its way back, with a week or two of nothing, and with nothing at all."""
    back = moved(np.maximum(8 - 0.1 * np.arange(AFTER), 0.0))
    assert daily(learnt, back) == 0
    drift = moved(0.2 * np.arange(AFTER))
    for gap in (slice(-7 * DAY, None), slice(-28 * DAY, -14 * DAY), slice(None)):
        holed = drift.copy()
        holed[gap] = np.nan
        assert daily(learnt, holed) == 0


@pytest.mark.parametrize(("freq", "span", "newest"), [("P1D", 28, 7), ("P7D", 4, 1)])
def test_grids_of_a_day_and_longer_go_as_far_in_their_steps(
    freq: str, span: int, newest: int
) -> None:
    """Of 0.2 a day since the fit, a step of the grid has its days' worth."""
    ds = pd.date_range(
        "2024-01-01", periods=70, freq=pd.Timedelta(freq)
    )  # the first is the fit's last
    y = 0.2 * (ds - ds[0]).days.to_numpy(float)
    one = replace(window(y, 70, back=30, freq=freq), cutoff=ds[[-1]].to_numpy())
    spec = {"fitted": str(ds[0]), "level": 0.0, "chance": 0.01, "day": 1}
    said = pace.ahead(spec | {"span": span, "newest": newest}, one.y, one)[0]
    np.testing.assert_allclose(np.diff(said), 0.2 * pd.Timedelta(freq).days, rtol=0.2)


def test_of_a_short_history_no_pace_is_known() -> None:
    """Where nothing is followed nothing goes on."""
    errors = calm(32)
    one = window(errors, errors.size, back=errors.size)
    assert pace.learn(errors, one, following.learn(errors, one)) is None


def test_a_row_alone_has_the_bits_of_one_among_others(learnt: Spec) -> None:
    """Whatever else is asked, and whenever it ends."""
    many = np.stack([moved(s * np.arange(AFTER), seed=3) for s in (0.1, 0.3, -0.2)])
    rows = view(many[0])
    stacked = replace(
        rows, cutoff=np.repeat(rows.cutoff, 3) + np.arange(3) * np.timedelta64(9, "D")
    )
    said = pace.ahead(learnt, many, stacked)
    for k in range(3):
        alone = replace(rows, cutoff=stacked.cutoff[[k]])
        np.testing.assert_array_equal(pace.ahead(learnt, many[[k]], alone), said[[k]])


def test_an_old_fit_keeps_up_with_a_drift() -> None:
    """Three months into a decay, a fit from before is off by less than half of what standing still is."""
    hours = np.arange(DAY * 520)
    since = np.maximum(hours - DAY * 400, 0) / DAY
    y = 100 + 10 * np.sin(2 * np.pi * hours / DAY) + 2 * calm(520, seed=4) - 0.3 * since
    fitted = FAMILIES["statistical"].fit(window(y, DAY * 400, back=DAY * 400), meta=META, seed=0)
    still = replace(fitted, series={"a": fitted.series["a"] | {"pace": None}})
    ends = range(DAY * 480, DAY * 516, 31)

    def bias(model: object) -> float:
        left = [model.predict(window(y, end))[0] - y[end : end + HORIZON] for end in ends]  # type: ignore[attr-defined]
        return float(np.mean(left))

    assert abs(bias(fitted)) < bias(still) / 2
