"""Stage ``train``: choose and calibrate on forecasts made out of sample, fit what ships."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

from horizonte import paths
from horizonte.config import settings
from horizonte.contracts import BACKTEST, SERIES
from horizonte.model import metrics
from horizonte.model.backtest import Group
from horizonte.model.ensemble import BEST, NAME, ensemble_rows
from horizonte.model.train import Plan, Trained, train
from horizonte.params import Params
from horizonte.pipeline import files, given
from horizonte.pipeline.groups import final_fits, groups, plan
from horizonte.report import card

LEDGERS = "ledger"


@dataclass(frozen=True)
class Shown:
    """What the stage made, for the notebook to show."""

    params: Params
    folds: pd.DataFrame  # FOLD, selection only
    trained: Trained
    weights: pd.DataFrame  # family by target, what ships
    naives: dict[str, str]  # the best naive of each target
    scores: pd.DataFrame  # SCORE of the selection period


def run(parameters: Mapping[str, object] | None = None, *, root: Path | None = None) -> Shown:
    """Train every freq's champion, write model folder, evidence and metrics, and return them.

    Only selection cutoffs are read, so deleting the test period changes no weight and no
    interval. Seconds go to the ledger in the home, never into what is written here.
    """
    root = root or paths.project_root()
    chosen = given.load(root, stage="train", given=parameters)
    folds = plan(root).query("period == 'selection'")
    panels = groups(root, chosen)
    how = Plan(
        chosen.train.families, chosen.train.seed, chosen.train.budget_seconds, joblib.cpu_count()
    )
    trained = train(panels, folds, final=final_fits(root, panels), plan=how)
    shown = Shown(
        chosen, folds, trained, _weights(trained), _naives(trained), _scores(panels, folds, trained)
    )
    _write(shown, root)
    return shown


def scale(panels: list[Group], folds: pd.DataFrame) -> pd.DataFrame:
    """Return the scale of every target from what the first fit of ``folds`` was given.

    Where a sensor is replaced after that fit, ``until`` says when the scale ends.
    """
    parts = []
    for group in panels:
        first = folds.loc[folds["freq"] == group.freq].groupby("unique_id")["fitted_at"].min()
        for at in sorted(first.unique()):
            history = group.fit_history_at(pd.Timestamp(at)).history
            own = history[history["unique_id"].isin(first.index[first == at])]
            made = metrics.scale(own, freq_=group.freq)
            after = {u: t for u, t in reversed(group.replaced) if t > at}
            parts.append(made.assign(until=made["unique_id"].map(after)) if after else made)
    return pd.concat(parts, ignore_index=True)


def chosen_rows(trained: Trained) -> pd.DataFrame:
    """Return BACKTEST rows of what ships and of the best naive over the selection period."""
    parts = [
        ensemble_rows(_of(trained.backtest, f.meta), f.selection)
        for f in trained.forecasters.values()
    ]
    return BACKTEST.check(pd.concat(parts, ignore_index=True))


def _scores(panels: list[Group], folds: pd.DataFrame, trained: Trained) -> pd.DataFrame:
    rows = pd.concat([trained.backtest, chosen_rows(trained)], ignore_index=True)
    return metrics.scores(rows, scale=scale(panels, folds))


def _of(rows: pd.DataFrame, meta: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["unique_id"].isin(meta["unique_id"])]


def _weights(trained: Trained) -> pd.DataFrame:
    rows = {u: f.selection.of(u) for f in trained.forecasters.values() for u in f.meta["unique_id"]}
    return pd.DataFrame(rows).T.fillna(0.0).sort_index()


def _naives(trained: Trained) -> dict[str, str]:
    return {
        u: f.selection.naive_of(u)
        for f in trained.forecasters.values()
        for u in f.meta["unique_id"]
    }


def _write(shown: Shown, root: Path) -> None:
    folder = root / files.MODEL
    shutil.rmtree(folder, ignore_errors=True)
    for iso, forecaster in shown.trained.forecasters.items():
        forecaster.save(folder / iso)
    BACKTEST.write(shown.trained.backtest, root / files.SELECTION)
    rows = chosen_rows(shown.trained)
    BACKTEST.write(rows[rows["model"] == NAME], root / files.SELECTED)
    found = summary(shown)
    text = json.dumps(found, indent=1, sort_keys=True)
    (root / files.TRAIN_METRICS).write_text(text + "\n", encoding="utf-8")
    series = SERIES.read(root / files.SERIES)
    card.write(folder, card.describe(shown.params, series=series, scores=found))
    keep_ledger(shown.trained.ledger, "train")


def summary(shown: Shown) -> dict[str, dict[str, Any]]:
    """Return per target what was chosen, and its error in the selection period beside naive."""
    whole = shown.scores[shown.scores["bucket"] == "all"]
    mase = {model: rows.set_index("unique_id")["mase"] for model, rows in whole.groupby("model")}
    return {
        target: {
            "mase": round(float(mase[NAME][target]), 6),
            "naive_mase": round(float(mase[BEST][target]), 6),
            "naive": shown.naives[target],
            "weights": {n: round(float(w), 6) for n, w in own.items() if w > 0},
        }
        for target, own in zip(
            map(str, shown.weights.index), shown.weights.to_dict("records"), strict=True
        )
    }


def keep_ledger(ledger: pd.DataFrame, stage: str) -> None:
    """Write what fits and forecasts of ``stage`` cost into the home: seconds are no result."""
    path = settings().home_folder() / LEDGERS / f"{stage}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    ledger.to_json(path, orient="records", date_format="iso", indent=1)
