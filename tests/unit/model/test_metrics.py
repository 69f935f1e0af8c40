"""Scores against values computed by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from horizonte.contracts import QUANTILE_COLUMNS, QUANTILES, SCORE
from horizonte.model import metrics

CUTOFF = pd.Timestamp("2024-03-01T00:00Z")


def backtest(y: list[float], mean: list[float], **columns: object) -> pd.DataFrame:
    """One vintage of model ``m`` of series ``a`` at hourly steps, quantiles ``mean`` ± 1."""
    spread = dict(zip(QUANTILE_COLUMNS, (-1.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.0), strict=True))
    frame = pd.DataFrame(
        {
            "model": "m",
            "unique_id": "a",
            "cutoff": CUTOFF,
            "ds": CUTOFF + pd.to_timedelta(np.arange(1, len(y) + 1), "h"),
            "y": y,
            "mean": mean,
        }
    )
    return frame.assign(**{q: frame["mean"] + by for q, by in spread.items()}).assign(**columns)


def scale_of(mae: float, rmse: float, unique_id: str = "a") -> pd.DataFrame:
    return pd.DataFrame({"unique_id": [unique_id], "mae": [mae], "rmse": [rmse]})


def overall(frame: pd.DataFrame, **kwargs: object) -> pd.Series:
    out = metrics.scores(frame, scale=scale_of(2.0, 4.0), **kwargs)
    return out[out["bucket"] == "all"].iloc[0]


def test_point_scores_equal_hand_computed_values() -> None:
    """MASE, RMSSE, WAPE and bias of errors 1, −3 and 2 are what the formulas give."""
    row = overall(backtest([10.0, 20.0, 30.0], [11.0, 17.0, 32.0]))
    assert row["rows"] == 3
    assert row["mase"] == pytest.approx((1 + 3 + 2) / 3 / 2)
    assert row["rmsse"] == pytest.approx(np.sqrt((1 + 9 + 4) / 3) / 4)
    assert row["wape"] == pytest.approx(6 / 60)
    assert row["bias"] == pytest.approx(0 / 60)


def test_pinball_equals_the_definition_on_both_sides() -> None:
    """A value above a quantile costs q per unit, a value below costs 1 − q."""
    y, q = np.array([3.0, -1.0]), np.zeros((2, len(QUANTILES)))
    expected = [3 * np.mean(QUANTILES), np.mean([1 - p for p in QUANTILES])]
    np.testing.assert_allclose(metrics.pinball(y, q), expected)


def test_scaled_quantile_loss_is_pinball_over_the_scale() -> None:
    """The sql column is the mean pinball loss divided by the scale's mae."""
    row = overall(backtest([5.0], [4.0]))
    by_hand = np.mean(
        [
            p * (5.0 - v) if v <= 5.0 else (p - 1) * (5.0 - v)
            for p, v in zip(QUANTILES, (3.0, 3.0, 3.5, 4.0, 4.5, 5.0, 5.0), strict=True)
        ]
    )
    assert row["sql"] == pytest.approx(by_hand / 2)


def test_coverage_counts_the_ends_of_an_interval_as_inside() -> None:
    """Actuals at −1, 0, +1 and +1.5 around an interval of ± 1 are covered three times in four."""
    row = overall(backtest([9.0, 10.0, 11.0, 11.5], [10.0] * 4))
    assert row["coverage_80"] == row["coverage_90"] == 0.75
    assert row["width_80"] == pytest.approx(2 / 2)


def test_missing_actuals_drop_out() -> None:
    """A row without an actual changes no score."""
    full = overall(backtest([10.0, 20.0], [11.0, 17.0]))
    holed = overall(backtest([10.0, 20.0, np.nan], [11.0, 17.0, 99.0]))
    pd.testing.assert_series_equal(full, holed, check_names=False)


def test_a_scale_ends_where_the_sensor_was_replaced() -> None:
    """What another sensor read has no scaled score by it, and still an unscaled one."""
    rows = backtest([10.0, 20.0, 30.0], [11.0, 17.0, 32.0])
    ends = scale_of(2.0, 4.0).assign(until=CUTOFF + pd.Timedelta(hours=3))
    found = metrics.scores(rows, scale=ends).set_index("bucket").loc["all"]
    assert (found["mase"], found["rows"]) == (pytest.approx((1 + 3) / 2 / 2), 3)
    assert found["wape"] == pytest.approx(6 / 60)
    never = metrics.scores(rows, scale=ends.assign(until=pd.NaT))
    pd.testing.assert_frame_equal(never, metrics.scores(rows, scale=scale_of(2.0, 4.0)))


def test_point_models_have_no_interval_scores() -> None:
    """Without quantiles, mase stands and sql, coverage and width are null."""
    none = dict.fromkeys(QUANTILE_COLUMNS, np.nan)
    row = overall(backtest([10.0], [11.0], **none))
    assert row["mase"] == 0.5
    assert row[["sql", "coverage_80", "coverage_90", "width_80", "width_90"]].isna().all()


