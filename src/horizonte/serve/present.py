"""Vintages as the JSON of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from horizonte.contracts import QUANTILE_COLUMNS, QUANTILES
from horizonte.serve.predict import Vintage, intervals
from horizonte.serve.schemas import LEVELS, SeriesForecast


@dataclass(frozen=True)
class Told:
    """A vintage on its way to the client: from where, and now on the clock of its source."""

    vintage: Vintage
    origin: Literal["stored", "computed"]
    clock: pd.Timestamp


@dataclass(frozen=True)
class Shape:
    """Which columns a client asked for; neither gives the stored quantiles."""

    levels: Sequence[int] | None = None
    quantiles: Sequence[float] | None = None

    def __post_init__(self) -> None:
        """Hold tuples, so that equal shapes are one key."""
        for name in ("levels", "quantiles"):
            if (given := getattr(self, name)) is not None:
                object.__setattr__(self, name, tuple(given))


def forecast(told: Told, *, steps: int, facts: Mapping[str, Any], shape: Shape) -> SeriesForecast:
    """Return the first ``steps`` of ``told``; ``facts`` is the SERIES row of its series."""
    vintage = told.vintage
    return SeriesForecast(
        unique_id=vintage.unique_id,
        unit=facts["unit"],
        zone=facts["zone"],
        freq=vintage.freq,
        horizon=steps,
        origin=told.origin,
        purpose=vintage.purpose,
        model_version=vintage.model_version,
        as_of=vintage.at.as_of,
        cutoff=vintage.cutoff,
        issued_at=vintage.issued_at,
        age_seconds=(told.clock - vintage.at.as_of).total_seconds(),
        degraded=vintage.degraded,
        intervals=intervals(vintage.model_version),
        rows=rows(vintage.rows.head(steps), shape),
    )


def rows(frame: pd.DataFrame, shape: Shape) -> list[dict[str, Any]]:
    """Return FORECAST rows as records: ds in UTC, mean, then what ``shape`` asks for."""
    ds = np.datetime_as_string(frame["ds"].to_numpy("datetime64[s]"), timezone="UTC")
    shown = {"ds": ds, "mean": frame["mean"].to_numpy(), **_columns(frame, shape)}
    values = zip(*(column.tolist() for column in shown.values()), strict=True)
    return [dict(zip(shown, row, strict=True)) for row in values]


def _columns(frame: pd.DataFrame, shape: Shape) -> dict[str, np.ndarray]:
    if shape.levels is not None:
        sides = [
            (f"{s}_{n}", c)
            for n in shape.levels
            for s, c in zip(("lo", "hi"), LEVELS[n], strict=True)
        ]
        return {name: frame[column].to_numpy() for name, column in sides}
    if shape.quantiles is not None:
        return {_name(q): _quantile(frame, q) for q in sorted(set(shape.quantiles))}
    return {name: frame[name].to_numpy() for name in QUANTILE_COLUMNS}


def _name(q: float) -> str:
    whole, dot, rest = f"{q * 100:g}".partition(".")
    return f"q{whole:0>2}{dot}{rest}"


def _quantile(frame: pd.DataFrame, q: float) -> np.ndarray:
    """Return quantile ``q``: as stored, else on the line between its two neighbours."""
    at = int(np.searchsorted(QUANTILES, q))
    if np.isclose(q, QUANTILES[at]):
        return frame[QUANTILE_COLUMNS[at]].to_numpy()
    low, high = (frame[name].to_numpy() for name in QUANTILE_COLUMNS[at - 1 : at + 1])
    share = (q - QUANTILES[at - 1]) / (QUANTILES[at] - QUANTILES[at - 1])
    found: np.ndarray = low + share * (high - low)
    return found
