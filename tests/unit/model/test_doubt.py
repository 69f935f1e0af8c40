"""Bands of a forecast that lacks a covariate: wider by what the covariate moves, and by no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from horizonte.contracts import QUANTILE_COLUMNS
from horizonte.model.attribution import stacked, without_covariates
from horizonte.model.doubt import UNSEEN
from horizonte.model.forecaster import Forecaster
from horizonte.model.train import Plan, train
from horizonte.prepare.windows import Windows

Planted = dict[str, Callable[..., Any]]
HORIZON, LIFT, NOISE = 24, 40.0, 2.0


@pytest.fixture(scope="module")
def lifted(planted: Planted) -> pd.DataFrame:
    """Return a counter that a known-ahead flag lifts, beside a covariate of no use."""
    random, hour = np.random.default_rng(3), np.arange(100 * 24)
    flag = np.repeat(random.random(100) < 0.4, 24).astype(float)
    y = 100 + 30 * np.sin(2 * np.pi * hour / 24) + LIFT * flag + random.normal(0, NOISE, len(hour))
    made: pd.DataFrame = planted["history"](
        {"street/one": y}, flag=flag, idle=random.normal(size=len(hour))
    )
    return made


@pytest.fixture(scope="module")
def model(lifted: pd.DataFrame, planted: Planted) -> Forecaster:
    """Return a model of it that reads the flag."""
    made = train(
        [planted["group"](lifted, known=["flag"])],
        planted["folds"](lifted),
        final={"PT1H": lifted["ds"].max() - pd.Timedelta(hours=HORIZON)},
        plan=Plan(["naive", "linear", "boosting"], seed=7),
    )
    return made.forecasters["PT1H"]


@pytest.fixture(scope="module")
def view(lifted: pd.DataFrame, model: Forecaster) -> Windows:
    """Return what is known at the end, the flag of the day ahead included."""
    last = lifted["ds"].max() - pd.Timedelta(hours=HORIZON)
    ahead = lifted.loc[lifted["ds"] > last, ["unique_id", "ds", "flag"]]
    return model.view(lifted[lifted["ds"] <= last], horizon=HORIZON, known_future=ahead)


def blind(view: Windows, *, name: str = "flag") -> Windows:
    """Return ``view`` with the future of ``name`` lost, or its last two days."""
    past, ahead = view.covariates[name].copy(), view.future
    if name not in ahead:
        past[:, -48:] = np.nan
    return replace(
        view,
        covariates=view.covariates | {name: past},
        future={n: np.full_like(v, np.nan) if n == name else v for n, v in ahead.items()},
        lost=((name,),),
    )


def bands(model: Forecaster, view: Windows) -> np.ndarray:
    return model.answer(view)[list(QUANTILE_COLUMNS)].to_numpy()


def width(found: np.ndarray) -> float:
    return float((found[:, -2] - found[:, 1]).mean())


def test_what_moves_the_answer_widens_its_bands(model: Forecaster, view: Windows) -> None:
    """Not to know a flag that lifts by 40 costs about what 40 half of the time is worth."""
    healthy, lost = bands(model, view), bands(model, blind(view))
    assert np.isfinite(lost).all()
    assert (np.diff(lost, axis=1) >= 0).all()
    assert ((lost[:, -1] - lost[:, 0]) > (healthy[:, -1] - healthy[:, 0])).all()
    assert LIFT / 4 < width(lost) - width(healthy) < 2.6 * LIFT


def test_what_moves_nothing_widens_next_to_nothing(model: Forecaster, view: Windows) -> None:
    """Losing noise that no member needs leaves the bands within one per cent, and never narrower."""
    healthy, lost = bands(model, view), bands(model, blind(view, name="idle"))
    assert width(healthy) <= width(lost) < 1.01 * width(healthy)


def test_without_a_loss_not_a_bit_moves(model: Forecaster, view: Windows) -> None:
    """Alone, beside a row that lacks something, and with an empty list of losses: the same bits."""
    healthy = bands(model, view)
    assert bands(model, replace(view, lost=((),))).tobytes() == healthy.tobytes()
    both = bands(model, stacked([view, blind(view)]))
    assert both[:HORIZON].tobytes() == healthy.tobytes()
    assert both[HORIZON:].tobytes() == bands(model, blind(view)).tobytes()


def test_a_covariate_of_which_no_day_is_known_costs_a_fixed_share(
    model: Forecaster, view: Windows
) -> None:
    """Nothing to compare with: every distance from the median grows by the same factor."""
    never = replace(without_covariates(view, ["flag"]), lost=((),))
    base, lost = bands(model, never), bands(model, replace(never, lost=(("flag",),)))
    middle = base[:, [3]]
    assert np.allclose(lost - middle, np.sqrt(1 + UNSEEN) * (base - middle))
