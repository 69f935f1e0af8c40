"""Stage ``evaluate``: the test period, with what ``train`` froze."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from tests.conftest import Project

from horizonte.contracts import BACKTEST, FOLD, QUANTILE_COLUMNS, SCORE
from horizonte.pipeline import files, given
from horizonte.pipeline.evaluate import surroundings
from horizonte.pipeline.groups import groups


def _ours(project: Project) -> pd.DataFrame:
    rows = BACKTEST.read(project.root / files.BACKTEST)
    return rows[rows["model"] == "ensemble"]


def test_every_test_cutoff_is_forecast(project: Project) -> None:
    """Each test fold has the whole horizon of what ships, and no other cutoff is there."""
    rows, plan = _ours(project), FOLD.read(project.root / files.FOLDS)
    test = plan[plan["period"] == "test"]
    counts = rows.groupby(["unique_id", "cutoff"]).size()
    assert set(counts.index) == set(zip(test["unique_id"], test["cutoff"], strict=True))
    steps = {"PT30M": 96, "PT1H": 48}
    expected = test.set_index(["unique_id", "cutoff"])["freq"].map(steps)
    assert (counts == expected.reindex(counts.index)).all()


def test_quantiles_are_ordered(project: Project) -> None:
    """Quantiles of what ships never cross."""
    found = _ours(project)[list(QUANTILE_COLUMNS)].to_numpy()
    assert (np.diff(found, axis=1) >= 0).all()


def test_metrics_stand_beside_naive(project: Project) -> None:
    """The committed metrics give, per target, ours and the best naive's, as in the scores."""
    metrics = json.loads((project.root / files.METRICS).read_text())
    scores = SCORE.read(project.root / files.SCORES)
    whole = scores[(scores["bucket"] == "all")].set_index(["unique_id", "model"])["mase"]
    for target, found in metrics["targets"].items():
        assert found["mase"] == round(whole[target, "ensemble"], 6)
        assert found["naive_mase"] == round(whole[target, "best_naive"], 6)
    assert set(metrics["mean"]) == set(found)


def test_default_prophet_and_naives_are_on_the_board(project: Project) -> None:
    """The leaderboard holds the naives and Prophet as it comes beside ours."""
    board = pd.read_csv(project.root / files.PLOTS / "leaderboard.csv")
    assert {"ensemble", "best_naive", "naive_week", "prophet_default"} <= set(board["model"])


def test_a_fit_from_before_a_change_is_not_judged_as_told_of_it(project: Project) -> None:
    """Bands of what ships know no unrest for two weeks after it; those of older fits do, as they did."""
    group = groups(project.root, given.load(project.root, stage="evaluate", given=None))[0]
    name, folds = group.meta["unique_id"].iloc[0], FOLD.read(project.root / files.FOLDS)
    own = folds[folds["unique_id"] == name].sort_values("cutoff")
    since = own["fitted_at"].max() - pd.Timedelta(days=6)
    told = group.meta.assign(changed=None)
    told.loc[told["unique_id"] == name, "changed"] = since.tz_localize(None).isoformat()
    plain = surroundings(project.root, group, told=group.meta)
    found = surroundings(project.root, group, told=told)
    pd.testing.assert_frame_equal(found.drop(columns="unrest"), plain.drop(columns="unrest"))
    mine = found["unique_id"] == name
    fitted = found.loc[mine].merge(own, on=["unique_id", "cutoff"], how="left")["fitted_at"]
    after = found.loc[mine, "cutoff"].between(since, since + pd.Timedelta(days=13)).to_numpy()
    hidden = found.loc[mine, "unrest"].isna().to_numpy() & plain.loc[mine, "unrest"].notna()
    assert after[(fitted < since).to_numpy()].any()
    np.testing.assert_array_equal(hidden, after & (fitted >= since).to_numpy())
    assert hidden.any()
    pd.testing.assert_frame_equal(found[~mine], plain[~mine])
