"""What changed since an earlier vintage: a path of real forecasts from the old one to the new.

Old inputs and old model → new readings of the target → new covariates → new annotations → new
model → new calibration. Each part is the difference between two neighbours, so the parts add up
to the whole; what the old vintage said and its inputs and model no longer give is a part too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import pandas as pd

from horizonte import freq
from horizonte.model.attribution import answers
from horizonte.model.forecaster import Forecaster
from horizonte.prepare.windows import Reals
from horizonte.serve.champion import Champion
from horizonte.serve.inputs import Group, Knowledge
from horizonte.serve.removals import Reading
from horizonte.store.earlier import Seen
from horizonte.store.forecasts import Vintage

PartName = Literal[
    "unexplained", "new_actuals", "new_covariates", "new_annotations", "new_model", "recalibration"
]
COLUMNS = ("mean", "q10", "q90")


@dataclass(frozen=True)
class Old:
    """An earlier vintage as it was stored, its model (None: why not), and what it could read."""

    vintage: Vintage
    model: Champion | None
    refused: str | None
    seen: Seen


@dataclass(frozen=True)
class Counted:
    """How many rows are new since, how many have another value, how many lie ahead of the cutoff."""

    new: int
    corrected: int
    ahead: int


@dataclass(frozen=True)
class Changes:
    """The parts of new − old at the instants that both forecast, ``[ds, COLUMNS]`` each."""

    ds: pd.Series[pd.Timestamp]
    parts: dict[PartName, Reals]
    total: Reals
    readings: Counted
    covariates: Counted
    annotations: int


def changes(old: Old, new: Reading, model: Champion, said: pd.DataFrame) -> Changes:
    """Return what leads from ``old`` to ``said``, which ``model`` makes of ``new``.

    Without the old model, the step to the new one comes first and holds the recalibration and
    whatever cannot be recomputed. ``said`` is FORECAST.
    """
    both = old.vintage.rows.merge(said, on="ds", suffixes=("_old", "_new"))["ds"]
    path = _path(old, new, model)
    frames = [old.vintage.rows, *(frame for _, frame in path)]
    at = [frame.set_index("ds").loc[both, list(COLUMNS)].to_numpy(float) for frame in frames]
    names = [name for name, _ in path]
    parts = {name: b - a for name, (a, b) in zip(names, pairwise(at), strict=True)}
    last = said.set_index("ds").loc[both, list(COLUMNS)].to_numpy(float)
    target, others = {new.target}, set(new.group.ids) - {new.target}
    return Changes(
        both,
        parts,
        last - at[0],
        _counted(old.seen, new.seen, target, new.cutoff),
        _counted(old.seen, new.seen, others, new.cutoff),
        len(new.seen.notes) - len(old.seen.notes),
    )


def group_at(group: Group, as_of: pd.Timestamp) -> Group:
    """Return ``group`` with what was known at another instant."""
    return replace(group, at=Knowledge(as_of, group.at.rows))


def _path(old: Old, new: Reading, model: Champion) -> list[tuple[PartName, pd.DataFrame]]:
    """Return every step after the stored vintage, the last of which is the new forecast."""
    iso = freq.iso(new.group.step)
    served = model.forecasters[iso]
    before = _forecaster(old.model, iso, new.target)
    if before is None or old.model is None:
        first, *rest = _inputs(old, new, model, served)
        return [("new_model", first[1]), *rest]
    steps = _inputs(old, new, old.model, before)
    if old.model.version == model.version:
        last = steps[-1][1]
        return [*steps, ("new_model", last), ("recalibration", last)]
    uncalibrated = replace(served, calibration=before.calibration)
    return [
        *steps,
        ("new_model", answers(uncalibrated, [new.view])[0]),
        ("recalibration", answers(served, [new.view])[0]),
    ]


def _inputs(
    old: Old, new: Reading, model: Champion, forecaster: Forecaster
) -> list[tuple[PartName, pd.DataFrame]]:
    """Return what one model says as its inputs become the new ones, in one call of it."""
    then, now = old.seen, new.seen
    with_own = then.mixed(now, [new.target])
    with_all = replace(now, notes=then.notes)
    before = group_at(new.group, old.vintage.as_of)
    names: list[PartName] = ["unexplained", "new_actuals", "new_covariates", "new_annotations"]
    steps = [(before, then), (new.group, with_own), (new.group, with_all), (new.group, now)]
    views = [
        new.view
        if forecaster is new.forecaster and group is new.group and seen.same(now)
        else Reading.of(group, seen, rules=model.rules, forecaster=forecaster).view
        for group, seen in steps
    ]
    return list(zip(names, answers(forecaster, views), strict=True))


def _forecaster(model: Champion | None, iso: str, target: str) -> Forecaster | None:
    """Return what ``model`` forecasts ``target`` with, None when it does not know it."""
    found = model.forecasters.get(iso) if model else None
    return found if found and target in set(found.meta["unique_id"]) else None


def _counted(then: Seen, now: Seen, ids: set[str], cutoff: pd.Timestamp) -> Counted:
    old, new = (s.rows[s.rows["unique_id"].isin(ids)] for s in (then, now))
    pairs = new.merge(old, "left", ["unique_id", "ds"], suffixes=("", "_old"))
    fresh = pairs["y_old"].isna()
    other = ~fresh & (pairs["y"] != pairs["y_old"])
    ahead = (fresh | other) & (pairs["ds"] > cutoff)
    return Counted(int(fresh.sum()), int(other.sum()), int(ahead.sum()))
