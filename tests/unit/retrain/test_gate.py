"""The ruling: every condition by itself, what does not count, and what it says of it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from horizonte.contracts import BACKTEST, QUANTILE_COLUMNS, QUANTILES
from horizonte.policy import Gate
from horizonte.retrain.daily import CHALLENGER, CHAMPION, NAIVE, WORST, share, weights
from horizonte.retrain.gate import judge
from horizonte.retrain.ruling import Ruling

POLICY = Gate(days=28, gain=0.01, alpha=0.05, coverage=0.12, answer_seconds=10)
START = pd.Timestamp("2026-01-01", tz="UTC")
NAMES = ("a", "b")
STEPS = 24


def rows(
    challenger: float, *, days: int = 28, names: tuple[str, ...] = NAMES, naive: float = 1.4,
    width: float = 1.0,
) -> pd.DataFrame:  # fmt: skip
    """BACKTEST rows whose error is the champion's times ``challenger``, with normal bands of ``width``."""
    draw, parts = np.random.default_rng(5), []
    for name in names:
        for day in range(days):
            cutoff = START + pd.Timedelta(days=day)
            ds = [cutoff + pd.Timedelta(hours=h + 1) for h in range(STEPS)]
            error, off = draw.normal(0, 1, STEPS), draw.normal(0, 0.02, STEPS)
            for model, by, wide in (
                (CHAMPION, 1.0, 1.0),
                (CHALLENGER, challenger, width),
                (NAIVE, naive, None),
            ):
                moved = error * by + (off if model == CHALLENGER else 0.0)
                part = {"model": model, "unique_id": name, "cutoff": cutoff, "ds": ds, "y": 10.0}
                bands = {
                    c: np.nan if wide is None else 10 + moved + wide * by * _NORMAL[q]
                    for c, q in zip(QUANTILE_COLUMNS, QUANTILES, strict=True)
                }
                parts.append(pd.DataFrame({**part, "mean": 10 + moved, **bands, "day": day}))
    whole = pd.concat(parts, ignore_index=True)
    return BACKTEST.check(whole[BACKTEST.columns]).assign(day=whole["day"])


_NORMAL = dict(zip(QUANTILES, (-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645), strict=True))


def ruled(found: pd.DataFrame, **policy: Any) -> Ruling:
    scale = pd.DataFrame({"unique_id": [*NAMES, "c"], "mae": 1.0, "rmse": 1.0})
    return judge(found, scale=scale, policy=POLICY.model_copy(update=policy))


def test_a_better_challenger_passes_and_its_gain_is_told() -> None:
    """A tenth less error is a gain of a tenth, certain, and the one reason says so."""
    found = ruled(rows(0.9))
    assert found.passed
    assert found.gain == pytest.approx(0.1, abs=0.01)
    assert found.reasons == (
        f"{100 * found.gain:.1f} % better than the champion over 28 days, at least "
        f"{100 * (found.low or 0):.1f} % with 95 % certainty",
    )
    assert [one.days for one in found.series] == [28, 28]


@pytest.mark.parametrize(("challenger", "policy", "said"), [
    (1.0, {}, "less than the least"),
    (1.2, {}, "not certain"),
    (0.9, {"gain": 0.2}, "the gain of 9."),
])  # fmt: skip
def test_no_gain_or_too_little_is_refused(
    challenger: float, policy: dict[str, Any], said: str
) -> None:
    """An equal, a worse, and one whose gain is below the least."""
    found = ruled(rows(challenger), **policy)
    assert not found.passed
    assert any(said in reason for reason in found.reasons), found.reasons


def test_a_gain_that_one_series_pays_for_with_naive_quality_is_refused() -> None:
    """Worse than the naive on one series, by name, though better on the whole."""
    found = rows(0.8)
    naive_wins = (found["unique_id"] == "b") & (found["model"] == NAIVE)
    found.loc[naive_wins, "mean"] = 10 + 0.5 * (found.loc[naive_wins, "mean"] - 10) / 1.4
    said = ruled(found)
    assert not said.passed
    assert [r for r in said.reasons if r.startswith("b is worse than its best seasonal naive")]


