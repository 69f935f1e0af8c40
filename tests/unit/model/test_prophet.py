"""Prophet behind the protocol: equal to Prophet's own predict, local, light, and where it wins."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from horizonte.model import naive, statistical
from horizonte.model.prophet import FAMILIES, _frame, _loaded, curve
from horizonte.prepare.calendar import Place, calendar
from horizonte.prepare.windows import Windows

META = pd.DataFrame({"unique_id": ["a"], "zone": ["Australia/Melbourne"], "holidays": ["AU-VIC"]})
family, default = FAMILIES["prophet"], FAMILIES["prophet_default"]
HOUR = np.timedelta64(1, "h")
END = np.datetime64("2024-06-30T13:00", "ns")


def hourly(y: np.ndarray, *, cutoff: np.datetime64 = END, horizon: int = 48) -> Windows:
    return Windows(np.array(["a"], object), np.array([cutoff]), y[None, :], {}, {}, "PT1H", horizon)


def evening(days: int) -> Windows:
    """A series that peaks at 18 o'clock in Melbourne, ending at END."""
    bare = hourly(np.zeros(24 * days))
    ds = pd.DatetimeIndex(bare.history_ds()[0], tz="UTC").tz_convert("Australia/Melbourne")
    noise = np.random.default_rng(0).normal(size=len(ds))
    return hourly(100 + 30 * np.cos((ds.hour.to_numpy() - 18) / 24 * 2 * np.pi) + noise)


@pytest.fixture(scope="module")
def windows() -> Windows:
    return evening(120)


@pytest.fixture(scope="module")
def fitted(windows: Windows) -> object:
    return family.fit(windows, meta=META, seed=7)


def test_the_curve_equals_prophets_own_predict(fitted: object, windows: Windows) -> None:
    """Trend, days, weeks and holidays add up to Prophet's yhat, also where clocks change."""
    spec = fitted.series["a"]
    model, frame = _loaded(spec["model"]), _frame(spec, windows.history_ds()[0])
    theirs = model.predict(frame.drop_duplicates("ds")).set_index("ds")["yhat"]
    assert frame["ds"].duplicated().sum() == 1  # 7 April 2024, two o'clock came twice
    np.testing.assert_allclose(curve(spec["model"], frame), theirs.loc[frame["ds"]], rtol=1e-12)


def test_local_time_is_kept_over_a_clock_change(windows: Windows) -> None:
    """Fitted through the summer and asked in winter, the peak is at 18 o'clock local time."""
    start = np.datetime64("2024-10-04T13:00", "ns")  # clocks go forward on 6 October
    asked = hourly(windows.y[0], cutoff=start, horizon=96)
    answer = default.fit(windows, meta=META, seed=7).predict(asked)[0]
    local = pd.DatetimeIndex(asked.target_ds()[0], tz="UTC").tz_convert("Australia/Melbourne")
    peaks = pd.Series(answer, index=local).groupby(local.date).idxmax()
    assert {peak.hour for peak in peaks.iloc[1:4]} <= {17, 18, 19}
    assert peaks.iloc[1].hour == peaks.iloc[3].hour


def test_one_row_and_many_give_the_same_bits(fitted: object, windows: Windows) -> None:
    """A cutoff forecast alone and among others is bit-equal."""
    parts = [
        hourly(windows.y[0, : 2000 + k], cutoff=END - HOUR * (880 - k)) for k in range(0, 300, 30)
    ]
    short = [hourly(p.y[0, -24 * 40 :], cutoff=p.cutoff[0]) for p in parts]
    many = Windows(
        np.repeat(windows.unique_id, len(short)),
        np.concatenate([p.cutoff for p in short]),
        np.vstack([p.y for p in short]),
        {},
        {},
        "PT1H",
        48,
    )
    together = fitted.predict(many)
    for row in (0, 4, 9):
        np.testing.assert_array_equal(fitted.predict(short[row])[0], together[row])


def test_a_save_forecasts_the_same_bits_and_holds_no_history(
    fitted: object, windows: Windows, tmp_path: Path
) -> None:
    """The model's JSON is small, and forecasts bit for bit what was fitted."""
    fitted.save(tmp_path)
    loaded = family.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(windows), fitted.predict(windows))
    assert (tmp_path / "prophet.json").stat().st_size < 60_000


def test_a_fit_is_deterministic_and_silent(
    fitted: object,
    windows: Windows,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Fitting again gives the same bytes, and neither Prophet nor its compiler says a word."""
    with caplog.at_level(logging.INFO):
        again = family.fit(windows, meta=META, seed=7)
    assert again.series == fitted.series
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def daily() -> tuple[Windows, Windows, np.ndarray]:
    """Three years of days: a trend that bends, the year, holidays; cutoffs every week at its end."""
    ds = pd.date_range("2021-01-01", periods=1200, tz="UTC")
    t = np.arange(1200)
    trend = 100 + 0.2 * t - 0.45 * np.maximum(t - 600, 0) + 0.5 * np.maximum(t - 950, 0)
    holiday = calendar(pd.Series(ds), Place("UTC", "AU-VIC"))["holiday"].to_numpy()
    weekday = np.array([0, 1, 3, 2, 4, -6, -4])[ds.weekday]
    noise = np.random.default_rng(0).normal(size=1200) * 6
    y = trend + 25 * np.sin(2 * np.pi * t / 365.25) + 3 * weekday - 30 * holiday + noise
    at = np.arange(1100, 1170, 7)
    cutoff = ds.tz_localize(None).to_numpy()[at].astype("datetime64[ns]")
    train = Windows(np.array(["a"], object), cutoff[:1], y[None, :1101], {}, {}, "P1D", 28)
    tail = np.stack([y[end - 60 : end + 1] for end in at])
    cuts = Windows(np.repeat(train.unique_id, len(at)), cutoff, tail, {}, {}, "P1D", 28)
    return train, cuts, np.stack([y[end + 1 : end + 29] for end in at])


def test_it_wins_the_series_planted_for_it() -> None:
    """A bending trend with years and holidays is Prophet's: it beats naives and regression."""
    train, cuts, actual = daily()
    meta = META.assign(zone="UTC")
    rivals = {**naive.FAMILIES, **statistical.FAMILIES, "prophet": family}
    errors = {
        name: np.abs(rival.fit(train, meta=meta, seed=7).predict(cuts) - actual).mean()
        for name, rival in rivals.items()
    }
    assert min(errors, key=errors.get) == "prophet"


def test_a_covariate_known_ahead_moves_the_forecast() -> None:
    """A promotion worth 60 lifts the forecast by it when announced, and may be unknown."""
    promo = np.repeat(np.random.default_rng(3).random(100) < 0.1, 24).astype(float)
    base = evening(100)

    def at(future: float) -> Windows:
        return Windows(
            base.unique_id,
            base.cutoff,
            base.y + 60 * promo,
            {"promo": promo[None, :]},
            {"promo": np.full((1, 48), future)},
            "PT1H",
            48,
        )

    fitted = family.fit(at(0.0), meta=META, seed=7)
    without, with_it, unknown = (fitted.predict(at(value)) for value in (0.0, 1.0, np.nan))
    assert np.abs(with_it - without - 60).max() < 8
    assert np.isfinite(unknown).all()


def test_a_series_it_cannot_fit_is_named() -> None:
    """One observation is too few: named as failed, answered NaN, and others are fitted."""
    one = hourly(np.r_[np.full(99, np.nan), 1.0])
    fitted = family.fit(one, meta=META, seed=7)
    assert set(fitted.failed) == {"a"}
    assert np.isnan(fitted.predict(one)).all()
