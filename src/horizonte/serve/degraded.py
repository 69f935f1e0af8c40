"""Why a forecast may be worse than usual, in one plain sentence, or nothing."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from horizonte.model.forecaster import Forecaster
from horizonte.serve.inputs import Group, Inputs
from horizonte.serve.losses import RECENT, Losses

NO_MODEL = "fallback: no model in service knows this series, its best naive answers"
TOLERATED_SHARE = 0.1  # of imputed values in the last day


def reasons(
    target: str, group: Group, inputs: Inputs, forecaster: Forecaster, *, trained: bool = True
) -> str | None:
    """Return what was missing for ``target``, joined by semicolons; None when nothing was.

    ``trained`` says whether a model knows the series; without one it has no covariates to miss.
    """
    found = [
        *_target(inputs.prepared, target, inputs.cutoffs[target], group.step),
        *(_covariates(inputs.losses[target]) if trained else [NO_MODEL]),
        *_fallback(forecaster, target),
    ]
    return "; ".join(found) or None


def _target(
    prepared: pd.DataFrame, target: str, cutoff: pd.Timestamp, step: pd.Timedelta
) -> Iterable[str]:
    rows = prepared[(prepared["unique_id"] == target) & (prepared["ds"] <= cutoff)]
    seen = rows.loc[rows["y"].notna(), "ds"]
    if seen.empty:
        yield "stale: no trusted value in the whole look-back"
        return
    missed = int((cutoff - seen.iloc[-1]) // step)
    if missed:
        yield f"stale: no trusted value for {missed} steps, since {_instant(seen.iloc[-1])}"
    recent = rows[rows["ds"] > cutoff - RECENT]
    imputed = int((recent["quality"] == "imputed").sum())
    if imputed > TOLERATED_SHARE * len(recent):
        yield f"imputed: {imputed} of the last {len(recent)} values"


def _covariates(lost: Losses) -> Iterable[str]:
    if lost.silent:
        yield f"covariates silent for a day: {', '.join(lost.silent)}"
    if lost.unknown:
        yield f"known-ahead covariates not known ahead: {', '.join(lost.unknown)}"


def _fallback(forecaster: Forecaster, target: str) -> Iterable[str]:
    """Name the families that were chosen for ``target`` and have no fit for it."""
    for name, weight in forecaster.selection.of(target).items():
        member = forecaster.members.get(name)
        if weight > 0 and (member is None or target in member.failed):
            yield f"fallback: {name} has no fit for this series"


def _instant(at: pd.Timestamp) -> str:
    return at.strftime("%Y-%m-%dT%H:%MZ")
