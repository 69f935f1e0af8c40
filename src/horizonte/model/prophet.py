"""Prophet per series, in local time, with errors that persist; and Prophet as it comes.

Ours differs from the default in what hourly data need: a day of its own for days off, holidays,
the transform that a regression found best, rows thinned to what the curve can show, and an
autoregression on what Prophet leaves, which carries the newest observations into the forecast.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from math import gcd
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from horizonte.model import autoregression as ar
from horizonte.model import fourier, statistical
from horizonte.model.per_series import PerSeries, Spec, by_place, recent
from horizonte.prepare.calendar import calendar, wall
from horizonte.prepare.windows import Reals, Windows

HISTORY = "P731D"  # what a fit looks back on: two years
ROWS = 4000  # what a fit is thinned to
_HOLIDAY = ("holiday", "day_before_holiday", "day_after_holiday")


def fit(one: Windows, where: Spec, seed: int) -> Spec:
    """Return Prophet's JSON and autoregression of one series; raise when it cannot be fitted."""
    history = recent(one, HISTORY)
    guide = statistical.fit(history, where, seed)
    frame = _frame(where, history.history_ds()[0])
    frame["y"] = ar.forward(history.y[0], guide["transform"])
    known = fourier.covariates(guide, history.covariates, history.y.shape)
    for covariate, values in zip(guide["known"], known, strict=True):
        frame[f"known {covariate['name']}"] = values[0]
    thin = frame.iloc[:: _thinning(history)].dropna()
    model = _ours(thin, history, where, guide["known"])
    with _quiet():
        model.fit(thin.drop_duplicates("ds"), seed=seed)
    spec = {
        **where,
        "known": guide["known"],
        "transform": guide["transform"],
        "weight": _regressor_weights(model, guide["known"]),
        "model": _stripped(model),
    }
    errors = frame["y"].to_numpy() - level(spec, history, history.length)[0, : history.length]
    return spec | ar.learn(errors, history, guide["lags"])


def forecast(spec: Spec, windows: Windows) -> Reals:
    """Return the forecasts of every row, ``[n, horizon]``."""
    return ar.forecast(spec, windows, level)


def level(spec: Spec, windows: Windows, back: int) -> Reals:
    """Return Prophet's curve over the last ``back`` steps and the horizon, row by row."""
    ds = fourier.span(windows, back)
    grid, at = fourier.once(ds, windows.step)
    out = curve(spec["model"], _frame(spec, grid))[at]
    known = fourier.covariates(spec, fourier.values(windows, back), ds.shape)
    for weight, values in zip(spec["weight"], known, strict=True):
        out = out + weight * values
    return out


def fit_default(one: Windows, where: Spec, seed: int) -> Spec:
    """Return ``Prophet()`` fitted as it comes, on two years of local time at most hourly."""
    history = recent(one, HISTORY)
    frame = _frame(where, history.history_ds()[0])[["ds"]].assign(y=history.y[0])
    with _quiet():
        model = _prophet()(uncertainty_samples=0)
        model.fit(frame.iloc[:: history.steps("PT1H")].dropna().drop_duplicates("ds"), seed=seed)
    return {**where, "model": _stripped(model)}


def forecast_default(spec: Spec, windows: Windows) -> Reals:
    """Return the curve over the horizon; it knows nothing newer than its fit."""
    grid, at = fourier.once(windows.target_ds(), windows.step)
    return curve(spec["model"], _frame(spec, grid)[["ds"]])[at]


