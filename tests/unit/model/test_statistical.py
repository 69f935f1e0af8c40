"""The regression with autoregressive errors: equal to statsmodels, robust, and where it wins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.series import window

from horizonte.model import autoregression as ar
from horizonte.model import naive
from horizonte.model.statistical import FAMILIES, forecast
from horizonte.prepare.windows import Windows

META = pd.DataFrame({"unique_id": ["a"], "zone": ["Australia/Melbourne"], "holidays": ["AU-VIC"]})
START = np.datetime64("2023-01-01T00:00", "ns")
family = FAMILIES["statistical"]


def noise(size: int, phi: float, seed: int = 0) -> np.ndarray:
    out = np.random.default_rng(seed).normal(size=size)
    for t in range(1, size):
        out[t] += phi * out[t - 1]
    return out


def series(days: int, seed: int = 0) -> np.ndarray:
    hours = np.arange(24 * days)
    shape = 10 * np.sin(2 * np.pi * hours / 24) + 4 * np.cos(2 * np.pi * hours / 168)
    return 100 + shape + noise(hours.size, 0.95, seed)


def stack(parts: list[Windows]) -> Windows:
    first = parts[0]
    return Windows(
        np.repeat(first.unique_id, len(parts)),
        np.concatenate([p.cutoff for p in parts]),
        np.vstack([p.y for p in parts]),
        {},
        {},
        first.freq,
        first.horizon,
    )


def test_the_autoregression_equals_statsmodels() -> None:
    """Weights and 48-step forecasts equal those of AutoReg on the same lags, to rounding."""
    from statsmodels.tsa.ar_model import AutoReg

    y, lags = noise(3000, 0.8), [1, 2, 24, 168]
    theirs = AutoReg(y, lags=lags, trend="n").fit()
    ours = ar.weights(y, lags)
    np.testing.assert_allclose(ours, theirs.params, atol=1e-10)
    ahead = ar.recurse(y[None, -400:], lags=lags, phi=ours, horizon=48)[0]
    np.testing.assert_allclose(ahead, theirs.predict(3000, 3047), atol=1e-10)


def test_least_squares_equals_statsmodels_on_all_rows() -> None:
    """Condensing rows first changes no coefficient, with or without the ridge."""
    from statsmodels.api import OLS

    rng = np.random.default_rng(1)
    x, y = np.c_[np.ones(500), rng.normal(size=(500, 6))], rng.normal(size=(500, 2))
    for got, column in zip(ar.least_squares(x, y, ridge=0.0), y.T, strict=True):
        np.testing.assert_allclose(got, OLS(column, x).fit().params, atol=1e-10)
    shrunk = np.linalg.solve(x.T @ x + np.diag([0.0] + [2.0] * 6), x.T @ y)
    np.testing.assert_allclose(np.transpose(ar.least_squares(x, y, ridge=2.0)), shrunk, atol=1e-10)


def test_it_wins_the_series_planted_for_it() -> None:
    """On Fourier terms plus persistent noise it beats every naive by a tenth or more."""
    y = series(200)
    ends = list(range(24 * 150, 24 * 197, 31))
    cutoffs, actual = (
        stack([window(y, end) for end in ends]),
        np.stack([y[e : e + 48] for e in ends]),
    )

    def error(one: object) -> float:
        fitted = one.fit(window(y, 24 * 149, back=24 * 149), meta=META, seed=0)
        return float(np.abs(fitted.predict(cutoffs) - actual).mean())

    best = min(error(each) for each in naive.FAMILIES.values())
    assert error(family) < 0.9 * best


def test_the_autoregression_stays_unless_it_runs_away() -> None:
    """A level a little better on the end that it was fitted on does not replace the lags."""
    fitted = family.fit(window(series(100), 2400, back=2400), meta=META, seed=0)
    spec, one = fitted.series["a"], window(series(100), 2400, back=2400)
    assert spec["lags"]
    wild = {**spec, "phi": [1.2] + [0.0] * (len(spec["lags"]) - 1)}
    assert ar.best([spec], one, forecast)["lags"] == spec["lags"]
    assert ar.best([wild], one, forecast)["lags"] == []


def test_one_row_and_many_give_the_same_bits() -> None:
    """A cutoff forecast alone and among forty others is bit-equal."""
    y = series(120)
    y[1500:1504] = np.nan
    fitted = family.fit(window(y, 2400, back=2400), meta=META, seed=0)
    parts = [window(y, end) for end in range(2000, 2800, 20)]
    together = fitted.predict(stack(parts))
    for row in (0, 7, 39):
        np.testing.assert_array_equal(fitted.predict(parts[row])[0], together[row])


def test_forecasts_read_nothing_before_their_longest_lag_and_settling() -> None:
    """A longer history than 35 days changes no bit: the tail of serving is enough."""
    y = series(120)
    fitted = family.fit(window(y, 2400, back=2400), meta=META, seed=0)
    np.testing.assert_array_equal(
        fitted.predict(window(y, 2400)), fitted.predict(window(y, 2400, back=2400))
    )


def test_a_save_forecasts_the_same_bits(tmp_path: Path) -> None:
    """What was saved as JSON forecasts bit for bit what was fitted."""
    y = series(60)
    fitted = family.fit(window(y, 1400, back=1400), meta=META, seed=0)
    fitted.save(tmp_path)
    loaded = family.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(window(y, 1400)), fitted.predict(window(y, 1400)))
    assert (tmp_path / "statistical.json").stat().st_size < 30_000


@pytest.mark.parametrize("missing", [0.05, 0.4])
def test_random_holes_cost_little(missing: float) -> None:
    """With values missing from fit and history alike, errors grow by less than a third."""
    y = series(200)
    holed = np.where(np.random.default_rng(1).random(y.size) < missing, np.nan, y)
    ends = range(24 * 150, 24 * 190, 97)
    actual = np.stack([y[end : end + 48] for end in ends])

    def error(seen: np.ndarray) -> float:
        fitted = family.fit(window(seen, 3500, back=3500), meta=META, seed=0)
        return float(np.abs(fitted.predict(stack([window(seen, e) for e in ends])) - actual).mean())

    assert error(holed) < 4 / 3 * error(y)


@pytest.mark.parametrize("stale", [1, 30, 24 * 35])
def test_a_stale_target_is_still_answered(stale: int) -> None:
    """Missing from one hour to the whole window, the answer is finite and keeps to the range."""
    y = series(100)
    fitted = family.fit(window(y, 2300, back=2300), meta=META, seed=0)
    late = window(y, 2400)
    late.y[0, -stale:] = np.nan
    answer = fitted.predict(late)
    assert np.isfinite(answer).all()
    assert np.abs(answer - 100).max() < 40


@pytest.mark.parametrize(
    "y",
    [np.full(500, 3.0), np.zeros(300), np.arange(30.0), np.array([5.0]),
     np.r_[np.full(400, np.nan), 1.0, 2.0, 3.0], np.r_[np.zeros(400), 1e9],
     np.random.default_rng(0).normal(size=700) * 1e-12, np.exp(np.arange(300) / 10)],
    ids=["constant", "zeros", "short", "single", "late", "outlier", "tiny", "explosive"],
)  # fmt: skip
def test_hard_series_are_answered_or_named(y: np.ndarray) -> None:
    """Whatever the series, the fit answers finite numbers, or is named as failed: never raised."""
    one = window(y, y.size, back=y.size)
    fitted = family.fit(one, meta=META, seed=0)
    answer = fitted.predict(one)
    assert np.isfinite(answer).all() if not fitted.failed else np.isnan(answer).all()


@pytest.mark.parametrize("freq", ["PT10M", "PT30M", "P1D", "P7D"])
def test_every_grid_is_fitted(freq: str) -> None:
    """Grids from ten minutes to a week are fitted without a failure."""
    y = 50 + 5 * np.sin(np.arange(600)) + noise(600, 0.5)
    one = Windows(np.array(["a"], object), np.array([START]), y[None, :], {}, {}, freq, 14)
    fitted = family.fit(one, meta=META, seed=0)
    assert not fitted.failed
    assert np.isfinite(fitted.predict(one)).all()


def test_a_covariate_known_ahead_is_used_and_may_be_missing() -> None:
    """A promotion that doubles sales moves the forecast when announced, and may be unknown."""
    promo = (np.random.default_rng(3).random(24 * 100) < 0.05).repeat(24)[: 24 * 100].astype(float)
    y = series(100) + 60 * promo

    def at(end: int, back: int, future: np.ndarray) -> Windows:
        bare = window(y, end, back=back)
        return Windows(
            bare.unique_id,
            bare.cutoff,
            bare.y,
            {"promo": promo[None, end - back : end]},
            {"promo": future[None, :]},
            bare.freq,
            bare.horizon,
        )

    fitted = family.fit(at(2000, 2000, np.zeros(48)), meta=META, seed=0)
    none, all_on = (fitted.predict(at(2200, 840, np.full(48, v))) for v in (0.0, 1.0))
    unknown = fitted.predict(at(2200, 840, np.full(48, np.nan)))
    assert np.abs(all_on - none - 60).max() < 6
    assert np.isfinite(unknown).all()
