"""From histories to a champion: what is chosen, what ships, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from horizonte.contracts import BACKTEST, QUANTILE_COLUMNS
from horizonte.errors import ModelFault
from horizonte.model.backtest import Group, Known, backtest
from horizonte.model.families import expand
from horizonte.model.forecaster import Forecaster
from horizonte.model.train import Plan, Trained, train

HOUR = pd.Timedelta("1h")
FAMILIES = ["naive", "linear", "boosting"]
Planted = dict[str, Callable[..., Any]]


@pytest.fixture(scope="module")
def group(street: pd.DataFrame, planted: Planted) -> Group:
    made: Group = planted["group"](street, known=["rain"])
    return made


@pytest.fixture(scope="module")
def folds(street: pd.DataFrame, planted: Planted) -> pd.DataFrame:
    made: pd.DataFrame = planted["folds"](street)
    return made


@pytest.fixture(scope="module")
def trained(group: Group, folds: pd.DataFrame, street: pd.DataFrame) -> Trained:
    return train([group], folds, final={"PT1H": street["ds"].max()}, plan=Plan(FAMILIES, seed=7))


@pytest.fixture(scope="module")
def champion(trained: Trained) -> Forecaster:
    return trained.forecasters["PT1H"]


def test_the_ledger_counts_every_fit(trained: Trained) -> None:
    """Each family has a row per fit with series tried and failed, seconds, and whether it ships."""
    ledger = trained.ledger
    assert set(ledger["model"]) == set(expand(FAMILIES))
    assert (ledger["tried"] > 0).all()
    assert ledger["failed"].sum() == 0
    assert (ledger["fit_seconds"] > 0).all()


def test_what_nothing_needs_is_not_shipped(champion: Forecaster) -> None:
    """Every member has a weight for some series, or is some series' fallback."""
    used = {n for u in ("street/one", "street/two") for n in champion.selection.of(u)}
    naives = {champion.selection.naive_of(u) for u in ("street/one", "street/two")}
    assert set(champion.members) <= used | naives | {champion.selection.default_naive} | set(
        champion.selection.default
    )
    assert "naive_persistence" not in champion.members


def test_one_series_and_many_get_the_same_bits(champion: Forecaster, street: pd.DataFrame) -> None:
    """A series forecast alone equals the same series forecast in a batch, to the last bit."""
    whole = champion.predict(street, horizon=24)
    for uid, history in street.groupby("unique_id"):
        alone = champion.predict(history, horizon=24)
        pd.testing.assert_frame_equal(
            alone, whole[whole["unique_id"] == uid].reset_index(drop=True), check_exact=True
        )


def test_a_saved_champion_forecasts_the_same_bits(
    champion: Forecaster, street: pd.DataFrame, tmp_path: Path
) -> None:
    """Saved twice it writes equal bytes; loaded it forecasts bit-equally."""
    for folder in ("first", "second"):
        champion.save(tmp_path / folder)
    files = [
        p.relative_to(tmp_path / "first") for p in (tmp_path / "first").rglob("*") if p.is_file()
    ]
    for path in files:
        assert (tmp_path / "first" / path).read_bytes() == (tmp_path / "second" / path).read_bytes()
    loaded = Forecaster.load(tmp_path / "first")
    pd.testing.assert_frame_equal(
        loaded.predict(street, horizon=24), champion.predict(street, horizon=24), check_exact=True
    )


def test_an_absent_champion_is_refused(tmp_path: Path) -> None:
    """Loading an empty folder raises a ModelFault."""
    with pytest.raises(ModelFault, match="forecaster"):
        Forecaster.load(tmp_path)


