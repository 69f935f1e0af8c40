"""Stage ``evaluate``: forecasts of the test period, as production would have issued them.

Weights, choice of naive and calibration are those that ``train`` froze before the period; the
families are refitted on production's schedule, as of each fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from horizonte import paths
from horizonte.contracts import BACKTEST, QUANTILE_COLUMNS, SCORE
from horizonte.model import metrics
from horizonte.model.backtest import Group, Known, backtest
from horizonte.model.certainty import context
from horizonte.model.conformal import Calibration, calibrated
from horizonte.model.ensemble import BEST, NAME, ensemble_rows
from horizonte.model.forecaster import Forecaster
from horizonte.params import Params
from horizonte.pipeline import features, files, given, marks
from horizonte.pipeline.groups import groups, plan
from horizonte.pipeline.train import keep_ledger, scale

PEER = "prophet_default"  # stands on the leaderboard, never in what ships
KEPT = (NAME, BEST)  # models whose quantiles are kept
KEY = ["unique_id", "cutoff", "ds"]


@dataclass(frozen=True)
class Evaluated:
    """What the stage made, for the notebook to show."""

    params: Params
    folds: pd.DataFrame  # FOLD, test only
    backtest: pd.DataFrame  # BACKTEST of every model
    scores: pd.DataFrame  # SCORE
    naives: dict[str, str]  # the naive chosen for each target before the test period


def run(parameters: Mapping[str, object] | None = None, *, root: Path | None = None) -> Evaluated:
    """Backtest the test period with what ``train`` froze; write rows, scores, metrics and plots."""
    root = root or paths.project_root()
    chosen = given.load(root, stage="evaluate", given=parameters)
    folds = plan(root).query("period == 'test'")
    panels = groups(root, chosen)
    shipped = {g.freq: Forecaster.load(root / files.MODEL / g.freq) for g in panels}
    evidence = BACKTEST.read(root / files.SELECTION)
    families = {g.freq: [*_models(evidence, g), PEER] for g in panels}
    tried = backtest(
        panels, folds, families=families, seed=chosen.train.seed, n_jobs=joblib.cpu_count()
    )
    work = (
        joblib.delayed(rated)(
            tried.backtest,
            evidence,
            group=replace(g, meta=shipped[g.freq].meta),
            shipped=shipped[g.freq],
            around=surroundings(root, g, told=shipped[g.freq].meta),
        )
        for g in panels
    )
    rows = pd.concat(joblib.Parallel(n_jobs=joblib.cpu_count())(work), ignore_index=True)
    scores = metrics.scores(
        rows, scale=scale(panels, folds), buckets=[b.isoformat() for b in chosen.evaluate.buckets]
    )
    naives = {u: f.selection.naive_of(u) for f in shipped.values() for u in f.meta["unique_id"]}
    found = Evaluated(chosen, folds, rows, scores, naives)
    _write(found, root, scale(panels, folds))
    keep_ledger(tried.ledger, "evaluate")
    return found


def rated(
    tried: pd.DataFrame,
    evidence: pd.DataFrame,
    *,
    group: Group,
    shipped: Forecaster,
    around: pd.DataFrame,
) -> pd.DataFrame:
    """Return BACKTEST rows of every model of ``group``, each with bands calibrated before the test.

    What ships has the bands that it ships with. The others get theirs in the same way from
    their own forecasts of the selection period; a model without any there has no quantiles.
    ``around`` is what ``certainty.context`` says of the forecasts of both periods.
    """
    own, past = (_with_ours(rows, group, shipped) for rows in (tried, evidence))
    parts = []
    for model, rows in own.groupby("model"):
        bands: Calibration | None = shipped.calibration
        if model != NAME:
            bands = _calibration(past[past["model"] == model].merge(around, on=KEY), group)
        parts.append(rows if bands is None else _banded(rows, around, bands, group))
    return BACKTEST.check(pd.concat(parts, ignore_index=True))


def _banded(
    rows: pd.DataFrame, around: pd.DataFrame, bands: Calibration, group: Group
) -> pd.DataFrame:
    return calibrated(rows.merge(around, on=KEY), bands, meta=group.meta)[BACKTEST.columns]


def _with_ours(rows: pd.DataFrame, group: Group, shipped: Forecaster) -> pd.DataFrame:
    own = rows[rows["unique_id"].isin(group.meta["unique_id"])]
    return pd.concat([own, ensemble_rows(own, shipped.selection)], ignore_index=True)


def _calibration(rows: pd.DataFrame, group: Group) -> Calibration | None:
    if rows["y"].notna().sum() == 0:
        return None
    return Calibration.of(rows, meta=group.meta, horizon=group.horizon)


def surroundings(root: Path, group: Group, *, told: pd.DataFrame) -> pd.DataFrame:
    """Return, per forecast of any fold, how old its newest observation was and how it moved.

    As its fit was told: those from before a change that what ships is ``told`` of were not.
    """
    made = features.read(root, "tail", group.freq)
    view = group.view(Known(made.history, None), length=group.length)
    around = context(view, meta=told)
    if "changed" not in told:
        return around
    fitted = around[KEY[:2]].merge(plan(root), on=KEY[:2], how="left")["fitted_at"]
    since = around["unique_id"].map(told.set_index("unique_id")["changed"])
    before = fitted < pd.to_datetime(since, format="ISO8601", utc=True)
    return around.where(~before, context(view, meta=group.meta))


def _models(evidence: pd.DataFrame, group: Group) -> list[str]:
    own = evidence[evidence["unique_id"].isin(group.meta["unique_id"])]
    return sorted(own["model"].unique())


def _write(found: Evaluated, root: Path, scales: pd.DataFrame) -> None:
    slim = found.backtest.copy()
    slim.loc[~slim["model"].isin(KEPT), list(QUANTILE_COLUMNS)] = np.nan
    BACKTEST.write(slim.sort_values(list(BACKTEST.key)), root / files.BACKTEST)
    SCORE.write(found.scores, root / files.SCORES)
    marks.write_metrics(found.scores, root / files.METRICS)
    marks.write_plots(found.backtest, found.scores, scales, root / files.PLOTS)
