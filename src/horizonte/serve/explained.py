"""An explanation as the JSON of the service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from horizonte import freq
from horizonte.model import attribution
from horizonte.model.attribution import Effect
from horizonte.prepare.windows import Reals
from horizonte.serve import degraded, removals, telling
from horizonte.serve import schemas_explain as schemas
from horizonte.serve.champion import Champion
from horizonte.serve.changes import Changes, Counted, Old, PartName
from horizonte.serve.predict import span
from horizonte.serve.removals import Reading, Removal

TOLERANCE = 1e-9


@dataclass(frozen=True)
class Explained:
    """What an explanation is made of; ``said`` is FORECAST, ``no_change`` says why ``changes`` is None."""

    champion: Champion
    reading: Reading
    said: pd.DataFrame
    old: Old | None = None
    changes: Changes | None = None
    no_change: str | None = None


def answer(found: Explained) -> schemas.Explanation:
    """Compute the effects and return all of it, in figures and in sentences."""
    reading, said = found.reading, found.said
    buckets = attribution.labels(said["ds"] - reading.cutoff)
    taken = [*removals.removals(reading), removals.everything(reading)]
    *effects, together = attribution.effects(
        reading.forecaster, reading.view, [one.without for one in taken]
    )
    drivers = [_driver(*pair, buckets) for pair in zip(taken[:-1], effects, strict=True)]
    facts = reading.group.series.set_index("unique_id").loc[reading.target]
    told = schemas.Explanation(
        unique_id=reading.target,
        unit=facts["unit"],
        zone=facts["zone"],
        freq=freq.iso(reading.group.step),
        horizon=span(freq.iso(reading.group.step), len(said)),
        model_version=found.champion.version,
        as_of=reading.group.at.as_of,
        cutoff=reading.cutoff,
        degraded=degraded.reasons(reading.target, reading.group, reading.made, reading.forecaster),
        sentences=[],
        families=reading.forecaster.selection.of(reading.target),
        ds=_instants(said["ds"]),
        mean=said["mean"].tolist(),
        drivers=sorted(drivers, key=lambda one: -one.effect.size),
        together=_effect(together, buckets),
        remainder=_effect(attribution.remainder(effects, together), buckets),
        changed=_changed(found, dict(zip(said["ds"], buckets, strict=True))),
        no_change=found.no_change,
    )
    return told.model_copy(update={"sentences": telling.sentences(told)})


def _driver(removal: Removal, effect: Effect, buckets: Sequence[str]) -> schemas.Driver:
    named = list(removal.subjects)
    said = telling.text(f"removed {removal.kind}", subjects=", ".join(named))
    return schemas.Driver(
        kind=removal.kind, subjects=named, removal=said, effect=_effect(effect, buckets)
    )


def _effect(effect: Effect, buckets: Sequence[str]) -> schemas.EffectAnswer:
    return schemas.EffectAnswer(
        mean=effect.mean,
        size=effect.size,
        buckets=effect.buckets(buckets),
        steps=effect.steps.tolist(),
    )


def _changed(found: Explained, bucket_of: dict[pd.Timestamp, str]) -> schemas.Changed | None:
    old, changes = found.old, found.changes
    if old is None or changes is None:
        return None
    buckets = [bucket_of[at] for at in changes.ds]
    meanings = telling.meanings(list(changes.parts))
    return schemas.Changed(
        run_id=old.vintage.run_id,
        model_version=old.vintage.model_version,
        issued_at=old.vintage.issued_at,
        as_of=old.vintage.as_of,
        cutoff=old.vintage.cutoff,
        cutoff_moved=(found.reading.cutoff - old.vintage.cutoff).isoformat(),
        ds=_instants(changes.ds),
        readings=_count(changes.readings),
        covariate_rows=_count(changes.covariates),
        annotations=changes.annotations,
        old_model=old.refused,
        tolerance=TOLERANCE,
        total=_part(None, telling.text("part total"), changes.total, buckets),
        parts=[
            _part(name, meanings[name], values, buckets) for name, values in changes.parts.items()
        ],
    )


def _part(
    name: PartName | None, meaning: str, values: Reals, buckets: Sequence[str]
) -> schemas.Part:
    mean, low, high = values.T
    return schemas.Part(
        name=name,
        meaning=meaning,
        average=float(mean.mean()),
        width=float(np.mean(high - low)),
        buckets=Effect(mean).buckets(buckets),
        mean=mean.tolist(),
        lo_80=low.tolist(),
        hi_80=high.tolist(),
    )


def _count(counted: Counted) -> schemas.RowCount:
    return schemas.RowCount(new=counted.new, corrected=counted.corrected, ahead=counted.ahead)


def _instants(ds: pd.Series[pd.Timestamp]) -> list[str]:
    return ds.dt.strftime("%Y-%m-%dT%H:%M:%SZ").tolist()
