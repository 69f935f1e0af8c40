"""Stage ``train``: what is chosen, from what, and what is written."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest
from tests.conftest import Project

from horizonte import config
from horizonte.contracts import BACKTEST, FOLD, PREPARED
from horizonte.model.forecaster import Forecaster
from horizonte.pipeline import features, files, train
from horizonte.pipeline.features import Histories

ISO = "PT30M"


@pytest.fixture
def without_test(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project as it was before its test period: not one row of it is there."""
    monkeypatch.setenv("HORIZONTE_HOME", str(tmp_path / "home"))
    config.settings.cache_clear()
    for name in ("params.yaml", "data/raw", "data/clean", "data/features"):
        place = shutil.copytree if (project.root / name).is_dir() else shutil.copy
        place(project.root / name, tmp_path / name)
    plan = FOLD.read(tmp_path / files.FOLDS)
    kept = plan[plan["period"] == "selection"]
    FOLD.write(kept, tmp_path / files.FOLDS)
    prepared = PREPARED.read(tmp_path / files.CLEAN)
    for iso, folds in kept.groupby("freq"):
        end = plan.loc[(plan["freq"] == iso) & (plan["period"] == "test"), "fitted_at"].min()
        prepared = prepared[
            (prepared["ds"] <= end) | ~prepared["unique_id"].isin(folds["unique_id"])
        ]
        for kind in ("fit", "tail"):
            made = features.read(tmp_path, kind, str(iso))
            future = made.known_future
            features.write(
                Histories(
                    made.history[made.history["cutoff"] <= end],
                    None if future is None else future[future["cutoff"] <= end],
                ),
                tmp_path,
                kind,
                str(iso),
            )
    PREPARED.write(prepared, tmp_path / files.CLEAN)
    return tmp_path


def test_intervals_know_nothing_of_the_test_period(project: Project, without_test: Path) -> None:
    """Deleting the test period changes no weight, no choice of naive and no interval."""
    shown = train.run(root=without_test)
    for iso, forecaster in shown.trained.forecasters.items():
        whole = Forecaster.load(project.root / files.MODEL / iso)
        assert asdict(forecaster.selection) == asdict(whole.selection)
        ours, theirs = (f.calibration.to_json() for f in (forecaster, whole))
        for part in ("ends", "unit", "offsets", "panel", "spread"):
            assert ours[part] == theirs[part], part


def test_card_lists_every_byte(project: Project) -> None:
    """The card names every other file of the model folder with its SHA-256, and no time."""
    folder = project.root / files.MODEL
    card = json.loads((folder / "card.json").read_text())
    found = {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*")
        if p.is_file() and p.name != "card.json"
    }
    assert card["files"] == found
    assert {"params", "series", "scores", "libraries", "intended_use", "limits"} <= set(card)
    assert set(card["params"]) == {"snapshot", "clean", "features", "train"}


def test_evidence_is_of_the_selection_period(project: Project) -> None:
    """The evidence holds the plan's selection cutoffs and no other."""
    rows = BACKTEST.read(project.root / files.SELECTION)
    plan = FOLD.read(project.root / files.FOLDS)
    selection = plan[plan["period"] == "selection"]
    keys = ["unique_id", "cutoff"]
    got = rows[keys].drop_duplicates().sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(got, selection[keys].sort_values(keys, ignore_index=True))


def test_seconds_are_in_the_home(project: Project) -> None:
    """What fits cost is in the home's ledger: tried, failed, seconds per family and fit."""
    ledger = pd.read_json(Path(project.env["HORIZONTE_HOME"]) / train.LEDGERS / "train.json")
    assert {"model", "freq", "tried", "failed", "fit_seconds"} <= set(ledger)
    assert (ledger["failed"] == 0).all()
