"""The JSON of ``GET /explain/{unique_id}``: what drove a forecast, and what changed since."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from horizonte.serve.changes import PartName
from horizonte.serve.removals import Kind

_EFFECT: JsonValue = {"mean": 212.4, "size": 212.4, "buckets": {"00-06h": 212.4}, "steps": [212.4]}
_EXAMPLE: dict[str, JsonValue] = {
    "unique_id": "vic/demand_mw",
    "unit": "MW",
    "zone": "Australia/Melbourne",
    "freq": "PT30M",
    "horizon": "PT30M",
    "model_version": "3f0c",
    "as_of": "2014-12-31T13:00:00Z",
    "cutoff": "2014-12-31T12:30:00Z",
    "degraded": None,
    "sentences": ["Without the readings of the last day, it would average 212 MW less (5.3 %)."],
    "families": {"boosting": 0.6, "statistical": 0.4},
    "ds": ["2014-12-31T13:00:00Z"],
    "mean": [4000.4],
    "drivers": [
        {
            "kind": "last_day",
            "subjects": [],
            "removal": "no reading of the series in the day up to the cutoff",
            "effect": _EFFECT,
        }
    ],
    "together": _EFFECT,
    "remainder": {"mean": 0.0, "size": 0.0, "buckets": {"00-06h": 0.0}, "steps": [0.0]},
    "changed": None,
    "no_change": "no earlier live vintage of this series is on record",
}


class EffectAnswer(BaseModel):
    """What one thing adds to the forecast, in the unit of the series."""

    mean: float = Field(description="mean over the horizon, with its sign")
    size: float = Field(description="mean absolute effect of a step; drivers are sorted by it")
    buckets: dict[str, float] = Field(description="mean per lead-time bucket, hours from cutoff")
    steps: list[float] = Field(description="one per ds")


class Driver(BaseModel):
    """One thing in the input: the forecast with everything minus the forecast without it."""

    kind: Kind
    subjects: list[str] = Field(description="the series, holidays or annotations that it is")
    removal: str = Field(description="what exactly was taken away")
    effect: EffectAnswer


class Part(BaseModel):
    """One part of the difference to the earlier vintage; the parts add up to ``total``."""

    name: PartName | None = Field(description="null for the total")
    meaning: str
    average: float = Field(description="mean of ``mean``")
    width: float = Field(description="mean change of the width of the 80 % interval")
    buckets: dict[str, float] = Field(description="mean per lead-time bucket of the new vintage")
    mean: list[float] = Field(description="one per ds")
    lo_80: list[float] = Field(description="one per ds")
    hi_80: list[float] = Field(description="one per ds")


class RowCount(BaseModel):
    """Rows that the new forecast could read and the old one could not."""

    new: int = Field(description="instants without a value before")
    corrected: int = Field(description="instants with another value before")
    ahead: int = Field(description="of both, those after the new cutoff")


class Changed(BaseModel):
    """New minus old, at the instants that both forecast."""

    run_id: int = Field(description="run of the earlier vintage; since=… asks for another")
    model_version: str
    issued_at: datetime
    as_of: datetime
    cutoff: datetime
    cutoff_moved: str = Field(description="ISO-8601: every instant's lead time is shorter by it")
    ds: list[str]
    readings: RowCount
    covariate_rows: RowCount
    annotations: int = Field(description="annotations made since")
    old_model: str | None = Field(description="why the old model cannot be had, or null")
    tolerance: float = Field(
        description="parts and total differ at most by this, relative to the largest value"
    )
    total: Part
    parts: list[Part] = Field(description="along a path of real forecasts, in its order")


class Explanation(BaseModel):
    """What drove the forecast that would be issued now, and what changed since an earlier one."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    unique_id: str
    unit: str
    zone: str
    freq: str
    horizon: str
    model_version: str
    as_of: datetime
    cutoff: datetime
    degraded: str | None
    sentences: list[str] = Field(description="the same in plain words")
    families: dict[str, float] = Field(description="weight of each family in the ensemble")
    ds: list[str]
    mean: list[float] = Field(description="the forecast that is explained, one per ds")
    drivers: list[Driver] = Field(description="largest size first")
    together: EffectAnswer = Field(description="the forecast minus one with all drivers removed")
    remainder: EffectAnswer = Field(
        description="together minus the sum of the drivers: overlap and interaction"
    )
    changed: Changed | None
    no_change: str | None = Field(description="why ``changed`` is null")
