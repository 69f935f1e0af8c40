"""Which covariates a forecast ought to know and does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from horizonte import freq
from horizonte.prepare.panel import BySeries

RECENT = pd.Timedelta(days=1)
NEVER = pd.DatetimeIndex([], tz="UTC")


@dataclass(frozen=True)
class Losses:
    """Covariates of one target that were silent for a day, and those whose future is unknown."""

    silent: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Return both."""
        return (*self.silent, *self.unknown)


def losses(
    values: BySeries, series: pd.DataFrame, cutoffs: Mapping[str, pd.Timestamp]
) -> dict[str, Losses]:
    """Return what is lost to each target of ``cutoffs``; prepared values by series and SERIES in.

    A covariate may be as late as its source publishes it and its own step allows.
    """
    facts: dict[str, Any] = {row["unique_id"]: row for row in series.to_dict("records")}
    return {
        target: _of(facts[target]["covariates"], cutoff, facts, values)
        for target, cutoff in cutoffs.items()
    }


def _of(
    covariates: list[str], cutoff: pd.Timestamp, facts: Mapping[str, Any], values: BySeries
) -> Losses:
    silent, unknown = [], []
    for name in covariates:
        step = freq.step(facts[name]["freq"])
        lag = pd.Timedelta(seconds=facts[name]["publication_lag_seconds"])
        seen = _seen(values.get(name), cutoff - max(RECENT, step) - lag)
        if not (seen <= cutoff).any():
            silent.append(name)
        elif facts[name]["known_ahead_hours"] > 0 and seen[-1] <= cutoff + step:
            unknown.append(name)
    return Losses(tuple(silent), tuple(unknown))


def _seen(own: pd.DataFrame | None, after: pd.Timestamp) -> pd.DatetimeIndex:
    """Return the instants beyond ``after`` of which a value is known."""
    if own is None:
        return NEVER
    ds = pd.DatetimeIndex(own["ds"])
    first = ds.searchsorted(after, side="right")
    return ds[first:][own["y"].notna().to_numpy()[first:]]
