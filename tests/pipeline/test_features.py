"""Stage ``features``: no fold knows what came after its instant."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.conftest import Project

from horizonte import params
from horizonte.contracts import ANNOTATION, FOLD, REVISION, SERIES
from horizonte.model.forecaster import Forecaster
from horizonte.pipeline import features, files
from horizonte.pipeline.features import Fold
from horizonte.prepare.history import Archive

CUTOFFS = 50


@pytest.fixture(scope="module")
def known(project: Project) -> tuple[pd.DataFrame, pd.DataFrame, params.Params]:
    """The project's revisions, with corrections and late rows planted, its series and parameters."""
    revisions = REVISION.read(project.root / files.SNAPSHOT)
    return (
        _disturbed(revisions),
        SERIES.read(project.root / files.SERIES),
        params.load(project.root / "params.yaml"),
    )


def _disturbed(revisions: pd.DataFrame) -> pd.DataFrame:
    random = np.random.default_rng(7)
    late = random.random(len(revisions)) < 0.02
    revisions = revisions.copy()
    revisions.loc[late, "available_at"] += pd.Timedelta("3D")
    fixed = revisions.sample(2_000, random_state=7).assign(revision=lambda r: r["revision"] + 1)
    fixed["y"] *= 1.1
    fixed["available_at"] += pd.to_timedelta(random.integers(1, 400, len(fixed)), unit="h")
    return pd.concat([revisions, fixed], ignore_index=True)


def _forged(revisions: pd.DataFrame, instant: pd.Timestamp, seed: int) -> pd.DataFrame:
    """Return ``revisions`` with all that came after ``instant`` altered, and half of it deleted."""
    random = np.random.default_rng(seed)
    later = (revisions["available_at"] > instant).to_numpy()
    forged = revisions.assign(y=np.where(later, random.normal(size=len(later)), revisions["y"]))
    return forged[~later | (random.random(len(later)) < 0.5)]


def test_nothing_later_changes_a_feature_or_a_forecast(
    project: Project, known: tuple[pd.DataFrame, pd.DataFrame, params.Params]
) -> None:
    """At 50 random cutoffs, forging or deleting later rows changes no feature and no forecast."""
    revisions, series, chosen = known
    random = np.random.default_rng(50)
    targets = ["vic/demand_mw"]
    own = features.with_covariates(series, pd.Series(targets))
    mine = revisions[revisions["unique_id"].isin(own["unique_id"])]
    model = Forecaster.load(project.root / files.MODEL / "PT30M")
    grid = mine.loc[mine["unique_id"] == targets[0], "ds"].drop_duplicates().sort_values()
    for number, cutoff in enumerate(random.choice(grid.iloc[2000:].to_numpy(), CUTOFFS)):
        at = pd.Timestamp(cutoff)
        fold = Fold(targets, at, at + pd.Timedelta("30min"))
        rows = [mine, _forged(mine, fold.instant, number)]
        made = [_made(r, own, chosen, fold) for r in rows]
        pd.testing.assert_frame_equal(made[0].history, made[1].history)
        pd.testing.assert_frame_equal(made[0].known_future, made[1].known_future)
        said = [
            model.predict(
                m.history.drop(columns="cutoff"),
                horizon=96,
                known_future=m.known_future.drop(columns="cutoff"),
            )
            for m in made
        ]
        pd.testing.assert_frame_equal(*said)


def _made(
    revisions: pd.DataFrame, series: pd.DataFrame, chosen: params.Params, fold: Fold
) -> features.Histories:
    archive = Archive.of(
        revisions, series=series, rules=chosen.clean, annotations=ANNOTATION.empty()
    )
    return features.histories([fold], archive, chosen.features, tail=chosen.features.tail)


def test_histories_end_at_their_cutoffs(project: Project) -> None:
    """Every stored history ends at its cutoff, and a forecast's reaches back by ``tail`` at most."""
    plan = FOLD.read(project.root / files.FOLDS)
    for iso, folds in plan.groupby("freq"):
        tail = features.read(project.root, "tail", str(iso)).history
        assert set(tail["cutoff"]) == set(folds["cutoff"])
        assert (tail["ds"] <= tail["cutoff"]).all()
        assert (tail["ds"] > tail["cutoff"] - pd.Timedelta("P28D")).all()
        fit = features.read(project.root, "fit", str(iso)).history
        assert set(folds["fitted_at"]) < set(fit["cutoff"])


def test_files_are_reproducible(project: Project, tmp_path: pytest.TempPathFactory) -> None:
    """Writing what was read gives the same bytes."""
    made = features.read(project.root, "tail", "PT30M")
    features.write(made, tmp_path, "tail", "PT30M")  # type: ignore[arg-type]  # a Path
    for path in (files.histories("tail", "PT30M"), files.known_future("tail", "PT30M")):
        assert (tmp_path / path).read_bytes() == (project.root / path).read_bytes()  # type: ignore[operator]
