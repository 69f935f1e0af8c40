"""Gradient boosting (LightGBM), one model for all series of a panel and all lead times."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from horizonte.errors import ModelFault
from horizonte.model.fallback import Levels
from horizonte.prepare.features import (
    Matrix,
    matrix,
    placed,
    serving_cells,
    targets,
    training_cells,
)
from horizonte.prepare.windows import Reals, Windows

if TYPE_CHECKING:
    import lightgbm

ROWS = 60_000  # bound on the cells of a fit, over all series: cost does not grow with the panel
ROUNDS = 200
ANCHOR = "day_mean"  # the trees learn how the target departs from this seasonal naive
DROPPED = 0.05  # share of the cells that lose a covariate, so that its absence is learnt
SETTINGS: dict[str, Any] = {
    "objective": "regression_l1",
    "learning_rate": 0.08,
    "num_leaves": 63,
    "min_data_in_leaf": 100,
    "max_bin": 63,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "verbosity": -1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
}


@dataclass(frozen=True)
class FittedBoosting:
    """Trees over the panel's supervised matrix, and the level of each series for when nothing is known."""

    text: str
    names: tuple[str, ...]
    levels: Levels
    meta: pd.DataFrame
    name: str = "boosting"
    failed: dict[str, str] = field(default_factory=dict)

    def predict(self, windows: Windows) -> Reals:
        """Return expected values ``[n, horizon]``; finite for every row, also of unseen series."""
        built = matrix(windows, serving_cells(windows), meta=self.meta)
        found = dict(zip(built.names, built.values.T, strict=True))
        nothing = np.full(len(built.level), np.nan)
        values = np.column_stack([found.get(name, nothing) for name in self.names])
        moves = _booster(self.text).predict(values, num_threads=1)
        mean = _anchor(built) + built.scale * np.asarray(moves, float)
        return self.levels.fill(windows, mean.reshape(len(windows), windows.horizon))

    def save(self, folder: Path) -> None:
        """Write ``trees.txt`` (LightGBM text) and ``boosting.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "trees.txt").write_text(self.text)
        card = {
            "names": self.names,
            "levels": self.levels.values,
            "failed": self.failed,
            "places": self.meta.to_dict("records"),
        }
        (folder / "boosting.json").write_text(json.dumps(card, indent=1))


@dataclass(frozen=True)
class Boosting:
    """The family of gradient-boosted trees."""

    name: str = "boosting"
    costly: bool = False

    def fit(self, windows: Windows, *, meta: pd.DataFrame, seed: int) -> FittedBoosting:
        """Fit on at most ``ROWS`` cells of the panel; the same input gives the same text."""
        import lightgbm

        cells = training_cells(windows, count=ROWS, seed=seed)
        places = placed(meta)
        built = matrix(windows, cells, meta=places)
        moved = built.scale > 0
        goal = ((targets(windows, cells) - _anchor(built)) / np.where(moved, built.scale, 1.0))[
            moved
        ]
        values = _forgetful(built, windows, seed)[moved]
        rows = lightgbm.Dataset(
            values, goal, feature_name=[f"f{i}" for i in range(values.shape[1])]
        )
        text = _train(rows, seed) if len(goal) else ""
        return FittedBoosting(text, built.names, Levels.of(windows), places)

    def load(self, folder: Path) -> FittedBoosting:
        """Return what ``save`` wrote; raise ModelFault when a file is absent or damaged."""
        try:
            card = json.loads((folder / "boosting.json").read_text())
            text = (folder / "trees.txt").read_text()
            return FittedBoosting(
                text,
                tuple(card["names"]),
                Levels(card["levels"]),
                pd.DataFrame(card["places"]),
                failed=card["failed"],
            )
        except (OSError, ValueError, KeyError) as why:
            raise ModelFault(
                "boosting", str(folder), "a saved boosting model", "fetch the model folder again"
            ) from why


class _Nothing:
    """Stands for the trees of a panel that never moved."""

    def predict(self, values: Reals, **_: Any) -> Reals:
        return np.zeros(len(values))


@lru_cache(maxsize=16)
def _booster(text: str) -> lightgbm.Booster | _Nothing:
    import lightgbm

    return lightgbm.Booster(model_str=text) if text else _Nothing()


def _train(rows: lightgbm.Dataset, seed: int) -> str:
    import lightgbm

    return str(lightgbm.train(SETTINGS | {"seed": seed}, rows, ROUNDS).model_to_string())


def _anchor(built: Matrix) -> Reals:
    """Return the seasonal naive, in the unit of y; the level where there is none."""
    away = np.nan_to_num(built.values[:, built.names.index(ANCHOR)])
    return built.level + away * built.scale


def _forgetful(built: Matrix, windows: Windows, seed: int) -> Reals:
    random, values = np.random.default_rng(seed), built.values.copy()
    for covariate in windows.covariates:
        lost = random.random(len(values)) < DROPPED
        for i, name in enumerate(built.names):
            if name.startswith(f"{covariate}@"):
                values[lost, i] = np.nan
    return values


FAMILIES = {"boosting": Boosting()}
