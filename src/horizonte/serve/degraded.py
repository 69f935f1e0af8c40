"""Why a forecast may be worse than usual, in one plain sentence, or nothing."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from horizonte import freq
from horizonte.model.forecaster import Forecaster
from horizonte.serve.inputs import Group, Inputs

RECENT = pd.Timedelta(days=1)
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
        *(_covariates(inputs, group, target) if trained else [NO_MODEL]),
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


def _covariates(inputs: Inputs, group: Group, target: str) -> Iterable[str]:
    facts = {row["unique_id"]: row for row in group.series.to_dict("records")}
    cutoff = inputs.cutoffs[target]
    recent = inputs.prepared[inputs.prepared["ds"] > cutoff - RECENT]
    silent, unknown = [], []
    for name in facts[target]["covariates"]:
        rows = recent[recent["unique_id"] == name]
        if rows.loc[rows["ds"] <= cutoff, "y"].notna().sum() == 0:
            silent.append(name)
        elif facts[name]["known_ahead_hours"] > 0 and _ends_early(
            rows, cutoff, facts[name]["freq"]
        ):
            unknown.append(name)
    if silent:
        yield f"covariates silent for a day: {', '.join(silent)}"
    if unknown:
        yield f"known-ahead covariates not known ahead: {', '.join(unknown)}"


def _fallback(forecaster: Forecaster, target: str) -> Iterable[str]:
    """Name the families that were chosen for ``target`` and have no fit for it."""
    for name, weight in forecaster.selection.of(target).items():
        member = forecaster.members.get(name)
        if weight > 0 and (member is None or target in member.failed):
            yield f"fallback: {name} has no fit for this series"


def _ends_early(rows: pd.DataFrame, cutoff: pd.Timestamp, iso: str) -> bool:
    """Return whether nothing is known beyond the cutoff, though it should be."""
    return bool(rows.loc[rows["y"].notna(), "ds"].max() <= cutoff + freq.step(iso))


def _instant(at: pd.Timestamp) -> str:
    return at.strftime("%Y-%m-%dT%H:%MZ")
