"""Weights and the best naive, chosen on out-of-sample rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from horizonte.contracts import BACKTEST, QUANTILE_COLUMNS
from horizonte.model.ensemble import BEST, NAME, combine, ensemble_rows
from horizonte.model.families import NAIVES
from horizonte.model.selection import select


def backtest(
    errors: dict[str, float], *, cutoffs: int = 20, uid: str = "a", seed: int = 0
) -> pd.DataFrame:
    """Return BACKTEST rows whose models err with the given deviations, independently."""
    random = np.random.default_rng(seed)
    at = pd.date_range("2024-01-01", periods=cutoffs, freq="25h", tz="UTC")
    base = pd.DataFrame({"cutoff": at.repeat(24), "lead": np.tile(np.arange(1, 25), cutoffs)})
    base = base.assign(
        ds=base["cutoff"] + pd.to_timedelta(base.pop("lead"), "h"),
        unique_id=uid,
        y=random.normal(100, 10, len(base)),
        **dict.fromkeys(QUANTILE_COLUMNS, np.nan),
    )
    parts = [
        base.assign(model=m, mean=base["y"] + random.normal(0, s, len(base)))
        for m, s in errors.items()
    ]
    return BACKTEST.check(pd.concat(parts, ignore_index=True))


WEAK = {"naive_day": 10.0, "naive_week": 8.0, "naive_persistence": 12.0, "naive_climatology": 9.0}


def test_weights_are_shares_of_the_best() -> None:
    """Weights are positive and sum to 1; two equal models share, a poor one gets nothing."""
    chosen = select(backtest(WEAK | {"linear": 2.0, "boosting": 2.0, "prophet": 30.0}))
    weights = chosen.of("a")
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["linear"] + weights["boosting"] > 0.9
    assert min(weights["linear"], weights["boosting"]) > 0.3
    assert "prophet" not in weights


def test_the_best_naive_ships_where_nothing_beats_it() -> None:
    """Where every family is worse than the best naive, that naive ships alone."""
    chosen = select(backtest(WEAK | {"naive_week": 0.5, "linear": 9.0, "boosting": 9.0}))
    assert chosen.naive_of("a") == "naive_week"
    assert chosen.of("a") == {"naive_week": 1.0}


def test_few_cutoffs_borrow_the_panels_weights() -> None:
    """A series with one cutoff mostly follows the panel, one in no fold wholly."""
    rows = [
        backtest(WEAK | {"linear": 1.0, "boosting": 6.0}, uid=f"s{i}", seed=i) for i in range(5)
    ]
    one = backtest(WEAK | {"linear": 6.0, "boosting": 1.0}, uid="new", cutoffs=1, seed=9)
    chosen = select(pd.concat([*rows, one], ignore_index=True))
    assert chosen.of("new")["linear"] > 0.5
    assert chosen.of("unseen") == chosen.default


def test_no_rows_ship_a_naive() -> None:
    """Without any evidence a naive ships, and selection does not raise."""
    chosen = select(BACKTEST.empty())
    assert set(chosen.members()) <= set(NAIVES)


def test_a_missing_answer_is_replaced_by_the_best_naive() -> None:
    """Ensemble rows exist wherever the best naive does, also where the weighted model failed."""
    rows = backtest(WEAK | {"linear": 1.0})
    late = rows["cutoff"] == rows["cutoff"].max()
    holed = rows[~(late & (rows["model"] == "linear"))]
    made = ensemble_rows(holed, select(holed))
    wide = made.pivot(index=["cutoff", "ds"], columns="model", values="mean")
    assert len(wide) == 20 * 24
    np.testing.assert_array_equal(wide[NAME].iloc[-24:], wide[BEST].iloc[-24:])


def test_combining_ignores_who_did_not_answer() -> None:
    """Weights of missing answers pass to the others; without any answer it is NaN."""
    answers = {"a": np.array([1.0, np.nan, np.nan]), "b": np.array([3.0, 5.0, np.nan])}
    found = combine(answers, np.array([[0.5, 0.5]] * 3))
    np.testing.assert_array_equal(found, [2.0, 5.0, np.nan])
