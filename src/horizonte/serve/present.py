"""Vintages as the JSON of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import pandas as pd

from horizonte.contracts import QUANTILE_COLUMNS
from horizonte.serve.predict import INTERVALS, Vintage, span
from horizonte.serve.schemas import LEVELS, SeriesEntry, SeriesForecast


@dataclass(frozen=True)
class Told:
    """A vintage on its way to the client: from where, and now on the clock of its source."""

    vintage: Vintage
    origin: Literal["stored", "computed"]
    clock: pd.Timestamp


def forecast(
    told: Told, *, steps: int, facts: Mapping[str, Any], levels: Sequence[int] | None
) -> SeriesForecast:
    """Return the first ``steps`` of ``told``; ``facts`` is the SERIES row of its series."""
    vintage = told.vintage
    return SeriesForecast(
        unique_id=vintage.unique_id,
        unit=facts["unit"],
        zone=facts["zone"],
        freq=vintage.freq,
        horizon=steps,
        origin=told.origin,
        model_version=vintage.model_version,
        as_of=vintage.at.as_of,
        cutoff=vintage.cutoff,
        issued_at=vintage.issued_at,
        age_seconds=(told.clock - vintage.at.as_of).total_seconds(),
        degraded=vintage.degraded,
        intervals=INTERVALS,
        rows=rows(vintage.rows.head(steps), levels),
    )


def entry(facts: Mapping[str, Any], iso: str, horizon: int) -> SeriesEntry:
    """Return one SERIES row as a line of ``GET /series``."""
    return SeriesEntry(
        unique_id=facts["unique_id"],
        freq=iso,
        unit=facts["unit"],
        zone=facts["zone"],
        horizon=horizon,
        horizon_duration=span(iso, horizon),
        covariates=list(facts["covariates"]),
        source=facts["source"],
    )


def rows(frame: pd.DataFrame, levels: Sequence[int] | None) -> list[dict[str, Any]]:
    """Return FORECAST rows as records: ds in UTC, mean, then quantiles or the levels' columns."""
    wanted = {name: name for name in QUANTILE_COLUMNS}
    if levels is not None:
        wanted = {
            f"{side}_{level}": column
            for level in levels
            for side, column in zip(("lo", "hi"), LEVELS[level], strict=True)
        }
    shown = pd.DataFrame({name: frame[column].to_numpy() for name, column in wanted.items()})
    shown.insert(0, "mean", frame["mean"].to_numpy())
    shown.insert(0, "ds", frame["ds"].dt.strftime("%Y-%m-%dT%H:%M:%SZ").to_numpy())
    return cast("list[dict[str, Any]]", shown.to_dict("records"))