def lost(street: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the history in every state of missing input."""
    late = street["ds"] > street["ds"].max() - pd.Timedelta("50h")
    recent = street["ds"] > street["ds"].max() - pd.Timedelta("24h")
    return {
        "stale": street.assign(y=street["y"].mask(late)),
        "silent": street.assign(y=np.nan),
        "one day": street[recent],
        "one row": street.groupby("unique_id").tail(1),
        "constant": street.assign(y=3.0),
        "no covariate": street.drop(columns="rain"),
        "dark covariate": street.assign(rain=np.nan),
        "unseen series": street.replace({"street/one": "street/new"}),
    }


@pytest.mark.parametrize(
    "state",
    [
        "stale",
        "silent",
        "one day",
        "one row",
        "constant",
        "no covariate",
        "dark covariate",
        "unseen series",
    ],
)
def test_every_loss_of_input_is_answered(
    champion: Forecaster, street: pd.DataFrame, state: str
) -> None:
    """Whatever is missing, the forecast is whole and finite and its quantiles are ordered."""
    found = champion.predict(lost(street)[state], horizon=24)
    values = found[list(QUANTILE_COLUMNS)].to_numpy()
    assert len(found) == 48
    assert np.isfinite(found[["mean", *QUANTILE_COLUMNS]].to_numpy()).all()
    assert (np.diff(values, axis=1) >= 0).all()


def test_a_stale_target_has_wider_bands(champion: Forecaster, street: pd.DataFrame) -> None:
    """Bands of a target that was last seen days ago are wider than those of a fresh one."""
    long = lost(street)["stale"]
    fresh, stale = (champion.predict(h, horizon=24) for h in (street, long))
    width = [(f["q90"] - f["q10"]).mean() for f in (fresh, stale)]
    assert width[1] > width[0]


def test_deleting_the_test_period_changes_no_weight_and_no_interval(
    street: pd.DataFrame, group: Group, folds: pd.DataFrame
) -> None:
    """With test folds beside them, and actuals of the test period deleted or not, choices are equal."""
    last = folds["cutoff"].max() + pd.Timedelta("24h")
    more = pd.concat([folds, folds.tail(2).assign(cutoff=last, period="test", fitted_at=last)[:1]])
    plan = Plan(["naive", "linear"], seed=7)
    final = {"PT1H": folds["cutoff"].max()}
    beside = train([group], more, final=final, plan=plan).forecasters["PT1H"]
    blind = replace(group, actuals=street[street["ds"] <= last])
    without = train([blind], folds, final=final, plan=plan).forecasters["PT1H"]
    assert beside.selection == without.selection
    assert beside.calibration == without.calibration


def test_nothing_after_a_cutoff_reaches_its_forecast(
    street: pd.DataFrame, group: Group, folds: pd.DataFrame, planted: Planted
) -> None:
    """Garbage in y and covariates after each cutoff leaves its backtest rows bit-equal."""

    def garbled(cutoff: pd.Timestamp) -> Known:
        known = group.history_at(cutoff)
        after = street[street["ds"] > cutoff].assign(y=1e6, rain=-1e6)
        return Known(pd.concat([known.history, after]), known.known_future)

    def rows(of: Group) -> pd.DataFrame:
        return backtest([of], folds, families={"PT1H": ["naive_day", "linear"]}, seed=7).backtest

    pd.testing.assert_frame_equal(
        rows(group), rows(replace(group, history_at=garbled)), check_exact=True
    )


@pytest.mark.slow
def test_parallel_and_serial_backtests_are_equal(group: Group, folds: pd.DataFrame) -> None:
    """Two processes give the same rows as one, and progress is told once per job."""
    told: list[int] = []
    two = folds.assign(
        fitted_at=folds["fitted_at"].where(
            folds["cutoff"] < folds["cutoff"].median(),
            folds["cutoff"].median() - pd.Timedelta("1h"),
        )
    )
    names = {"PT1H": ["naive_day", "linear"]}
    one = backtest([group], two, families=names, seed=7, n_jobs=1)
    both = backtest(
        [group],
        two,
        families=names,
        seed=7,
        n_jobs=2,
        progress=lambda done, total, text: told.append(done),
    )
    pd.testing.assert_frame_equal(one.backtest, both.backtest, check_exact=True)
    assert told == [1, 2]


def test_a_forecast_is_not_held_against_another_sensor(group: Group, folds: pd.DataFrame) -> None:
    """What a successor read is no actual of forecasts made before it; all else stays the same."""
    names = {"PT1H": ["naive_day"]}
    at = folds["cutoff"].iloc[5] + pd.Timedelta(hours=7)
    changed = replace(group, replaced=[("street/one", at)])
    before, after = (
        backtest([g], folds, families=names, seed=7).backtest for g in (group, changed)
    )
    across = (before["unique_id"] == "street/one") & (before["cutoff"] < at) & (before["ds"] >= at)
    assert 0 < across.sum() < len(before)
    assert after.loc[across, "y"].isna().all()
    pd.testing.assert_frame_equal(before[~across], after[~across])


def test_a_forecast_from_another_unit_is_held_against_nothing(
    group: Group, folds: pd.DataFrame
) -> None:
    """Cutoffs between the change of unit and the note on it are scored by nothing; all else stays."""
    names = {"PT1H": ["naive_day"]}
    start, known = folds["cutoff"].iloc[3], folds["cutoff"].iloc[9]
    note = {"unique_id": "street/one", "kind": "unit_changed", "starts_at": start}
    noted = pd.DataFrame([note | {"ends_at": known + HOUR, "available_at": known}])
    meta = group.meta.assign(covariates=[["rain"]] * len(group.meta))
    changed = replace(group, noted=noted, meta=meta)
    before, after = (
        backtest([g], folds, families=names, seed=7).backtest for g in (group, changed)
    )
    wrong = (before["unique_id"] == "street/one") & before["cutoff"].between(start, known, "left")
    assert 0 < wrong.sum() < len(before)
    assert after.loc[wrong, "y"].isna().all()
    pd.testing.assert_frame_equal(before[~wrong], after[~wrong])


@pytest.mark.parametrize("seen", [0, 3, 200])
def test_a_history_that_starts_late_still_trains(
    street: pd.DataFrame, planted: Planted, seen: int
) -> None:
    """Where a sensor was replaced and little is known of it, its series is still answered."""
    rows = street.copy()
    late = (rows["unique_id"] == "street/one") & (rows["ds"] < rows["ds"].max() - seen * HOUR)
    rows["y"] = rows["y"].mask(late)
    made = planted["group"](rows, known=["rain"])
    found = train(
        [made],
        planted["folds"](rows),
        final={"PT1H": rows["ds"].max()},
        plan=Plan(FAMILIES, seed=7),
    )
    answer = found.forecasters["PT1H"].predict(rows, horizon=24, known_future=None)
    assert set(answer["unique_id"]) == {"street/one", "street/two"}
    assert np.isfinite(answer[list(QUANTILE_COLUMNS)].to_numpy(float)).all()


def test_a_family_that_breaks_is_named_and_the_rest_ships(
    group: Group, folds: pd.DataFrame, street: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A family that raises has every series in the ledger's failures, and weights fall to the others."""
    from horizonte.model.linear import Linear

    def broken(self: object, *args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(Linear, "fit", broken)
    made = train(
        [group], folds, final={"PT1H": street["ds"].max()}, plan=Plan(["naive", "linear"], seed=7)
    )
    entry = made.ledger[made.ledger["model"] == "linear"].iloc[0]
    assert entry["failed"] == 2
    assert "planted" in next(iter(entry["reasons"].values()))
    assert "linear" not in made.forecasters["PT1H"].members


def test_a_budget_that_is_too_small_skips_costly_families(
    group: Group, folds: pd.DataFrame, street: pd.DataFrame
) -> None:
    """A costly family is skipped, with the reason, when the budget does not hold its cost; cheap families run."""
    plan = Plan(["naive", "linear", "statistical"], seed=7, budget_seconds=0.01)
    made = train([group], folds, final={"PT1H": street["ds"].max()}, plan=plan)
    assert list(made.skipped["PT1H"]) == ["statistical"]
    assert "linear" in set(made.ledger["model"])


def test_no_fold_at_all_still_gives_a_champion(
    group: Group, street: pd.DataFrame, folds: pd.DataFrame
) -> None:
    """Without any selection fold a naive ships, with finite bands."""
    made = train(
        [group], folds.iloc[:0], final={"PT1H": street["ds"].max()}, plan=Plan(["naive"], seed=7)
    )
    found = made.forecasters["PT1H"].predict(street, horizon=24)
    assert np.isfinite(found[["mean", *QUANTILE_COLUMNS]].to_numpy()).all()
    assert made.backtest.equals(BACKTEST.empty())
