from __future__ import annotations

import pandas as pd
import pytest

from horizonte.contracts import FOLD
from horizonte.errors import DataFault
from horizonte.params import Features
from horizonte.prepare import folds

from .conftest import Declare

LAST = pd.Timestamp("2024-12-31T22:00:00Z")
DAY = pd.Timedelta("1D")


@pytest.fixture
def features() -> Features:
    return Features.model_validate(
        {
            "horizon": "PT48H",
            "test_days": 56,
            "selection_days": 168,
            "selection_every": "PT37H",
            "refit_every": "P56D",
            "tail": "P35D",
        }
    )


def spans(*rows: tuple[str, str]) -> pd.DataFrame:
    found = [(u, pd.Timestamp(first, tz="UTC"), LAST) for u, first in rows]
    return pd.DataFrame(found, columns=["unique_id", "first", "last"])


@pytest.fixture
def plan(declare: Declare, features: Features) -> pd.DataFrame:
    found = spans(("s/x", "2023-01-01"), ("s/y", "2024-04-01"))
    return folds.plan(found, series=declare("s/x", "s/y"), features=features)


def test_the_test_is_daily_and_ends_a_horizon_before_the_data(plan: pd.DataFrame) -> None:
    """There are 56 daily test cutoffs, the last with all its targets observed."""
    cutoffs = plan.loc[(plan["period"] == "test") & (plan["unique_id"] == "s/x"), "cutoff"]
    assert len(cutoffs) == 56
    assert cutoffs.max() == LAST - 2 * DAY
    assert (cutoffs.diff().dropna() == DAY).all()


def test_no_selection_target_lies_in_the_test_period(plan: pd.DataFrame) -> None:
    """All that is chosen on was observed when the test's model was fitted, before its cutoffs."""
    test = plan[plan["period"] == "test"]
    selection = plan[plan["period"] == "selection"]
    assert selection["cutoff"].max() + 2 * DAY <= test["fitted_at"].min()
    assert test["fitted_at"].min() < test["cutoff"].min()


def test_every_fit_is_before_the_cutoffs_it_serves(plan: pd.DataFrame) -> None:
    """Each fold's model is older than its cutoff, and never older than the refit schedule."""
    age = plan["cutoff"] - plan["fitted_at"]
    assert age.min() > pd.Timedelta(0)
    assert age.max() <= 56 * DAY
    assert (plan["fitted_at"].drop_duplicates().sort_values().diff().dropna() == 56 * DAY).all()


def test_selection_sees_every_hour_of_the_day(plan: pd.DataFrame) -> None:
    """Cutoffs 37 hours apart fall on all 24 hours."""
    selection = plan[plan["period"] == "selection"]
    assert selection["cutoff"].dt.hour.nunique() == 24


def test_a_series_enters_when_its_fit_has_seen_it(plan: pd.DataFrame) -> None:
    """A series that starts late has no fold whose fit saw less than two horizons of it."""
    late = plan[plan["unique_id"] == "s/y"]
    assert (late["fitted_at"] >= pd.Timestamp("2024-04-05", tz="UTC")).all()
    assert len(late) < len(plan) - len(late)
    assert set(late["period"]) == {"selection", "test"}


def test_the_plan_keeps_its_contract(plan: pd.DataFrame) -> None:
    """The plan is a FOLD table, covariates have no folds, and a group is one freq."""
    pd.testing.assert_frame_equal(FOLD.check(plan), plan)


def test_groups_have_their_own_cutoffs(declare: Declare, features: Features) -> None:
    """Freqs are planned apart: each cutoff lies on its group's grid."""
    series = pd.concat(
        [declare("s/x"), declare("s/y", freq="P1D"), declare("s/z", role="covariate")]
    )
    found = folds.plan(
        spans(("s/x", "2020-01-01"), ("s/y", "2020-01-01"), ("s/z", "2020-01-01")),
        series=series,
        features=features,
    )
    assert set(found["freq"]) == {"PT1H", "P1D"}
    assert set(found["unique_id"]) == {"s/x", "s/y"}
    daily = found.loc[found["freq"] == "P1D", "cutoff"]
    assert all((LAST - cutoff) % DAY == pd.Timedelta(0) for cutoff in daily)


def test_too_little_history_is_refused(declare: Declare, features: Features) -> None:
    """A group without one usable cutoff is named with what to change."""
    found = spans(("s/x", "2024-12-30"))
    with pytest.raises(DataFault, match="PT1H series"):
        folds.plan(found, series=declare("s/x"), features=features)


def test_a_plan_without_test_ends_with_the_data(declare: Declare, features: Features) -> None:
    """With no test days the last selection targets are the last data."""
    found = folds.plan(
        spans(("s/x", "2020-01-01")),
        series=declare("s/x"),
        features=features.model_copy(update={"test_days": 0}),
    )
    assert set(found["period"]) == {"selection"}
    assert found["cutoff"].max() == LAST - 2 * DAY


def test_a_cutoff_is_known_after_its_interval_and_lag(plan: pd.DataFrame, declare: Declare) -> None:
    """The forecast instant of a cutoff is the end of its interval plus the publication lag."""
    series = declare("s/x", "s/y", publication_lag_seconds=900.0)
    waits = folds.knowledge(plan, series=series) - plan["cutoff"]
    assert set(waits) == {pd.Timedelta("1h15min")}
    assert folds.final_fits(spans(("s/x", "2020-01-01")), series=series) == {"PT1H": LAST}


def test_span_is_first_and_last_of_each_series() -> None:
    """Extents come from the ds of all revisions."""
    ds = pd.to_datetime(["2024-01-02", "2024-01-01", "2024-01-05"], utc=True)
    found = folds.span(pd.DataFrame({"unique_id": ["a", "a", "b"], "ds": ds}))
    assert found["first"].tolist() == [ds[1], ds[2]]
    assert found["last"].tolist() == [ds[0], ds[2]]


def test_a_change_has_a_fit_of_its_own_once_it_can_be_learnt(
    plan: pd.DataFrame, declare: Declare, features: Features
) -> None:
    """Four days after it, on the grid, of that series alone; the schedule goes on from its next fit."""
    since = LAST - pd.Timedelta("P74DT7M")
    found = folds.plan(
        spans(("s/x", "2023-01-01"), ("s/y", "2024-04-01")),
        series=declare("s/x", "s/y"),
        features=features,
        changed={"s/x": since},
    )
    extra = found[found["fitted_at"] != plan["fitted_at"]]
    at = extra["fitted_at"].unique()
    assert at == [LAST - 70 * DAY]
    assert since + folds.TRAINS <= at[0] < since + folds.TRAINS + pd.Timedelta("1h")
    assert set(extra["unique_id"]) == {"s/x"}
    assert at[0] < extra["cutoff"].min() < at[0] + pd.Timedelta("37h")
    assert extra["cutoff"].max() + 2 * DAY <= found.query("period == 'test'")["fitted_at"].min()
    FOLD.check(found)
