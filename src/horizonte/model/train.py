"""From histories to champions: backtest, choice, calibration and the fit that ships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from horizonte.contracts import BACKTEST
from horizonte.model.backtest import Group, Known, Progress, Tried, backtest, fit, run
from horizonte.model.budget import affordable
from horizonte.model.conformal import Calibration
from horizonte.model.ensemble import NAME, ensemble_rows
from horizonte.model.families import expand
from horizonte.model.forecaster import Forecaster, places
from horizonte.model.protocol import Fitted
from horizonte.model.selection import Selection, select
from horizonte.prepare.folds import TRAINS

DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Plan:
    """How to train: which families, from which seed, at what cost, in how many processes."""

    families: Sequence[str]
    seed: int
    budget_seconds: float | None = None
    n_jobs: int = 1


@dataclass(frozen=True)
class Trained:
    """What training gave: a champion per freq, the evidence it was chosen on, and what it cost."""

    forecasters: dict[str, Forecaster]
    backtest: pd.DataFrame  # BACKTEST of the families over the given folds
    ledger: pd.DataFrame  # one row per family, freq and fit; seconds, tried, failed, skipped
    skipped: dict[str, dict[str, str]]  # freq → family → why it was not run


def train(
    groups: Sequence[Group],
    folds: pd.DataFrame,
    *,
    final: dict[str, pd.Timestamp],
    plan: Plan,
    progress: Progress | None = None,
) -> Trained:
    """Train the champion of every group on its selection folds, and fit it on all history.

    ``folds`` are FOLD rows; every period is forecast, only ``selection`` chooses and calibrates.
    ``final`` gives per freq the cutoff of the fit that ships.
    """
    skipped = {g.freq: affordable(g, folds, final=final[g.freq], plan=plan) for g in groups}
    families = {
        g.freq: [n for n in expand(plan.families) if n not in skipped[g.freq]] for g in groups
    }
    tried = backtest(
        groups, folds, families=families, seed=plan.seed, n_jobs=plan.n_jobs, progress=progress
    )
    chosen = [
        folds.loc[(folds["freq"] == g.freq) & (folds["period"] == "selection")] for g in groups
    ]
    evidence = [
        abreast(only(tried.backtest, rows), rows, changed=g.changed)
        for g, rows in zip(groups, chosen, strict=True)
    ]
    jobs = [
        (g, final[g.freq], Evidence(rows, tried.context), plan.seed)
        for g, rows in zip(groups, evidence, strict=True)
    ]
    made = list(run(ship, jobs, n_jobs=plan.n_jobs, progress=progress))
    ledger = pd.concat(
        [p for p in (tried.ledger, *(costs for _, costs in made)) if len(p)], ignore_index=True
    )
    return Trained(
        {g.freq: f for g, (f, _) in zip(groups, made, strict=True)}, tried.backtest, ledger, skipped
    )


class Evidence(NamedTuple):
    """Out-of-sample forecasts of the selection period, and what was known of their certainty."""

    backtest: pd.DataFrame  # BACKTEST of one group
    context: pd.DataFrame  # as in ``Tried``


def ship(
    group: Group, at: pd.Timestamp, evidence: Evidence, seed: int
) -> tuple[Forecaster, pd.DataFrame]:
    """Return the champion chosen on ``evidence`` and fitted on what was known at ``at``, and its ledger."""
    selection = select(evidence.backtest)
    view, group = group.learning(group.fit_history_at(at))
    members: dict[str, Fitted] = {}
    entries = []
    for name in selection.members():
        needed = np.array([_needs(selection, str(u), name) for u in view.unique_id], bool)
        if not needed.any():
            continue
        model, entry = fit(name, view.take(needed), group=group, seed=seed)
        entries.append(entry | {"fitted_at": at, "shipped": model is not None})
        if model is not None:
            members[name] = model
    calibration = calibrate(evidence, selection, group=group)
    return Forecaster(
        group.freq, group.horizon, group.tail, places(group.meta), members, selection, calibration
    ), pd.DataFrame(entries)


def _needs(selection: Selection, unique_id: str, name: str) -> bool:
    return selection.of(unique_id).get(name, 0) > 0 or selection.naive_of(unique_id) == name


def calibrate(evidence: Evidence, selection: Selection, *, group: Group) -> Calibration:
    """Return the bands of the ensemble, from its own out-of-sample forecasts."""
    rows = ensemble_rows(evidence.backtest, selection)
    rows = rows[rows["model"] == NAME].merge(evidence.context, on=["unique_id", "cutoff", "ds"])
    return Calibration.of(rows, meta=group.meta, horizon=group.horizon)


def only(rows: pd.DataFrame, folds: pd.DataFrame) -> pd.DataFrame:
    """Return the BACKTEST rows that belong to ``folds``."""
    kept = rows.merge(folds[["unique_id", "cutoff"]], on=["unique_id", "cutoff"])
    return BACKTEST.check(kept)


def abreast(
    rows: pd.DataFrame, folds: pd.DataFrame, *, changed: Mapping[str, pd.Timestamp]
) -> pd.DataFrame:
    """Return BACKTEST rows without actuals that follow a change which their fit had not learnt.

    What ships has seen ``TRAINS`` of it or more, and is no such forecast: neither as wrong, nor as
    unsure. A change is named since its first whole day, and may have begun within the one before.
    """
    if not changed:
        return rows
    key = ["unique_id", "cutoff"]
    fitted = rows[key].merge(folds[[*key, "fitted_at"]], on=key, how="left")["fitted_at"]
    since = pd.to_datetime(rows["unique_id"].map(changed), utc=True)
    behind = (fitted.to_numpy() < (since + TRAINS).to_numpy()) & (rows["ds"] > since - DAY)
    return rows.assign(y=rows["y"].mask(behind))


__all__ = [
    "Group",
    "Known",
    "Plan",
    "Trained",
    "Tried",
    "abreast",
    "calibrate",
    "only",
    "ship",
    "train",
]
