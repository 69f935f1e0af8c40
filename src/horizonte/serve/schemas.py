"""The JSON of the service: what ``POST /forecast`` takes and what every route answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

MAX_SERIES = 100
LEVELS = {50: ("q25", "q75"), 80: ("q10", "q90"), 90: ("q05", "q95")}
_Name = Annotated[str, Field(min_length=1, max_length=200)]


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

    @field_validator("levels")
    @classmethod
    def _once(cls, levels: list[int] | None) -> list[int] | None:
        return None if levels is None else sorted(set(levels))

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
    model_version: str
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

    model_version: str
    request_id: str | None
    forecasts: list[SeriesForecast]


class SeriesEntry(BaseModel):
    """One series that can be forecast."""

    unique_id: str
    freq: str
    unit: str
    zone: str
    horizon: int = Field(description="steps that the model reaches")
    horizon_duration: str
    covariates: list[str]
    source: str


class SeriesList(BaseModel):
    """Every series that the champion forecasts."""

    model_version: str
    series: list[SeriesEntry]


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
