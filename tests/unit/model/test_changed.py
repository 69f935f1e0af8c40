"""Another course: fits that are told since when learn it in days, and others as ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from horizonte.model.backtest import Group
from horizonte.model.families import family
from horizonte.model.statistical import FAMILIES, forecast
from horizonte.model.train import abreast
from horizonte.prepare.windows import Windows

DAYS, AFTER, AHEAD = 150, 5, 10  # of history, of it after the change, and to be forecast
HOURS = np.arange(24 * (DAYS + AHEAD))
CHANGE = pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(days=DAYS - AFTER)
Planted = dict[str, Callable[..., Any]]


def moved(planted: Planted, *, noise: float) -> pd.DataFrame:
    """A day of two peaks that comes four hours later from CHANGE on, with persistent noise."""
    hour = np.where(HOURS < 24 * (DAYS - AFTER), HOURS, HOURS - 4) % 24
    shape = 20 * np.exp(-(((hour - 8) / 2.5) ** 2)) + 30 * np.exp(-(((hour - 19) / 3) ** 2))
    rough = np.random.default_rng(5).normal(0, noise, HOURS.size)
    for t in range(1, HOURS.size):
        rough[t] += 0.98 * rough[t - 1]
    made: pd.DataFrame = planted["history"]({"a": 100 + shape + rough})
    return made


@pytest.fixture(scope="module")
def history(planted: Planted) -> pd.DataFrame:
    return moved(planted, noise=0.6)


@pytest.fixture(scope="module")
def group(history: pd.DataFrame, planted: Planted) -> Group:
    made: Group = planted["group"](history, known=[])
    return made


def views(group: Group, history: pd.DataFrame) -> tuple[Windows, pd.DataFrame, Windows]:
    """What is fitted on, what is told of it, and what is forecast from: every later day."""
    cutoff = history["ds"].iloc[24 * DAYS - 1]
    fitting, learning = group.learning(group.fit_history_at(cutoff))
    parts = [
        group.history_at(cutoff + pd.Timedelta(days=d)).history.assign(
            cutoff=cutoff + pd.Timedelta(days=d)
        )
        for d in range(AHEAD)
    ]
    known = group.history_at(cutoff)._replace(history=pd.concat(parts))
    return fitting, learning.meta, group.view(known, length=group.length)


def error(name: str, group: Group, history: pd.DataFrame) -> float:
    fitting, meta, serving = views(group, history)
    said = family(name).fit(fitting, meta=meta, seed=7).predict(serving)
    came = history["y"].to_numpy()[24 * DAYS :].reshape(AHEAD, 24)
    return float(np.abs(said - came).mean())


@pytest.mark.parametrize("name", ["statistical", "linear", "prophet", "naive_climatology"])
def test_told_of_it_a_fit_learns_it_in_days(name: str, group: Group, history: pd.DataFrame) -> None:
    """After five days of it, the error of the next ten is smaller than that of a fit that follows untold."""
    told = replace(group, changed={"a": CHANGE})
    assert error(name, told, history) < 0.95 * error(name, group, history)


def test_of_a_calm_series_trees_learn_it_too(planted: Planted) -> None:
    """In a third of the noise; in all of it what they read of the hour is too little to gain by."""
    calm = moved(planted, noise=0.2)
    group: Group = planted["group"](calm, known=[])
    told = replace(group, changed={"a": CHANGE})
    assert error("boosting", told, calm) < 0.95 * error("boosting", group, calm)


@pytest.mark.parametrize("name", ["statistical", "linear", "boosting", "prophet"])
def test_what_was_told_is_saved(
    name: str, group: Group, history: pd.DataFrame, tmp_path: Path
) -> None:
    """A fit that was told forecasts the same bits once it was saved and loaded, and one row alone."""
    fitting, meta, serving = views(replace(group, changed={"a": CHANGE}), history)
    fitted = family(name).fit(fitting, meta=meta, seed=7)
    fitted.save(tmp_path)
    loaded, said = family(name).load(tmp_path), fitted.predict(serving)
    np.testing.assert_array_equal(loaded.predict(serving), said)
    np.testing.assert_array_equal(loaded.predict(serving.take([3])), said[3:4])


@pytest.mark.parametrize("name", ["statistical", "linear", "boosting"])
def test_a_change_of_another_series_alters_nothing(
    name: str, group: Group, history: pd.DataFrame
) -> None:
    """Told of another series, and of a change still to come, the fit forecasts the same bits."""
    for changed in ({"b": CHANGE}, {"a": history["ds"].max() + pd.Timedelta(days=1)}):
        assert error(name, replace(group, changed=changed), history) == error(name, group, history)


def test_a_model_saved_before_changes_were_told_forecasts_the_same(
    group: Group, history: pd.DataFrame
) -> None:
    """A specification without what tells of a change gives the same bits as one that says: none."""
    fitting, _, serving = views(group, history)
    spec = FAMILIES["statistical"].fit(fitting, meta=group.meta, seed=0).series["a"]
    of_old = {k: v for k, v in spec.items() if k not in ("anew", "changed")}
    np.testing.assert_array_equal(forecast(of_old, serving), forecast(spec, serving))


def test_no_evidence_is_taken_from_fits_that_had_not_learnt_the_change() -> None:
    """Of those before it and in its first days, what came since the day before it is taken out.

    Fits that saw four days of it keep theirs, and so do other series.
    """
    days = pd.date_range("2024-05-01", periods=9, freq="D", tz="UTC")
    fitted = days[[0, 0, 0, 3, 3, 3, 6, 6, 6]]
    folds = pd.DataFrame({"unique_id": "a", "cutoff": days, "fitted_at": fitted})
    folds = pd.concat([folds, folds.assign(unique_id="b")], ignore_index=True)
    rows = folds[["unique_id", "cutoff"]].assign(ds=folds["cutoff"] + pd.Timedelta("12h"), y=1.0)
    found = abreast(rows, folds, changed={"a": days[2]})
    kept = found["y"].notna()
    assert kept[rows["unique_id"] == "a"].tolist() == [True] + 5 * [False] + 3 * [True]
    assert kept[rows["unique_id"] == "b"].all()
