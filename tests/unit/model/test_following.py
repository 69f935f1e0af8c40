"""What a level has lately missed is followed as far as it is more than chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.series import window

from horizonte.model.following import follow, learn
from horizonte.model.per_series import Spec
from horizonte.model.statistical import FAMILIES
from horizonte.prepare.windows import Reals

DAY, WEEK, BACK, HORIZON = 24, 168, 840, 48
META = pd.DataFrame({"unique_id": ["a"], "zone": ["UTC"], "holidays": [None]})


def calm(days: int = 400, *, seed: int = 0, phi: float = 0.8) -> Reals:
    """Misses of a level that fits: noise that persists for hours, of unit deviation."""
    out = np.random.default_rng(seed).normal(size=DAY * days) * np.sqrt(1 - phi**2)
    for t in range(1, out.size):
        out[t] += phi * out[t - 1]
    return out


@pytest.fixture(scope="module")
def learnt() -> list[Spec]:
    """What a calm history teaches."""
    errors = calm()
    return learn(errors, window(errors, errors.size, back=errors.size))


def ahead(learnt: list[Spec], errors: Reals) -> Reals:
    """What is followed over the horizon, of the errors of one series."""
    return follow(learnt, errors[None, -BACK:], HORIZON)[0, BACK:]


@pytest.mark.parametrize("seed", range(1, 9))
def test_chance_is_hardly_followed(seed: int, learnt: list[Spec]) -> None:
    """Misses as in the history of the fit move a forecast by less than a third of their deviation."""
    assert np.abs(ahead(learnt, calm(40, seed=seed))).max() < 1 / 3


@pytest.mark.parametrize(("days", "least"), [(3, 0.3), (7, 0.8), (28, 0.95)])
def test_a_step_is_followed_within_a_week(days: int, least: float, learnt: list[Spec]) -> None:
    """Of a level that is missed by three deviations, most is followed after a week."""
    errors = calm(40, seed=11)
    errors[-days * DAY :] += 3
    found = ahead(learnt, errors)
    assert least * 3 < found.mean() < 3.6


def test_another_day_is_followed(learnt: list[Spec]) -> None:
    """Of a day that was missed in every hour of a week, the coming days have most, hour by hour."""
    shape = 3 * np.sin(2 * np.pi * np.arange(DAY) / DAY)
    errors = calm(40, seed=12)
    errors[-WEEK:] += np.tile(shape, 7)
    left = np.tile(shape, 2) - ahead(learnt, errors)
    assert np.abs(left).mean() < np.abs(shape).mean() / 3


def test_what_always_went_on_is_followed_though_it_is_small() -> None:
    """Where misses of the history lasted, one as large as they goes on."""
    rng = np.random.default_rng(3)
    wandering = np.repeat(np.cumsum(rng.normal(size=600)) / 10, DAY) + calm(600)
    spec = learn(wandering, window(wandering, wandering.size, back=wandering.size))
    assert spec[0]["level"]["kept"] > 0.7
    assert ahead(spec, calm(40, seed=5) * 0.1 + 1).mean() > 0.7


def test_what_has_passed_is_not_followed(learnt: list[Spec]) -> None:
    """A level that was missed for a week and came back yesterday is no longer followed."""
    errors = calm(40, seed=14)
    errors[-8 * DAY : -DAY] += 3
    assert np.abs(ahead(learnt, errors)).max() < 0.5


def test_few_readings_are_trusted_less(learnt: list[Spec]) -> None:
    """A miss of which a tenth was read is followed less, and one of which nothing was, not at all."""
    errors = np.full(BACK, 1.0)
    thin = np.where(np.arange(BACK) % 10 == 0, errors, np.nan)
    assert 0 < ahead(learnt, thin).mean() < ahead(learnt, errors).mean()
    np.testing.assert_array_equal(ahead(learnt, np.full(BACK, np.nan)), 0.0)


def test_a_short_history_teaches_nothing() -> None:
    """Less than a few cutoffs of past misses: nothing is learnt, and nothing is followed."""
    errors = calm(32)
    assert learn(errors, window(errors, errors.size, back=errors.size)) == []
    np.testing.assert_array_equal(follow([], errors[None], HORIZON), 0.0)


@pytest.mark.parametrize(("kind", "more"), [("step", 0.05), ("ramp", 0.1)])
def test_an_old_fit_is_nearly_as_good_as_a_new_one(kind: str, more: float) -> None:
    """Two months after a level or a trend has changed, a fit from before errs hardly more."""
    hours, since = np.arange(DAY * 460), np.maximum(np.arange(DAY * 460) - DAY * 360, 0)
    moved = 6 * (since > 0) if kind == "step" else 0.1 * since / DAY
    y = 100 + 10 * np.sin(2 * np.pi * hours / DAY) + 2 * calm(460, seed=7, phi=0.95) + moved
    ends = range(DAY * 420, DAY * 458, 31)

    def error(until: int) -> float:
        fitted = FAMILIES["statistical"].fit(window(y, until, back=until), meta=META, seed=0)
        said = {end: fitted.predict(window(y, end))[0] for end in ends}
        return float(np.mean([np.abs(said[e] - y[e : e + HORIZON]).mean() for e in ends]))

    assert error(DAY * 360) < (1 + more) * error(DAY * 420)
