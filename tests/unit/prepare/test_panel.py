from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from horizonte.errors import DataFault, NotFound
from horizonte.params import Rules
from horizonte.prepare.clean import clean
from horizonte.prepare.panel import covariate_columns, known_future, panel

from .conftest import START, Declare, Observe

HOUR = pd.Timedelta("1h")


@pytest.fixture
def series(declare: Declare) -> pd.DataFrame:
    return pd.concat(
        [
            declare("s/x", covariates=["s/temp", "s/holiday"]),
            declare("s/y", covariates=["s/temp"]),
            declare("s/temp", role="covariate"),
            declare("s/holiday", role="covariate", known_ahead_hours=240.0),
        ]
    )


@pytest.fixture
def prepared(series: pd.DataFrame, observe: Observe, rules: Rules) -> pd.DataFrame:
    rows = [
        observe([1, 2, 3, 4], unique_id="s/x"),
        observe([np.nan, 5, 6], unique_id="s/y"),
        observe([20, 21, 22, 23, 24], unique_id="s/temp"),
        observe([0, 0, 1, 1, 1, 0], unique_id="s/holiday"),
    ]
    found: pd.DataFrame = clean(pd.concat(rows), series=series, rules=rules)
    return found


def test_a_history_ends_with_its_target(prepared: pd.DataFrame, series: pd.DataFrame) -> None:
    """Each target has its own grid; covariates stand beside it, NaN where they do not apply."""
    found = panel(prepared, series=series, targets=["s/x", "s/y"])
    assert found.columns.tolist() == ["unique_id", "ds", "y", "temp", "holiday"]
    x, y = (found[found["unique_id"] == u] for u in ("s/x", "s/y"))
    assert x["y"].tolist() == [1, 2, 3, 4]
    assert x["temp"].tolist() == [20, 21, 22, 23]
    assert x["holiday"].tolist() == [0, 0, 1, 1]
    assert y["temp"].tolist() == [21, 22]
    assert y["holiday"].isna().all()


def test_the_known_future_follows_each_cutoff(prepared: pd.DataFrame, series: pd.DataFrame) -> None:
    """Only what is known ahead is in it, over (cutoff, cutoff + horizon], else NaN."""
    cutoffs = pd.Series({"s/x": START + 3 * HOUR, "s/y": START + 2 * HOUR})
    found = known_future(
        prepared, series=series, targets=["s/x", "s/y"], cutoffs=cutoffs, horizon=3
    )
    assert found is not None
    assert found.columns.tolist() == ["unique_id", "ds", "holiday"]
    x = found[found["unique_id"] == "s/x"]
    assert x["ds"].tolist() == [START + HOUR * h for h in (4, 5, 6)]
    np.testing.assert_array_equal(x["holiday"], [1, 0, np.nan])
    assert found.loc[found["unique_id"] == "s/y", "holiday"].isna().all()


def test_no_future_where_nothing_is_known_ahead(
    prepared: pd.DataFrame, series: pd.DataFrame
) -> None:
    """Targets whose covariates are all past-only have no known future."""
    cutoffs = pd.Series({"s/y": START})
    assert (
        known_future(prepared, series=series, targets=["s/y"], cutoffs=cutoffs, horizon=3) is None
    )


def test_longer_steps_hold_and_shorter_ones_are_averaged(
    declare: Declare, observe: Observe, rules: Rules
) -> None:
    """A covariate's grid may differ from its target's."""
    series = pd.concat(
        [
            declare("s/x", covariates=["s/slow", "s/fast"]),
            declare("s/slow", freq="PT2H"),
            declare("s/fast", freq="PT30M"),
        ]
    )
    rows = [
        observe(range(4), unique_id="s/x"),
        observe([10, 20], unique_id="s/slow", freq="2h"),
        observe([1, 3, 5, 7, 9], unique_id="s/fast", freq="30min"),
    ]
    found = panel(
        clean(pd.concat(rows), series=series, rules=rules), series=series, targets=["s/x"]
    )
    assert found["slow"].tolist() == [10, 10, 20, 20]
    np.testing.assert_array_equal(found["fast"], [2, 6, 9, np.nan])


def test_columns_are_short_where_that_is_clear(declare: Declare) -> None:
    """A reserved or repeated short name is written out; two targets' own wind is one column."""
    series = pd.concat(
        [
            declare("a/x", covariates=["a/rain", "b/rain", "b/y"]),
            declare("b/x", covariates=["b/wind", "plain"]),
            declare("c/x", covariates=["c/wind"]),
            declare("a/rain", "b/rain", "b/y", "b/wind", "c/wind", "plain"),
        ]
    )
    assert covariate_columns(series, ["a/x", "b/x", "c/x"]) == {
        "a/rain": "a/rain",
        "b/rain": "b/rain",
        "b/y": "b/y",
        "b/wind": "wind",
        "c/wind": "wind",
        "plain": "plain",
    }


def test_one_panel_has_one_freq(prepared: pd.DataFrame, declare: Declare) -> None:
    """Targets of different steps, and unknown ones, are refused by name."""
    series = pd.concat([declare("s/x"), declare("s/z", freq="PT2H")])
    with pytest.raises(DataFault, match="one freq"):
        panel(prepared, series=series, targets=["s/x", "s/z"])
    with pytest.raises(NotFound, match="s/q"):
        panel(prepared, series=series, targets=["s/q"])


def test_a_target_without_rows_has_no_history(prepared: pd.DataFrame, series: pd.DataFrame) -> None:
    """A target that was never seen gives no row and keeps the columns."""
    rest = prepared[prepared["unique_id"] != "s/x"]
    found = panel(rest, series=series, targets=["s/x"])
    assert found.empty
    assert found.columns.tolist() == ["unique_id", "ds", "y", "temp", "holiday"]
