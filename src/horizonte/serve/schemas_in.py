"""The JSON of what the service takes in: series, readings, annotations; and its answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

_READINGS: list[JsonValue] = [
    {"unique_id": "vic/demand_mw", "ds": "2014-12-31T13:00:00Z", "y": 3811.2},
    {"unique_id": "vic/demand_mw", "ds": "2014-12-31T13:30:00Z", "y": 3790.0},
]
_DECLARED: JsonValue = {
    "name": "workshop",
    "freq": "PT1H",
    "zone": "America/Sao_Paulo",
    "clock": "recorded",
    "series": {"load": {"unit": "kW", "lower": 0}},
}
_NOTE: JsonValue = {
    "unique_id": "vic/demand_mw",
    "starts_at": "2014-12-24 00:00",
    "ends_at": "2014-12-27 00:00",
    "kind": "planned_event",
    "note": "Christmas",
}


class NewReading(BaseModel):
    """One reading, or the actual of a forecast."""

    unique_id: str = Field(description="a registered series")
    ds: str = Field(description="start of its interval, ISO 8601 with its offset from UTC")
    y: float = Field(description="the value, in the unit of the series")


class ObservationsRequest(BaseModel):
    """Up to 10,000 readings of any series, in any order."""

    model_config = ConfigDict(json_schema_extra={"example": {"readings": _READINGS}})

    readings: list[NewReading] = Field(min_length=1, max_length=10_000)


class RowOutcome(BaseModel):
    """What became of one row, in the order of the request."""

    outcome: Literal["accepted", "unchanged", "corrected", "added", "withdrawn", "refused"]
    value: str | None = Field(None, description="what was refused")
    reason: str | None = Field(None, description="why")
    fix: str | None = Field(None, description="what would do")


class ObservationsAnswer(BaseModel):
    """How many rows had each outcome, and the outcome of each."""

    accepted: int = Field(description="first values of their instants")
    unchanged: int = Field(description="said again what is stored")
    corrected: int = Field(description="other values for instants that had one")
    refused: int = Field(description="kept as dead letters")
    batches: list[int] = Field(description="numbers of its batches in the ledger, one a source")
    rows: list[RowOutcome]


class NewSeries(BaseModel):
    """What a series is, as ``sources.yaml`` says it."""

    unique_id: str | None = Field(None, description="default: source/key in snake case")
    unit: str = "1"
    role: Literal["target", "covariate"] = "target"
    lower: float | None = Field(None, description="physical limit; cleaning flags what is below")
    upper: float | None = Field(None, description="physical limit; cleaning flags what is above")
    known_ahead: str = Field("PT0S", description="how long before ds the value is known")
    covariates: list[str] = Field([], description="registered series that its models may read")
    holidays: str | None = Field(None, description="holiday calendar, such as BR-SP")


class SeriesRequest(BaseModel):
    """One source and up to 1,000 series of it, declared as in ``sources.yaml``."""

    model_config = ConfigDict(json_schema_extra={"example": _DECLARED})

    name: str = Field(description="the source: lower case letters, digits and _")
    freq: str = Field(description="ISO-8601 duration of one step")
    zone: str = Field("UTC", description="IANA zone of the calendar")
    clock: Literal["wall", "recorded"] = Field(
        "wall", description="now: the wall's, or as far as its readings have come"
    )
    publication_lag: str = "PT0S"
    series: dict[str, NewSeries] = Field(min_length=1, max_length=1_000)


class SeriesOutcome(BaseModel):
    """What became of one declaration."""

    unique_id: str
    outcome: Literal["registered", "unchanged"]


class SeriesAnswer(BaseModel):
    """What became of each series; a declaration is taken whole, or refused whole."""

    source: str
    registered: int
    unchanged: int
    series: list[SeriesOutcome]


class AnnotationRow(BaseModel):
    """What is known of a stretch of a series."""

    unique_id: str
    starts_at: str = Field(description="ISO 8601; without an offset in the zone of the series")
    ends_at: str | None = Field(
        None, description="exclusive; sensor_replaced needs none, unit_changed without is open"
    )
    kind: Literal["ignore", "shutdown", "sensor_replaced", "planned_event", "unit_changed"]
    note: str = ""
    factor: float | None = Field(
        None,
        description="of unit_changed alone, not zero: y is factor times the reading, plus offset",
    )
    offset: float | None = Field(None, description="of unit_changed alone; default 0")
    withdrawn: bool = Field(
        default=False, description="take back the one of this series, stretch and kind"
    )


class AnnotationsRequest(BaseModel):
    """Up to 1,000 annotations."""

    model_config = ConfigDict(json_schema_extra={"example": {"annotations": [_NOTE]}})

    annotations: list[AnnotationRow] = Field(min_length=1, max_length=1_000)


class AnnotationsAnswer(BaseModel):
    """How many rows were new, withdrew, were known or refused, and the outcome of each."""

    added: int
    withdrawn: int
    unchanged: int
    refused: int
    rows: list[RowOutcome]


class Annotation(BaseModel):
    """One annotation as it is kept; instants in UTC."""

    unique_id: str
    starts_at: datetime
    ends_at: datetime
    kind: str
    note: str
    factor: float | None = Field(None, description="of unit_changed; no other kind has it")
    offset: float | None = Field(None, description="of unit_changed; no other kind has it")
    available_at: datetime = Field(description="since when it is known, on the source's clock")


class AnnotationList(BaseModel):
    """The annotations of one series that are in force."""

    annotations: list[Annotation]


MODELS: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
    (ObservationsRequest, "validation"),
    (ObservationsAnswer, "serialization"),
    (SeriesRequest, "validation"),
    (SeriesAnswer, "serialization"),
    (AnnotationsRequest, "validation"),
    (AnnotationsAnswer, "serialization"),
    (AnnotationList, "serialization"),
]


def operation(asks: type[BaseModel] | None, answers: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI parts of a route that reads its body by itself."""
    content = {"application/json": {"schema": _of(answers)}}
    said: dict[str, Any] = {"responses": {"200": {"description": "done", "content": content}}}
    if asks is not None:
        extra = asks.model_config.get("json_schema_extra")
        example = extra["example"] if isinstance(extra, dict) else None
        body = {"application/json": {"schema": _of(asks), "example": example}}
        said["requestBody"] = {"required": True, "content": body}
    return said


def _of(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
