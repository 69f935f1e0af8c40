"""Which costly families a budget affords, judged from a sample of series."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from horizonte.model.backtest import Group, fit
from horizonte.model.families import expand, family
from horizonte.model.protocol import Fitted
from horizonte.prepare.windows import Windows

if TYPE_CHECKING:
    from horizonte.model.train import Plan

SAMPLE = 2  # series that are fitted to learn the cost
SHARE = 0.7  # of the budget, for the costly families; the others take the rest


def affordable(
    group: Group, folds: pd.DataFrame, *, final: pd.Timestamp, plan: Plan
) -> dict[str, str]:
    """Return the costly families that the budget does not cover, with the reason; none without budget.

    Cost is that of a few series' fit and forecast, times the fits and forecasts of the folds. A
    family that fits into what is left is run for every series, in the order of ``plan.families``.
    """
    costly = [name for name in expand(plan.families) if family(name).costly]
    if plan.budget_seconds is None or not costly:
        return {}
    mine = folds[folds["freq"] == group.freq]
    fits = mine[["unique_id", "fitted_at"]].drop_duplicates().shape[0] + len(group.meta)
    view = group.view(group.fit_history_at(final))
    sample = view.take(np.linspace(0, len(view) - 1, min(SAMPLE, len(view))).astype(int))
    left = plan.budget_seconds * SHARE * plan.n_jobs
    skipped = {}
    for name in costly:
        began = perf_counter()
        cost = _cost(name, sample, group=group, seed=plan.seed, times=(fits, len(mine)))
        left -= perf_counter() - began
        if cost > left:
            skipped[name] = f"about {cost:.0f} s of work, {max(left, 0):.0f} s left of the budget"
        else:
            left -= cost
    return skipped


def _cost(name: str, sample: Windows, *, group: Group, seed: int, times: tuple[int, int]) -> float:
    """Return the seconds that ``times`` (fits, forecasts) of one series would take."""
    fit(name, sample.take([0]), group=group, seed=seed)  # imports and compilers, paid once
    model, entry = fit(name, sample, group=group, seed=seed)
    each = float(entry["fit_seconds"]) / max(1, len(sample))
    return each * times[0] + (_answer(model, sample) * times[1] if model is not None else 0.0)


def _answer(model: Fitted, sample: Windows) -> float:
    began = perf_counter()
    model.predict(sample)
    return (perf_counter() - began) / max(1, len(sample))
