"""Regression on Fourier terms with autoregressive errors, fitted by statsmodels.

What repeats (day, week, year, holidays, known covariates) is a regression that follows where the
series has moved since; what it leaves is an autoregression. A fit is saved as its specification and
parameters, and forecasts from any history they are run on. It is statsmodels' AutoReg with
deterministic terms, with its two parts fitted one after the other so that missing values cost no
more than themselves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from horizonte.model import autoregression as ar
from horizonte.model import fourier
from horizonte.model.per_series import PerSeries, Spec, recent
from horizonte.prepare.windows import Reals, Windows

HISTORY = "P1096D"  # what a fit looks back on: three years
RIDGE = 1.0


def fit(one: Windows, where: Spec, seed: int) -> Spec:  # noqa: ARG001 (deterministic)
    """Return the specification and parameters of one series; raise when it cannot be fitted."""
    history = recent(one, HISTORY)
    return ar.best(_candidates(history, where), history, forecast)


def forecast(spec: Spec, windows: Windows) -> Reals:
    """Return the forecasts of every row, ``[n, horizon]``."""
    return ar.forecast(spec, windows, fourier.level)


def _candidates(one: Windows, where: Spec) -> list[Spec]:
    """Return one specification per transform, from one decomposition of the same columns."""
    spec = fourier.terms(one, where)
    columns = np.column_stack(
        [
            *fourier.columns(spec, one.history_ds()[0]),
            *(c[0] for c in fourier.covariates(spec, one.covariates, one.y.shape)),
        ]
    )
    transforms = ar.usable_transforms(one)
    values = np.column_stack([ar.forward(one.y[0], transform) for transform in transforms])
    rows = np.flatnonzero(np.isfinite(values).all(axis=1))
    thin = thinned(rows, one)
    betas = ar.least_squares(columns[thin], values[thin], ridge=RIDGE)
    lags = ar.usable_lags(one)
    misses = [value - columns @ beta for value, beta in zip(values.T, betas, strict=True)]
    return [
        {**spec, "transform": transform, "beta": beta.tolist()} | ar.learn(errors, one, lags)
        for transform, beta, errors in zip(transforms, betas, misses, strict=True)
    ]


def thinned(rows: NDArray[np.int64], one: Windows) -> NDArray[np.int64]:
    """Return of the columns ``rows`` one an hour, where that leaves hundreds: the curve is smooth."""
    hour = one.steps("PT1H")
    return rows[::hour] if hour * 500 < len(rows) else rows


FAMILIES = {"statistical": PerSeries("statistical", fit, forecast, costly=True)}
