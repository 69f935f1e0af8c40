"""What a forecast rests on: the same forecast from inputs that each lack one thing.

An effect is the forecast with everything minus the forecast without one thing, so it is what
removing that thing really does. Effects of things that stand in for each other do not add up;
the rest is named, never spread over them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from horizonte.model.boosting import FittedBoosting
from horizonte.model.forecaster import Forecaster
from horizonte.model.linear import FittedLinear
from horizonte.model.metrics import BUCKETS, bucket
from horizonte.model.per_series import PerSeriesFit
from horizonte.model.protocol import Fitted
from horizonte.prepare.calendar import NO_HOLIDAYS
from horizonte.prepare.windows import Reals, Windows


@dataclass(frozen=True)
class Without:
    """One thing taken away: what the model then reads, and whether it knows no holiday."""

    view: Windows  # one row
    blind: bool = False


@dataclass(frozen=True)
class Effect:
    """What one thing adds to each step of a forecast, in the unit of y."""

    steps: Reals  # [horizon]

    @property
    def mean(self) -> float:
        """Return the mean over the horizon."""
        return float(self.steps.mean())

    @property
    def size(self) -> float:
        """Return the mean absolute effect: what it moves, up or down, at a usual step."""
        return float(np.abs(self.steps).mean())

    def buckets(self, labels: Sequence[str]) -> dict[str, float]:
        """Return the mean per lead-time bucket, given the bucket of each step."""
        at = np.array(labels)
        return {name: float(self.steps[at == name].mean()) for name in dict.fromkeys(labels)}


def labels(lead_time: pd.Series) -> list[str]:
    """Return the lead-time bucket of each step of one forecast; the last ends where it ends."""
    last = lead_time.max()
    ends = [end for end in BUCKETS if pd.Timedelta(end) < last]
    return [str(name) for name in bucket(lead_time, [*ends, last.isoformat()])]


def effects(forecaster: Forecaster, whole: Windows, without: Sequence[Without]) -> list[Effect]:
    """Return the effect on the mean of each thing taken away, in at most two calls of the model.

    ``whole`` and every view of ``without`` are one row of the same series. Means are those that
    are published, within the series' limits.
    """
    seeing = [i for i, one in enumerate(without) if not one.blind]
    blind = [i for i, one in enumerate(without) if one.blind]
    full, *rest = answers(forecaster, [whole, *(without[i].view for i in seeing)])
    found = dict(zip(seeing, rest, strict=True))
    if blind:
        ordinary = holiday_blind(forecaster, str(whole.unique_id[0]))
        found |= zip(blind, answers(ordinary, [without[i].view for i in blind]), strict=True)
    base = full["mean"].to_numpy()
    return [Effect(base - found[i]["mean"].to_numpy()) for i in range(len(without))]


def remainder(effects: Sequence[Effect], together: Effect) -> Effect:
    """Return what the effects leave of ``together``: how much they overlap or need each other."""
    total = np.zeros_like(together.steps)
    for effect in effects:
        total = total + effect.steps
    return Effect(together.steps - total)


def answers(forecaster: Forecaster, views: Sequence[Windows]) -> list[pd.DataFrame]:
    """Return FORECAST columns per view, each of one row, from one call of the model."""
    rows = forecaster.answer(stacked(views))
    horizon = views[0].horizon
    return [
        rows.iloc[i * horizon : (i + 1) * horizon].reset_index(drop=True) for i in range(len(views))
    ]


def stacked(views: Sequence[Windows]) -> Windows:
    """Return the rows of ``views`` as one; shorter histories are padded with what is unknown."""
    length = max(view.length for view in views)
    first = views[0]

    def grown(values: Reals) -> Reals:
        return np.pad(values, ((0, 0), (length - values.shape[1], 0)), constant_values=np.nan)

    return replace(
        first,
        unique_id=np.concatenate([v.unique_id for v in views]),
        cutoff=np.concatenate([v.cutoff for v in views]),
        y=np.vstack([grown(v.y) for v in views]),
        covariates={
            name: np.vstack([grown(v.covariates[name]) for v in views]) for name in first.covariates
        },
        future={name: np.vstack([v.future[name] for v in views]) for name in first.future},
        lost=tuple(names for v in views for names in v.lost or ((),) * len(v)),
    )


def without_covariates(view: Windows, names: Sequence[str]) -> Windows:
    """Return ``view`` with nothing known of the covariates ``names``, neither past nor ahead."""

    def lost(values: dict[str, Reals]) -> dict[str, Reals]:
        return {n: np.full_like(v, np.nan) if n in names else v for n, v in values.items()}

    return replace(view, covariates=lost(view.covariates), future=lost(view.future))


def holiday_blind(forecaster: Forecaster, unique_id: str) -> Forecaster:
    """Return ``forecaster`` for one series, in whose calendar every day is ordinary."""
    members = {name: _blind(member, unique_id) for name, member in forecaster.members.items()}
    return replace(forecaster, meta=_ordinary(forecaster.meta), members=members)


def _blind(member: Fitted, unique_id: str) -> Fitted:
    if isinstance(member, FittedLinear | FittedBoosting):
        return replace(member, meta=_ordinary(member.meta))
    spec = member.series.get(unique_id) if isinstance(member, PerSeriesFit) else None
    if isinstance(member, PerSeriesFit) and spec and spec["holidays"]:
        return replace(member, series={unique_id: spec | {"holidays": NO_HOLIDAYS}})
    return member


def _ordinary(meta: pd.DataFrame) -> pd.DataFrame:
    return meta.assign(holidays=NO_HOLIDAYS)
