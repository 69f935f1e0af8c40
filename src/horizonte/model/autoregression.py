"""A level that repeats plus errors that persist: what statistical and Prophet models share.

The level is fitted to a transform of the series, and follows the series where that has moved since,
at its pace where it still moves; what it leaves is an autoregression on the last hour and on the same
time of earlier days and weeks. So a forecast starts from what was just observed, however old the fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from horizonte.model import following, pace
from horizonte.model.per_series import Spec, origins
from horizonte.prepare.windows import Reals, Windows

SETTLE = "P14D"  # history before the longest lag, from which missing errors are filled
PASSES = 4  # in which missing errors and weights settle
RUNAWAY = 1.5  # times the error of the level alone
TRANSFORMS = ("none", "sqrt", "log")
Level = Callable[[Spec, Windows, int], Reals]  # over the last steps and the horizon


def forecast(spec: Spec, windows: Windows, level: Level) -> Reals:
    """Return the forecasts of every row, ``[n, horizon]``."""
    lags, learnt = spec["lags"], spec.get("follow", ())  # models saved before follow nothing
    back = min(windows.length, _reach(spec, windows))
    expected = level(spec, windows, back)
    past = forward(windows.y[:, windows.length - back :], spec["transform"])
    if spec.get("pace"):
        expected = expected + pace.ahead(spec["pace"], past - expected[:, :back], windows)
    expected = expected + following.follow(learnt, past - expected[:, :back], windows.horizon)
    ahead = recurse(past - expected[:, :back], lags=lags, phi=spec["phi"], horizon=windows.horizon)
    return inverse(expected[:, back:] + ahead, spec["transform"])


def learn(errors: Reals, one: Windows, lags: Sequence[int]) -> Spec:
    """Return what ``forecast`` reads of a level beside its own: what its ``errors`` ``[length]`` do.

    ``one`` is the history that they are of.
    """
    followed = following.learn(errors, one)
    return {
        "lags": lags,
        "phi": weights(errors, lags),
        "follow": followed,
        "pace": pace.learn(errors, one, followed),
    }


def recurse(errors: Reals, *, lags: Sequence[int], phi: Sequence[float], horizon: int) -> Reals:
    """Return the autoregression's expected errors over the horizon, ``[n, horizon]``.

    ``errors`` is ``[n, back]`` up to the cutoff. A missing error is what the autoregression
    expected there, and zero before its longest lag. Rows never meet, so each gives the same bits
    alone and among others.
    """
    if not lags:
        return np.zeros((len(errors), horizon))
    first = max(lags)
    before = np.zeros((max(first - errors.shape[1], 0), len(errors)))
    path = np.vstack([before, errors.T, np.full((horizon, len(errors)), np.nan)])  # time first
    path[:first] = np.nan_to_num(path[:first])
    back, by = np.array(lags, int), np.array(phi, float)[:, None]
    for at in np.flatnonzero(np.isnan(path).any(axis=1)):
        expected = (by * path[at - back]).cumsum(axis=0)[-1]  # lag by lag, as a sum would not
        path[at] = np.where(np.isnan(path[at]), expected, path[at])
    return path[len(path) - horizon :].T


def _reach(spec: Spec, windows: Windows) -> int:
    """Return how many steps a forecast looks back on."""
    settled = max(spec["lags"], default=0) + windows.steps(SETTLE)
    return max(settled, windows.steps(following.SPANS[0])) if spec.get("follow") else settled


def usable_transforms(one: Windows) -> tuple[str, ...]:
    """Return the transforms that a series allows: only one never negative may be bent."""
    return TRANSFORMS if np.nanmin(one.y) >= 0 else TRANSFORMS[:1]


def best(specs: Sequence[Spec], one: Windows, answer: Callable[[Spec, Windows], Reals]) -> Spec:
    """Return the spec with the smallest mean absolute error from cutoffs at the history's end.

    Its level alone replaces an autoregression that runs away. A level knows the end that it was
    fitted on, so being a little better there says nothing.
    """
    back = _reach(specs[0], one)
    windows, actual = origins(one, count=28, every="PT25H", back=back)
    if not np.isfinite(actual).any():
        return specs[0]

    def error(spec: Spec) -> float:
        return float(np.nanmean(np.abs(answer(spec, windows) - actual)))

    found = min(specs, key=error)
    alone = {**found, "lags": [], "phi": []}
    return alone if error(found) > RUNAWAY * error(alone) else found


def usable_lags(one: Windows) -> list[int]:
    """Return an hour of lags, the same time of the last days and weeks, and their neighbours.

    A lag needs a history of four times its length.
    """
    hour, day, week = (one.steps(duration) for duration in ("PT1H", "P1D", "P7D"))
    near = range(1, max(hour, 2) + 1)
    around = [season + by for season in (day, week) for by in (-1, 0, 1)]
    days = [k * day for k in range(2, 7)]
    every = {*near, *around, *days, 2 * week, 3 * week}
    return sorted(lag for lag in every if 0 < lag <= np.isfinite(one.y).sum() // 4)


def weights(errors: Reals, lags: Sequence[int]) -> list[float]:
    """Return the least-squares weights of ``lags`` in ``errors`` ``[length]``.

    Rows with a missing lag are left out. Where few are complete, a missing error is taken as
    what the autoregression expected there, and both are found in turn.
    """
    if not lags:
        return []
    seen = np.isfinite(errors[max(lags) :])
    past = _lagged(errors, lags)
    whole = seen & np.isfinite(past).all(axis=1)
    if whole.sum() >= max(20 * len(lags), seen.sum() // 10):
        return _regress(past[whole], errors[max(lags) :][whole])
    found = [0.5] + [0.0] * (len(lags) - 1)
    for _ in range(PASSES):
        past = _lagged(_filled(errors, lags, found), lags)
        found = _regress(past[seen], errors[max(lags) :][seen])
    return found


def _lagged(errors: Reals, lags: Sequence[int]) -> Reals:
    first = max(lags)
    return np.column_stack([errors[first - lag : len(errors) - lag] for lag in lags])


def _regress(past: Reals, errors: Reals) -> list[float]:
    return [float(weight) for weight in least_squares(past, errors[:, None], ridge=0.0)[0]]


def _filled(errors: Reals, lags: Sequence[int], phi: Sequence[float]) -> Reals:
    """Return ``errors`` with each missing one as expected from those before it, zero at first."""
    out, back, by = errors.copy(), np.array(lags), np.array(phi)
    limit = float(np.nanmax(np.abs(errors)))
    for at in np.flatnonzero(np.isnan(errors)):
        out[at] = by @ out[at - back] if at >= back.max() else 0.0
        out[at] = min(max(out[at], -limit), limit)
    return out


def least_squares(x: Reals, y: Reals, *, ridge: float) -> list[Reals]:
    """Return statsmodels' least squares of each column of ``y``; raise when not finite.

    With a ``ridge``, all but the first coefficient are held back as if each had been seen that
    often at zero. Rows are condensed to their triangular factor first: the solution is the same,
    and statsmodels' own checks of the matrix then cost nothing.
    """
    from statsmodels.regression.linear_model import OLS

    size = x.shape[1]
    factor = np.asarray(np.linalg.qr(np.hstack([x, y]), mode="r"), float)[:size]
    prior = np.sqrt(ridge) * np.eye(size)[1:]
    left = np.vstack([factor[:, :size], prior])
    right = np.vstack([factor[:, size:], np.zeros((len(prior), y.shape[1]))])
    found = [np.asarray(OLS(each, left, hasconst=False).fit().params, float) for each in right.T]
    if not np.isfinite(found).all():
        raise ValueError("least squares gives no finite parameters")
    return found


def forward(y: Reals, transform: str) -> Reals:
    """Return ``y`` transformed; what is below zero counts as zero under a root or logarithm."""
    if transform == "none":
        return y
    positive = np.where(np.isnan(y), np.nan, np.maximum(y, 0.0))
    out: Reals = np.sqrt(positive) if transform == "sqrt" else np.log1p(positive)
    return out


def inverse(z: Reals, transform: str) -> Reals:
    """Return what ``forward`` took ``z`` from: the median of y where z is a symmetric guess."""
    if transform == "none":
        return z
    floored = np.maximum(z, 0.0)
    out: Reals = floored**2 if transform == "sqrt" else np.expm1(np.minimum(floored, 50.0))
    return out
