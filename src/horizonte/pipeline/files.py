"""Where each stage leaves what: paths from the project root, as ``dvc.yaml`` names them."""

from __future__ import annotations

from pathlib import Path

import yaml

SOURCES = Path("sources.yaml")
LABELS = Path("data/sample/mast_fault_labels.csv")

LOAD = Path("data/raw/load.json")
SNAPSHOT = Path("data/raw/snapshot.parquet")
SERIES = Path("data/raw/series.parquet")
ANNOTATIONS = Path("data/raw/annotations.parquet")

CLEAN = Path("data/clean/observation.parquet")

FOLDS = Path("data/features/folds.parquet")
FEATURES = Path("data/features")

MODEL = Path("data/models/model")
SELECTION = Path("data/models/selection.parquet")
SELECTED = Path("data/models/selected.parquet")
TRAIN_METRICS = Path("data/models/train_metrics.json")

BACKTEST = Path("data/evaluation/backtest.parquet")
SCORES = Path("data/evaluation/scores.parquet")
METRICS = Path("data/evaluation/metrics.json")
PLOTS = Path("data/evaluation/plots")

REPORTS = Path("data/reports")
SUMMARY = REPORTS / "summary.json"
PLOTS_TEMPLATE = REPORTS / "plots_template.html"


def declared(root: Path) -> list[str]:
    """Return the names of the sources that ``sources.yaml`` declares; ``load`` has checked it."""
    return list(yaml.safe_load((root / SOURCES).read_text(encoding="utf-8")))


def notebook(stage: str) -> Path:
    """Return the notebook of a stage."""
    return Path("notebooks") / f"{stage}.ipynb"


def executed(stage: str) -> Path:
    """Return the executed copy of a stage's notebook; its page lies beside it."""
    return REPORTS / "notebooks" / f"{stage}.ipynb"


def histories(kind: str, iso: str) -> Path:
    """Return the histories of all folds of one freq; ``kind`` is fit or tail."""
    return FEATURES / kind / f"{iso}.parquet"


def known_future(kind: str, iso: str) -> Path:
    """Return what was known ahead at those folds; no such file where nothing is."""
    return FEATURES / kind / f"{iso}.known.parquet"
