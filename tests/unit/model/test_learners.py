"""Linear and boosting: each wins where it should, saves bit-equal, and answers whatever is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from horizonte.errors import ModelFault
from horizonte.model.families import family
from horizonte.prepare.windows import Windows, windows

LEARNERS = ("linear", "boosting")
Planted = dict[str, Callable[..., Any]]


def errors_of(history: pd.DataFrame, known: list[str], planted: Planted) -> pd.Series:
    """Return the mean absolute error of every family over the last two days."""
    cutoff = history["ds"].max() - pd.Timedelta("48h")
    past, future = history[history["ds"] <= cutoff], history[["unique_id", "ds", *known]]
    view = windows(past, freq_="PT1H", horizon=48, known_future=future if known else None)
    meta = planted["meta"](["a"])
    names = ("naive_day", "naive_week", "naive_persistence", "naive_climatology", *LEARNERS)
    actual = history.loc[history["ds"] > cutoff, "y"].to_numpy()
    answers = {n: family(n).fit(view, meta=meta, seed=7).predict(view)[0] for n in names}
    return pd.Series({n: float(np.abs(a - actual).mean()) for n, a in answers.items()})


def test_linear_wins_what_a_line_explains(planted: Planted) -> None:
    """Where y follows a known covariate in proportion, linear beats the naives and boosting."""
    random = np.random.default_rng(2)
    load = lfilter([1.0], [1.0, -0.95], random.normal(size=60 * 24))  # wanders, and comes back
    history = planted["history"]({"a": 20 * load + random.normal(0, 1, len(load))}, load=load)
    errors = errors_of(history, ["load"], planted)
    assert errors.idxmin() == "linear"
    assert errors["linear"] < 0.7 * errors.drop("linear").min()


def test_boosting_wins_what_bends(planted: Planted) -> None:
    """Where y jumps with a known covariate by time of day, boosting beats the naives and linear."""
    random = np.random.default_rng(3)
    gate, hour = random.normal(size=90 * 24), np.arange(90 * 24) % 24
    y = 50 + 40 * ((gate > 0) ^ (hour < 12)) + random.normal(0, 1, len(gate))
    errors = errors_of(planted["history"]({"a": y}, gate=gate), ["gate"], planted)
    assert errors.idxmin() == "boosting"
    assert errors["boosting"] < 0.5 * errors.drop("boosting").min()


@pytest.fixture(scope="module")
def view(street: pd.DataFrame) -> Windows:
    future = street.assign(ds=street["ds"] + pd.Timedelta("24h"))[["unique_id", "ds", "rain"]]
    return windows(street, freq_="PT1H", horizon=24, known_future=future)


@pytest.mark.parametrize("name", LEARNERS)
def test_saved_models_forecast_the_same_bits(
    name: str, view: Windows, planted: Planted, tmp_path: Path
) -> None:
    """A model fitted twice writes equal bytes, and loaded forecasts bit-equally."""
    meta = planted["meta"](["street/one", "street/two"])
    for folder in ("first", "second"):
        model = family(name).fit(view, meta=meta, seed=7)
        model.save(tmp_path / folder)
    for path in sorted((tmp_path / "first").iterdir()):
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()
        assert b"pickle" not in path.read_bytes()[:40]
    loaded = family(name).load(tmp_path / "first")
    np.testing.assert_array_equal(loaded.predict(view), model.predict(view))


@pytest.mark.parametrize("name", LEARNERS)
def test_a_damaged_folder_is_refused(name: str, tmp_path: Path) -> None:
    """Loading what is not a saved model raises a ModelFault that names the folder."""
    with pytest.raises(ModelFault, match=tmp_path.name):
        family(name).load(tmp_path)


@pytest.mark.parametrize("name", LEARNERS)
def test_every_loss_of_input_is_answered(name: str, view: Windows, planted: Planted) -> None:
    """No target, no covariate, no known future, a constant or a one-day history: always finite."""
    model = family(name).fit(view, meta=planted["meta"](["street/one", "street/two"]), seed=7)
    for lost in losses(view).values():
        assert np.isfinite(model.predict(lost)).all()


def losses(view: Windows) -> dict[str, Windows]:
    """Return ``view`` in every state of missing input."""
    stale, day, constant = view.y.copy(), view.y.copy(), np.full_like(view.y, 5.0)
    stale[:, -100:] = np.nan
    day[:, :-24] = np.nan
    nothing = np.full_like(view.y, np.nan)
    dark = {name: np.full_like(values, np.nan) for name, values in view.covariates.items()}
    unknown = {name: np.full_like(values, np.nan) for name, values in view.future.items()}
    rest = (view.freq, view.horizon)
    states = {
        "stale": (stale, view.covariates, view.future),
        "day": (day, view.covariates, view.future),
        "constant": (constant, view.covariates, view.future),
        "nothing": (nothing, dark, unknown),
        "no covariates": (view.y, {}, {}),
        "dark": (view.y, dark, unknown),
        "no future": (view.y, view.covariates, {}),
    }
    return {
        name: Windows(view.unique_id, view.cutoff, *state, *rest) for name, state in states.items()
    }


def test_a_series_that_never_moved_is_named_or_repeated(planted: Planted) -> None:
    """Linear names a constant series as failed; boosting answers its level exactly."""
    history = planted["history"]({"a": np.full(24 * 30, 7.0)})
    view = windows(history, freq_="PT1H", horizon=24)
    meta = planted["meta"](["a"])
    assert "a" in family("linear").fit(view, meta=meta, seed=1).failed
    np.testing.assert_array_equal(
        family("boosting").fit(view, meta=meta, seed=1).predict(view), 7.0
    )


def test_linear_says_nothing_of_unseen_series(view: Windows, planted: Planted) -> None:
    """A series that linear was not fitted on gets NaN, which the forecaster replaces."""
    model = family("linear").fit(view.take([0]), meta=planted["meta"](["street/one"]), seed=1)
    answer = model.predict(view)
    assert np.isfinite(answer[0]).all()
    assert np.isnan(answer[1]).all()