def test_many_calm_days_do_not_outweigh_few_storms_beside_the_naive() -> None:
    """A tenth worse than the naive on calm days and a little better in storms, which are most of the error."""
    found = rows(0.7, naive=1.0, names=("a",))
    storm = (found["day"] % 4 == 3).to_numpy()
    columns = ["mean", *QUANTILE_COLUMNS]
    size = np.where(storm, 10.0, 1.0)
    challenger = (found["model"] == CHALLENGER).to_numpy()
    size = size * np.where(challenger, np.where(storm, 0.93, 1.1) / 0.7, 1.0)
    size = size * np.where(found["model"] == CHAMPION, 1.6, 1.0)
    found[columns] = 10 + (found[columns] - 10).mul(size, axis=0)
    said = ruled(found)
    assert said.passed, said.reasons
    assert said.over_naive is not None
    assert said.over_naive > 0


def test_worse_than_naive_on_average_is_refused() -> None:
    """Better than the champion is not enough where a naive is better than both."""
    said = ruled(rows(0.9, naive=0.5))
    assert [r for r in said.reasons if r.startswith("worse than the best seasonal naive by")]
    assert said.over_naive is not None
    assert said.over_naive < 0


@pytest.mark.parametrize("width", [0.4, 2.5])
def test_coverage_out_of_its_band_is_refused(width: float) -> None:
    """Bands too narrow or too wide, whatever the gain; a wider tolerance accepts them."""
    found = rows(0.7, width=width)
    assert [r for r in ruled(found).reasons if "80 % interval holds" in r]
    assert not [r for r in ruled(found, coverage=0.45).reasons if "interval holds" in r]


def test_coverage_nearer_its_level_than_the_champions_is_no_fault() -> None:
    """Bands that hold too little are refused beside good ones, and not beside narrower ones."""
    found, bands = rows(0.7, width=0.55), list(QUANTILE_COLUMNS)
    ours = found["model"] == CHAMPION
    shrunk = found[bands].sub(found["mean"], axis=0).mul(0.4).add(found["mean"], axis=0)
    narrower = found.assign(**{c: found[c].mask(ours, shrunk[c]) for c in bands})
    assert [r for r in ruled(found).reasons if "interval holds" in r]
    assert not [r for r in ruled(narrower).reasons if "interval holds" in r]


def test_a_series_with_too_few_days_is_named_and_does_not_count() -> None:
    """Its gain changes nothing, and the ruling says why."""
    few = rows(0.1, days=9, names=("c",))
    found = ruled(pd.concat([rows(0.9), few], ignore_index=True))
    assert [one.unique_id for one in found.series] == list(NAMES)
    assert found.left_out == {
        "c": "9 days with forecasts of both and enough actuals, 14 are needed"
    }


def test_too_few_days_are_refused_with_what_to_do() -> None:
    """Nothing to compare is a refusal, no error."""
    for found in (ruled(rows(0.5, days=5)), ruled(rows(0.5).head(0))):
        assert not found.passed
        assert found.gain is None
        assert "pin the challenger earlier" in found.reasons[0]


def test_rows_without_an_actual_count_for_neither() -> None:
    """A day that lost half of its actuals still counts, one that lost nearly all does not."""
    found = rows(0.9)
    found.loc[(found["day"] == 3) & (found["ds"].dt.hour < 10), "y"] = np.nan
    found.loc[(found["day"] == 4) & (found["ds"].dt.hour < 20), "y"] = np.nan
    assert [one.days for one in ruled(found).series] == [27, 27]