def test_buckets_take_their_upper_end() -> None:
    """Lead times 1 to 48 h fall into (0, 6], (6, 12], (12, 24] and (24, 48] hours."""
    out = metrics.scores(backtest([1.0] * 48, [1.0] * 48), scale=scale_of(1, 1))
    rows = out.set_index("bucket")["rows"].to_dict()
    assert rows == {"all": 48, "00-06h": 6, "06-12h": 6, "12-24h": 12, "24-48h": 24}
    SCORE.check(out)


def test_lead_times_beyond_the_last_bucket_count_only_in_all() -> None:
    """A 60-hour forecast is scored whole in ``all`` and up to 48 h in the buckets."""
    out = metrics.scores(backtest([1.0] * 60, [1.0] * 60), scale=scale_of(1, 1))
    assert out.set_index("bucket")["rows"].drop("all").sum() == 48


def test_scale_is_the_daily_naive_error_of_the_training_part() -> None:
    """On an hourly grid the scale is the mean and root mean square of 24-step changes."""
    ds = pd.date_range("2024-01-01", periods=48, freq="h", tz="UTC")
    y = np.r_[np.zeros(24), np.full(12, 3.0), np.full(11, -1.0), np.nan]
    out = metrics.scale(pd.DataFrame({"unique_id": "a", "ds": ds, "y": y}), freq_="PT1H")
    assert out["mae"].item() == pytest.approx((12 * 3 + 11) / 23)
    assert out["rmse"].item() == pytest.approx(np.sqrt((12 * 9 + 11) / 23))


@pytest.mark.parametrize("y", [[5.0] * 60, [5.0] * 10])
def test_constant_and_short_series_have_no_scale(y: list[float]) -> None:
    """Where the naive never errs or cannot answer, scaled scores are null and WAPE stands."""
    ds = pd.date_range("2024-01-01", periods=len(y), freq="h", tz="UTC")
    scale = metrics.scale(pd.DataFrame({"unique_id": "a", "ds": ds, "y": y}), freq_="PT1H")
    row = metrics.scores(backtest([10.0], [11.0]), scale=scale).iloc[0]
    assert pd.isna(row["mase"])
    assert row["wape"] == pytest.approx(0.1)


def test_season_is_a_day_or_a_week() -> None:
    """Sub-daily grids are scaled by the day, daily and slower ones by the week."""
    seasons = [metrics.season(f) for f in ("PT10M", "PT30M", "PT1H", "P1D", "P7D")]
    assert seasons == [144, 48, 24, 7, 1]


def test_average_weighs_every_series_the_same() -> None:
    """A series with a thousand rows weighs as much as one with ten."""
    long, short = backtest([2.0] * 1000, [1.0] * 1000), backtest([3.0] * 10, [0.0] * 10)
    both = pd.concat([long, short.assign(unique_id="b")])
    scale = pd.concat([scale_of(1, 1), scale_of(1, 1, "b")])
    out = metrics.average(metrics.scores(both, scale=scale))
    assert out.set_index("bucket").loc["all", ["mase", "series"]].tolist() == [2.0, 2]


def vintages(days: int, error: np.ndarray, model: str = "m") -> pd.DataFrame:
    parts = [
        backtest([0.0], [float(error[day])], model=model).assign(
            cutoff=lambda f, d=day: f["cutoff"] + pd.Timedelta(days=d),
            ds=lambda f, d=day: f["ds"] + pd.Timedelta(days=d),
        )
        for day in range(days)
    ]
    return pd.concat(parts, ignore_index=True)


def test_block_bootstrap_respects_dependence_between_days() -> None:
    """Over 56 days of AR(0.6), a 95 % interval by blocks misses the mean less often.

    Blocks of seven miss it about one time in five (56 days are few), single days one in three.
    """
    noise = np.random.default_rng(3).normal(size=(300, 156))
    for t in range(1, 156):
        noise[:, t] += 0.6 * noise[:, t - 1]

    def missed(block: int) -> float:
        ends = [metrics.interval(pd.Series(x[100:]), seed=1, block=block, draws=200) for x in noise]
        return float(np.mean([not low <= 0 <= high for low, high in ends]))

    assert missed(7) < 0.22 < missed(1)


def test_a_paired_difference_is_sharper_than_its_parts() -> None:
    """Two models that err together are told apart although their own intervals overlap."""
    shared = np.abs(np.random.default_rng(0).normal(5, 2, 56))
    both = pd.concat([vintages(56, shared, "a"), vintages(56, shared + 0.2, "b")])
    daily = metrics.by_cutoff(both, scale=scale_of(1, 1), metric="mase")
    assert daily.shape == (56, 2)
    low, high = metrics.interval(daily["b"] - daily["a"], seed=1)
    assert low == pytest.approx(0.2)
    assert high == pytest.approx(0.2)
    assert metrics.interval(daily["a"], seed=1)[1] > metrics.interval(daily["b"], seed=1)[0]


def test_interval_is_the_same_for_the_same_seed_and_nan_without_days() -> None:
    """The bootstrap is deterministic, and no days give no interval."""
    daily = pd.Series(np.arange(20.0))
    assert metrics.interval(daily, seed=4) == metrics.interval(daily, seed=4)
    assert np.isnan(metrics.interval(daily.iloc[:0], seed=4)).all()
