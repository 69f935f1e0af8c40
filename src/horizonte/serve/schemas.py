"""The JSON of the service: what ``POST /forecast`` takes and what every route answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from horizonte.serve.instants import Instant

MAX_SERIES = 100
MAX_SUPPOSED = 10_000
LEVELS = {50: ("q25", "q75"), 80: ("q10", "q90"), 90: ("q05", "q95")}
_Name = Annotated[str, Field(min_length=1, max_length=200)]


class Supposed(BaseModel):
    """One supposed value of a covariate."""

    model_config = ConfigDict(extra="forbid")

    ds: Instant = Field(description="start of the interval, on the covariate's grid")
    value: float = Field(allow_inf_nan=False)


class ForecastRequest(BaseModel):
    """What to forecast, how far, and with which intervals."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"series": "vic/demand_mw", "horizon": "PT24H", "levels": [80, 90]}
        },
    )

    series: _Name | Annotated[list[_Name], Field(min_length=1, max_length=MAX_SERIES)] = Field(
        description="a unique_id, or a list of them; GET /series lists all"
    )
    horizon: (
        Annotated[int, Field(ge=1, strict=True)]
        | Annotated[str, Field(min_length=1, max_length=32)]
        | None
    ) = Field(
        default=None,
        description="steps of the series' own freq, or an ISO-8601 duration such as"
        " PT24H; left out, all that the model reaches",
    )
    levels: list[Literal[50, 80, 90]] | None = Field(
        default=None,
        description="central intervals in per cent, as columns lo_80, hi_80, …;"
        " left out, the seven stored quantiles q05 … q95",
    )
    quantiles: list[Annotated[float, Field(ge=0.05, le=0.95)]] | None = Field(
        default=None,
        min_length=1,
        max_length=20,
        description="probabilities from 0.05 to 0.95 instead of levels, as columns q05, q12.5, …;"
        " between the stored quantiles they are interpolated",
    )
    as_of: Instant | None = Field(
        default=None,
        description="forecast from what was known at this instant: a replay, never scored",
    )
    known_future: dict[_Name, Annotated[list[Supposed], Field(min_length=1)]] | None = Field(
        default=None,
        min_length=1,
        description="what if: values of covariates known ahead, by unique_id; never scored",
    )

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.levels is not None and self.quantiles is not None:
            raise ValueError("levels or quantiles, not both")
        if sum(len(rows) for rows in (self.known_future or {}).values()) > MAX_SUPPOSED:
            raise ValueError(f"known_future of at most {MAX_SUPPOSED:,} rows")
        return self

    @field_validator("levels")
    @classmethod
    def _once(cls, levels: list[int] | None) -> list[int] | None:
        return None if levels is None else sorted(set(levels))

    def ahead(self) -> dict[str, pd.Series[float]] | None:
        """Return ``known_future`` as series of values by ds (UTC)."""
        if self.known_future is None:
            return None
        return {
            name: pd.Series(
                [row.value for row in rows],
                pd.DatetimeIndex([row.ds for row in rows]).tz_convert("UTC").as_unit("ns"),
            )
            for name, rows in self.known_future.items()
        }

    def names(self) -> list[str]:
        """Return the unique_ids asked for, each once, in order."""
        asked = [self.series] if isinstance(self.series, str) else self.series
        return list(dict.fromkeys(asked))


class SeriesForecast(BaseModel):
    """One forecast of one series: where it comes from, then its rows."""

    unique_id: str
    unit: str
    zone: str = Field(description="IANA zone of the series' calendar; instants below are UTC")
    freq: str = Field(description="ISO-8601 duration of one step")
    horizon: int = Field(description="steps answered")
    origin: Literal["stored", "computed"] = Field(
        description="stored: a vintage issued earlier for the same cutoff by the same model"
    )
    purpose: Literal["live", "what_if", "replay"] = Field(
        description="live: what is said now; the others are kept on record and never scored"
    )
    model_version: str = Field(description="untrained: no model knows the series")
    as_of: datetime = Field(description="the knowledge instant: nothing known later was used")
    cutoff: datetime = Field(description="last instant whose interval was over at as_of")
    issued_at: datetime
    age_seconds: float = Field(description="from as_of to now on the clock of the source")
    degraded: str | None = Field(description="why the forecast may be worse than usual, or null")
    intervals: str = Field(description="how the intervals were made")
    rows: list[dict[str, Any]] = Field(
        description="ds (start of the interval, UTC), mean, and quantiles or interval columns"
    )


class ForecastAnswer(BaseModel):
    """The forecasts of one request, all by one model version."""

    model_version: str = Field(description="the champion; untrained where there is none")
    request_id: str | None
    forecasts: list[SeriesForecast]


class SeriesEntry(BaseModel):
    """One registered series, and how fresh it is."""

    unique_id: str
    role: Literal["target", "covariate"]
    freq: str
    unit: str
    zone: str
    horizon: int | None = Field(description="steps that its forecasts reach; null: no target")
    horizon_duration: str | None
    model_version: str | None = Field(description="what answers for it; null: it is no target")
    covariates: list[str]
    known_ahead_hours: float = Field(description="0: only its past is ever read")
    source: str
    last_ds: datetime | None = Field(description="start of the newest interval with a reading")
    last_issued_at: datetime | None = Field(description="when its newest forecast was issued")


class SeriesList(BaseModel):
    """Registered series, by name."""

    model_version: str | None = Field(description="the champion, or null")
    series: list[SeriesEntry]
    next: str | None = Field(description="cursor of the next page, or null")


class CurrentModel(BaseModel):
    """The champion: which version serves, since when, why, and its card."""

    model_version: str
    promoted_at: datetime | None
    why: str | None
    ready_since: datetime
    refused: str | None = Field(description="why a newer pointer could not be followed, or null")
    card: dict[str, Any]


class Version(BaseModel):
    """What runs here."""

    name: str
    version: str
    python: str
    bentoml: str
    model_version: str | None