def test_an_instant_that_only_one_of_them_forecast_counts_for_neither() -> None:
    """A challenger that is silent where it is hard gains nothing by it."""
    found = rows(1.0)
    hard = (found["model"] == CHALLENGER) & ((found["mean"] - 10).abs() > 1)
    assert not ruled(found[~hard]).passed


def test_the_evidence_is_json_and_holds_every_day() -> None:
    """What is not finite is null."""
    found = ruled(rows(0.9)).evidence()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert len(found["daily"]) == 28
    assert found["policy"]["gain"] == 0.01


def test_a_later_reason_turns_a_pass_into_a_refusal() -> None:
    """What is wrong with the artefact comes first, and the praise goes."""
    won = ruled(rows(0.9))
    lost = won.refused("its slowest answer took 12.0 s")
    assert (won.passed, lost.passed) == (True, False)
    assert lost.reasons == ("its slowest answer took 12.0 s",)
    assert won.refused(left_out={"c": "new"}).passed


def test_a_noisy_series_weighs_less_and_a_quiet_one_no_more() -> None:
    """Inverse to the mean square of its days, up to that of the median."""
    draw = np.random.default_rng(1).normal(size=(200, 4))
    found = weights(pd.DataFrame(draw * [0.01, 1.0, 1.0, 2.0], columns=list("abcd")))
    assert found.sum() == pytest.approx(1)
    assert found["a"] == pytest.approx(found["b"], rel=0.2)
    assert found["d"] == pytest.approx(found["c"] / 4, rel=0.3)
    same = weights(pd.DataFrame({"a": [0.0] * 5, "b": [0.0] * 5}))
    assert same.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(("errs", "passed"), [(0.8, False), (1e-9, True)])
def test_a_naive_that_errs_nowhere_is_told_so(errs: float, passed: bool) -> None:
    """On a plant that stands still no share says how much worse; what rounds to nothing is no worse."""
    found = rows(0.8)
    still = found["unique_id"] == "b"
    found.loc[still & (found["model"] == NAIVE), "mean"] = 10.0
    ours = still & (found["model"] == CHALLENGER)
    found.loc[ours, "mean"] = 10 + (found.loc[ours, "mean"] - 10) * errs / 0.8
    said = ruled(found, coverage=0.4)
    told = "b is worse than its best seasonal naive, which erred nowhere"
    assert (told in said.reasons) is not passed
    assert said.passed is passed, said.reasons


def test_limits_that_no_difference_can_reach_are_told_in_order() -> None:
    """The share saved rises with the difference, also beyond what two losses can differ by."""
    limits = [-1e6, -3.0, -2.0, -1.0, 0.0, 0.5, 2.0, 1e6]
    shares = [share(d) for d in limits]
    assert shares == sorted(shares)
    assert shares[0] == shares[2] == pytest.approx(1 - WORST)
    assert shares[4] == 0
    assert shares[-1] == 1


def test_days_that_could_be_chance_do_not_pass_however_few() -> None:
    """Worse for three days, then better for five: so few and so alike are certain of nothing."""
    found = rows(0.5, days=8)
    other = found["model"].replace({CHAMPION: CHALLENGER, CHALLENGER: CHAMPION})
    said = ruled(
        found.assign(model=found["model"].where(found["day"] > 2, other)), days=8, coverage=0.4
    )
    assert not said.passed
    assert said.gain is not None
    assert said.gain > POLICY.gain
    assert [r for r in said.reasons if "not certain" in r]


def test_bad_days_count_in_full_beside_the_test() -> None:
    """Better on most days and far worse on few is refused, though the usual day is better."""
    found = rows(0.8)
    bad = (found["model"] == CHALLENGER) & (found["day"] % 9 == 8)
    names = ["mean", *QUANTILE_COLUMNS]
    found.loc[bad, names] = 10 + 6 * (found.loc[bad, names] - 10)
    said = ruled(found, coverage=0.45)
    assert said.gain is not None
    assert said.gain > 0.01
    assert any(r.startswith("over all days it loses") for r in said.reasons), said.reasons