def curve(text: str, frame: pd.DataFrame) -> Reals:
    """Return what Prophet's ``predict`` calls yhat at every row of ``frame``, in its order.

    Sums run row by row, so that an instant gives the same bits in any frame. Local times that
    come twice (the clocks go back) are asked once, as Prophet sorts what it is given.
    """
    model = _loaded(text)
    asked = frame.drop_duplicates("ds").sort_values("ds", ignore_index=True)
    for name in model.extra_regressors:
        if name not in asked:
            asked[name] = 0.0  # the caller adds what is known of covariates
    ready = model.setup_dataframe(asked)
    features, _, columns, _ = model.make_all_seasonality_features(ready)
    beta = model.params["beta"][0]
    trend = model.predict_trend(ready)
    by = {
        mode: (features.to_numpy(float) * (beta * columns[f"{mode}_terms"].to_numpy())).sum(axis=1)
        for mode in ("additive", "multiplicative")
    }
    yhat = trend * (1 + by["multiplicative"]) + by["additive"] * model.y_scale
    found = pd.Series(np.asarray(yhat, float), index=ready["ds"].to_numpy())
    return found.reindex(frame["ds"].to_numpy()).to_numpy(float)


def _frame(spec: Spec, ds: NDArray[np.datetime64]) -> pd.DataFrame:
    """Return local naive times and what our Prophet reads of the calendar."""
    instants = pd.DatetimeIndex(ds, tz="UTC")
    place = by_place(spec)
    local = calendar(pd.Series(instants), place)
    off = local["day_off"].to_numpy() > 0
    out = pd.DataFrame({"ds": wall(instants, place), "off": off, "on": ~off})
    return out.assign(**{name: local[name].to_numpy(float) for name in _HOLIDAY})


def _ours(thin: pd.DataFrame, one: Windows, where: Spec, known: list[Spec]) -> Any:
    years = (thin["ds"].iloc[-1] - thin["ds"].iloc[0]) / pd.Timedelta(days=365)
    yearly = 6 if years >= 2 else 3
    model = _prophet()(
        uncertainty_samples=0,
        scaling="minmax",
        daily_seasonality=False,
        weekly_seasonality=3 if one.steps("P7D") > 6 else False,
        yearly_seasonality=yearly if years >= 1.25 else False,
    )
    order = min(6, (one.steps("P1D") - 1) // 2)
    for kind in ("on", "off") if order else ():
        model.add_seasonality(f"day_{kind}", 1, order, condition_name=kind)
    for name in _HOLIDAY if where["holidays"] else ():
        model.add_regressor(name, standardize=False)
    for covariate in known:
        model.add_regressor(f"known {covariate['name']}", standardize=False)
    return model


def _regressor_weights(model: Any, known: list[Spec]) -> list[float]:
    """Return what a unit of each standardised covariate adds to the curve."""
    columns = model.train_component_cols
    return [
        float(
            model.params["beta"][0][columns[f"known {c['name']}"].to_numpy() == 1].sum()
            * model.y_scale
        )
        for c in known
    ]


def _thinning(one: Windows) -> int:
    """Return the least stride that leaves about ROWS rows and meets every time of day."""
    stride, day = max(1, round(np.isfinite(one.y).sum() / ROWS)), one.steps("P1D")
    return next(k for k in range(stride, stride + day + 1) if gcd(k, day) == 1)


def _stripped(model: Any) -> str:
    """Return Prophet's JSON without the history it was fitted on, which predict never reads."""
    from prophet.serialize import model_to_dict

    model.history, model.history_dates = model.history.iloc[:1], model.history_dates.iloc[:1]
    model.params.pop("trend", None)
    return json.dumps(model_to_dict(model), sort_keys=True)


@lru_cache(maxsize=256)
def _loaded(text: str) -> Any:
    from prophet.serialize import model_from_json

    with _quiet():
        return model_from_json(text)


def _prophet() -> Any:
    from prophet import Prophet

    return Prophet


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Prophet's and its compiler's progress while they work; cmdstanpy resets levels."""
    loggers = [logging.getLogger(name) for name in ("cmdstanpy", "prophet")]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, was in zip(loggers, before, strict=True):
            logger.disabled = was


FAMILIES = {
    "prophet": PerSeries("prophet", fit, forecast, costly=True),
    "prophet_default": PerSeries("prophet_default", fit_default, forecast_default, costly=True),
}
