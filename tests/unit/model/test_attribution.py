"""Effects are what removing a thing does: planted panels whose answer is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from horizonte.model import attribution
from horizonte.model.attribution import Effect, Without
from horizonte.model.forecaster import CARD, Forecaster
from horizonte.model.train import Plan, train
from horizonte.prepare.windows import Windows

Planted = dict[str, Callable[..., Any]]
HORIZON, LIFT = 24, 40.0


@pytest.fixture(scope="module")
def lifted(planted: Planted) -> pd.DataFrame:
    """Return a counter that a known-ahead flag lifts by LIFT, beside a covariate of no use."""
    random, hour = np.random.default_rng(3), np.arange(100 * 24)
    flag = np.repeat(random.random(100) < 0.3, 24).astype(float)
    flag[-24:] = 1.0
    y = 100 + 30 * np.sin(2 * np.pi * hour / 24) + LIFT * flag + random.normal(0, 2, len(hour))
    idle = random.normal(size=len(hour))
    made: pd.DataFrame = planted["history"]({"street/one": y}, flag=flag, idle=idle)
    return made


@pytest.fixture(scope="module")
def model(lifted: pd.DataFrame, planted: Planted) -> Forecaster:
    last = lifted["ds"].max() - pd.Timedelta(hours=HORIZON)
    made = train(
        [planted["group"](lifted, known=["flag"])],
        planted["folds"](lifted),
        final={"PT1H": last},
        plan=Plan(["naive", "linear", "boosting", "statistical"], seed=7),
    )
    return made.forecasters["PT1H"]


@pytest.fixture(scope="module")
def view(lifted: pd.DataFrame, model: Forecaster) -> Windows:
    last = lifted["ds"].max() - pd.Timedelta(hours=HORIZON)
    ahead = lifted.loc[lifted["ds"] > last, ["unique_id", "ds", "flag"]]
    past = lifted[lifted["ds"] <= last]
    return model.view(past, horizon=HORIZON, known_future=ahead)


def effect_of(model: Forecaster, view: Windows, *names: str) -> Effect:
    without = attribution.without_covariates(view, names)
    return attribution.effects(model, view, [Without(without)])[0]


def test_the_effect_of_a_covariate_has_its_sign_and_size(model: Forecaster, view: Windows) -> None:
    """A flag that lifts y by 40 is told to lift the forecast by 15 to 45 at every step."""
    found = effect_of(model, view, "flag")
    assert (found.steps > 0).all()
    assert 0.375 * LIFT < found.mean < 1.125 * LIFT
    assert found.size == pytest.approx(found.mean)


def test_what_the_model_does_not_read_has_no_effect(model: Forecaster, view: Windows) -> None:
    """A covariate of pure noise moves next to nothing; one that no member has seen, nothing."""
    assert effect_of(model, view, "idle").size < 0.02 * LIFT
    noise = np.random.default_rng(1).normal(size=view.y.shape)
    foreign = replace(view, covariates=view.covariates | {"foreign": noise})
    assert effect_of(model, foreign, "foreign").steps.tolist() == [0.0] * HORIZON


def test_an_effect_is_the_difference_of_two_forecasts(
    model: Forecaster, view: Windows, lifted: pd.DataFrame
) -> None:
    """It equals, to the last bit, what ``predict`` says with and without the column's values."""
    last = lifted["ds"].max() - pd.Timedelta(hours=HORIZON)
    past, ahead = lifted[lifted["ds"] <= last], lifted[lifted["ds"] > last]
    known = ahead[["unique_id", "ds", "flag"]]
    whole = model.predict(past, horizon=HORIZON, known_future=known)["mean"]
    bare = model.predict(
        past.assign(flag=np.nan), horizon=HORIZON, known_future=known.assign(flag=np.nan)
    )["mean"]
    assert effect_of(model, view, "flag").steps.tolist() == (whole - bare).tolist()


def test_many_at_once_are_what_each_is_alone(model: Forecaster, view: Windows) -> None:
    """Views of one call, also shorter ones, do not see each other; holidays are a call of their own."""
    short = last_of(view, 24 * 9)
    without = [
        Without(attribution.without_covariates(view, ["flag"])),
        Without(short),
        Without(view, blind=True),
    ]
    together = attribution.effects(model, view, without)
    alone = [attribution.effects(model, view, [one])[0] for one in without]
    assert [e.steps.tolist() for e in together] == [e.steps.tolist() for e in alone]
    cut = model.answer(view)["mean"] - model.answer(short)["mean"]
    assert np.allclose(together[1].steps, cut, rtol=1e-9, atol=1e-9)
    assert together[1].size > 0


def last_of(view: Windows, length: int) -> Windows:
    return replace(
        view,
        y=view.y[:, -length:],
        covariates={name: values[:, -length:] for name, values in view.covariates.items()},
    )


def test_holidays_taken_away_are_a_calendar_without_any(
    model: Forecaster, view: Windows, tmp_path: Path
) -> None:
    """Blind to holidays is the saved model with ``none`` for its calendar, to the last bit."""
    model.save(tmp_path)
    for path in (p for p in tmp_path.rglob("*.json") if '"PT"' in p.read_text()):
        path.write_text(path.read_text().replace('"PT"', '"none"'))
    assert '"PT"' not in (tmp_path / CARD).read_text()
    edited = Forecaster.load(tmp_path).answer(view)
    blind = attribution.holiday_blind(model, "street/one").answer(view)
    pd.testing.assert_frame_equal(edited, blind, check_exact=True)


def test_a_holiday_is_felt(model: Forecaster, view: Windows) -> None:
    """Over days that are holidays, an ordinary calendar gives another forecast."""
    days = np.timedelta64(25 - view.cutoff[0].astype("datetime64[D]").item().day, "D")
    at_liberation_day = replace(view, cutoff=view.cutoff + days)  # 25 April, shifted whole days
    found = attribution.effects(model, at_liberation_day, [Without(at_liberation_day, blind=True)])
    assert found[0].size > 0


def test_buckets_cover_every_step() -> None:
    """Labels are those of the scores, the last ending where the forecast does."""
    hours = pd.Series(pd.to_timedelta(np.arange(1, 31), unit="h"))
    names = attribution.labels(hours)
    assert list(dict.fromkeys(names)) == ["00-06h", "06-12h", "12-24h", "24-30h"]
    found = Effect(np.arange(1.0, 31.0)).buckets(names)
    assert found == {"00-06h": 3.5, "06-12h": 9.5, "12-24h": 18.5, "24-30h": 27.5}


def test_the_remainder_closes_the_sum() -> None:
    """Effects and remainder add up to what all things together do."""
    one, two, both = (Effect(np.array(v)) for v in ([1.0, 2.0], [3.0, -1.0], [5.0, 5.0]))
    assert attribution.remainder([one, two], both).steps.tolist() == [1.0, 4.0]
