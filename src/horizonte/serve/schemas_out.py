"""The JSON of the read routes: readings, vintages and model versions, page by page."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from horizonte.serve.instants import Instant

Purpose = Literal["live", "what_if", "replay", "shadow", "backtest"]
CURSOR = Field(None, max_length=400, description="next of the page before")


class Asked(BaseModel):
    """Query parameters; an unknown one is an error."""

    model_config = ConfigDict(extra="forbid")


class SeriesAsked(Asked):
    """Which series."""

    role: Literal["target", "covariate", "any"] = "target"
    source: str | None = Field(None, max_length=200, description="of this source alone")
    limit: int = Field(1_000, ge=1, le=5_000)
    cursor: str | None = CURSOR


class ReadingsAsked(Asked):
    """Which readings."""

    kind: Literal["raw", "prepared"] = Field("raw", description="as they came, or the clean grid")
    start: Instant | None = Field(None, description="first ds")
    end: Instant | None = Field(None, description="ds before it")
    as_of: Instant | None = Field(None, description="as known at this instant; raw only")
    limit: int = Field(1_000, ge=1, le=5_000)
    cursor: str | None = CURSOR


class VintagesAsked(Asked):
    """Which vintages."""

    purpose: Literal[Purpose, "any"] = Field("live", description="what they were issued for")
    start: Instant | None = Field(None, description="issued at or after")
    end: Instant | None = Field(None, description="issued before")
    limit: int = Field(100, ge=1, le=1_000)
    cursor: str | None = CURSOR


class Reading(BaseModel):
    """A value as it came, or a cell of the clean grid."""

    ds: datetime = Field(description="start of the interval, UTC")
    y: float | None
    revision: int | None = Field(None, description="raw: 0 is the first value, then corrections")
    available_at: datetime | None = Field(None, description="raw: when it could be known")
    y_raw: float | None = Field(
        None, description="prepared: as it came (also in another unit), null where nothing came"
    )
    quality: str | None = Field(None, description="prepared: ok, missing, imputed, spike, …")


class ReadingsPage(BaseModel):
    """Readings of one series, oldest first."""

    unique_id: str
    kind: Literal["raw", "prepared"]
    freq: str
    unit: str
    zone: str
    observations: list[Reading]
    next: str | None


class VintageEntry(BaseModel):
    """One issued forecast, without its rows."""

    run_id: int
    purpose: Purpose
    model_version: str
    as_of: datetime
    cutoff: datetime
    issued_at: datetime
    degraded: str | None
    intervals: str
    code_revision: str | None
    request_id: str | None
    first_ds: datetime
    last_ds: datetime


class VintagesPage(BaseModel):
    """Vintages of one series, newest first."""

    unique_id: str
    vintages: list[VintageEntry]
    next: str | None


class Vintage(VintageEntry):
    """One issued forecast with its rows: ds, mean and the stored quantiles."""

    unique_id: str
    unit: str
    zone: str
    freq: str
    rows: list[dict[str, Any]]


class ModelEntry(BaseModel):
    """One registered model version."""

    model_version: str
    registered_at: datetime
    last_promoted_at: datetime | None = Field(description="null: it never served")
    champion: bool


class ModelList(BaseModel):
    """Every registered model version, newest first."""

    models: list[ModelEntry]


class PromotionEntry(BaseModel):
    """One promotion or rollback to a version."""

    kind: Literal["promote", "rollback"]
    previous: str | None
    why: str
    promoted_by: str
    evidence: dict[str, Any]
    recorded_at: datetime


class GainFound(BaseModel):
    """Whether a promotion helped: its forecasts beside those that the version before would have issued."""

    said: Literal["helped", "harmed", "no difference", "too early"]
    gain: float = Field(description="share of the loss that it saved; below 0: more was lost")
    low: float
    high: float
    days: int
    judged_at: datetime = Field(description="on the sources' clock")


class PromotionJudged(PromotionEntry):
    """One promotion or rollback to a version, and what came of it."""

    gain: GainFound | None = Field(description="null: too few actuals have come yet")


class GateEntry(BaseModel):
    """One comparison of a version, as the challenger, with the champion of then."""

    gate_id: int
    run_id: int | None = Field(description="the retraining; null: by hand")
    champion: str
    passed: bool
    reasons: list[str]
    gain: float | None = Field(description="share of the loss; null: nothing could be compared")
    low: float | None
    high: float | None
    days: int | None
    page: str | None = Field(description="where its page lies, below the reports")
    recorded_at: datetime


class Model(BaseModel):
    """One model version: its card, gates, how it came to serve and whether that helped, its scores."""

    model_version: str
    registered_at: datetime
    champion: bool
    card: dict[str, Any] = Field(description="parameters, data instant, libraries, scores, hashes")
    promotions: list[PromotionJudged]
    gates: list[GateEntry] = Field(description="that it was held at, oldest first")
    scores: list[dict[str, Any]] = Field(description="of its newest week, per series and bucket")
