"""Which covariates a forecast ought to know and does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from horizonte import freq

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
    prepared: pd.DataFrame, series: pd.DataFrame, cutoffs: Mapping[str, pd.Timestamp]
) -> dict[str, Losses]:
    """Return what is lost to each target of ``cutoffs``; PREPARED and SERIES in.

    A covariate may be as late as its source publishes it and its own step allows.
    """
    facts: dict[str, Any] = {row["unique_id"]: row for row in series.to_dict("records")}
    read = {c for target in cutoffs for c in facts[target]["covariates"]}
    known = prepared[prepared["unique_id"].isin(read) & prepared["y"].notna()]
    ds, places = pd.DatetimeIndex(known["ds"]), known.groupby("unique_id", observed=True).indices
    seen = {str(name): ds[np.asarray(at)] for name, at in places.items()}
    return {
        target: _of(facts[target]["covariates"], cutoff, facts, seen)
        for target, cutoff in cutoffs.items()
    }


def _of(
    covariates: list[str],
    cutoff: pd.Timestamp,
    facts: Mapping[str, Any],
    seen: Mapping[str, pd.DatetimeIndex],
) -> Losses:
    silent, unknown = [], []
    for name in covariates:
        fact, ds = facts[name], seen.get(name, NEVER)
        step, lag = freq.step(fact["freq"]), pd.Timedelta(seconds=fact["publication_lag_seconds"])
        if not ((ds > cutoff - max(RECENT, step) - lag) & (ds <= cutoff)).any():
            silent.append(name)
        elif fact["known_ahead_hours"] > 0 and ds[-1] <= cutoff + step:
            unknown.append(name)
    return Losses(tuple(silent), tuple(unknown))
