"""What a source may declare, checked word by word: its files, their dialect, its series."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from horizonte import freq as grids
from horizonte import names
from horizonte.errors import Fault
from horizonte.ingest.feeds import Endpoint, Topic

MISSING = ("", "-", "--", "NA", "N/A", "#N/A", "#N/D", "null", "NULL")


def _zone(name: str) -> str:
    if name not in available_timezones():
        near = difflib.get_close_matches(name, available_timezones(), n=3)
        raise ValueError(f"an IANA time zone, such as {', '.join(near) or 'America/Sao_Paulo'}")
    return name


def _freq(text: str) -> str:
    try:
        return grids.iso(text)
    except Fault as fault:
        raise ValueError(f"{fault.allowed}; {fault.fix}") from None


def _span(text: str) -> str:
    allowed = "a duration of zero or more, such as PT2H or P365D"
    try:
        span = pd.Timedelta(text)
    except ValueError:
        raise ValueError(allowed) from None
    if pd.isna(span) or span < pd.Timedelta(0):
        raise ValueError(allowed)
    return span.isoformat()


Zone = Annotated[str, AfterValidator(_zone)]
Freq = Annotated[str, AfterValidator(_freq)]
Span = Annotated[str, AfterValidator(_span)]


class Channel(BaseModel):
    """One series of a source: what a column, or an id of a long file, is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unique_id: str | None = Field(None, description="default: source/column in snake case")
    unit: str = Field("1", description="unit of y; a header such as `Demand (kW)` must agree")
    role: Literal["target", "covariate"] = "target"
    lower: float | None = Field(None, description="physical limit; cleaning flags what is below")
    upper: float | None = Field(None, description="physical limit; cleaning flags what is above")
    known_ahead: Span = Field("PT0S", description="how long before ds the value is known")
    covariates: tuple[str, ...] = Field((), description="unique_ids that its models may read")
    holidays: str | None = Field(None, description="holiday calendar, such as AU-VIC or BR-SP")

    @model_validator(mode="after")
    def _limits(self) -> Channel:
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise ValueError(f"lower ({self.lower}) must not exceed upper ({self.upper})")
        return self


class Source(BaseModel):
    """One source of readings: how its files and messages are read, and the series they carry."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("", description="its key in sources.yaml", exclude=True)
    files: tuple[str, ...] = Field((), description="globs relative to sources.yaml")
    format: Literal["csv", "xlsx"] | None = Field(None, description="default: from the suffix")
    layout: Literal["long", "wide"] = Field(
        "wide", description="wide: a column per series; long: columns of id and value"
    )
    timestamp: tuple[str, ...] = Field(
        ("timestamp",), description="time column, or a date column and a time column"
    )
    id: str = Field("unique_id", description="long layout: column of the series' id")
    value: str = Field("y", description="long layout: column of the value")
    times: Literal["offset", "local"] = Field(
        "offset", description="offset: each time carries one; local: naive times in `zone`"
    )
    zone: Zone = Field(
        "UTC", description="zone of the calendar, and of naive times if local; dates are labels"
    )
    day_first: bool | None = Field(None, description="order of 03/04/2025; unset refuses it")
    serial_epoch: Literal[1900, 1904] | None = Field(
        None, description="accept bare Excel serial numbers as times, counted from this year"
    )
    decimal: Literal[".", ","] = "."
    thousands: Literal[".", ",", " ", "'"] | None = None
    missing: tuple[str, ...] = Field(MISSING, description="texts that mean: no reading")
    encoding: str | None = Field(None, description="default: byte order mark, else strict UTF-8")
    delimiter: str = Field(",", min_length=1, max_length=1)
    sheet: str | None = Field(None, description="default: the only sheet")
    header_row: int = Field(1, ge=1, le=1000, description="row of the column names, from 1")
    ignore: tuple[str, ...] = Field((), description="columns or ids that are not to be loaded")
    duplicates: Literal["refuse", "first", "last"] = Field(
        "refuse", description="what to keep where a file holds two values for one instant"
    )
    freq: Freq
    publication_lag: Span = "PT0S"
    clock: Literal["wall", "recorded"] = "wall"
    topics: tuple[Topic, ...] = Field((), description="MQTT messages that carry its readings")
    endpoint: Endpoint | None = Field(None, description="HTTP endpoint that `pull` asks")
    skew: Span = Field("PT5M", description="how far ahead of arrival a live reading may be")
    new_series: int = Field(0, ge=0, le=100_000, description="undeclared series it may register")
    series: dict[str, Channel] = {}

    @property
    def labels(self) -> bool:
        """Tell whether its naive midnights are dates, labels of days, at 00:00 UTC."""
        whole = pd.Timedelta(self.freq) % pd.Timedelta(days=1) == pd.Timedelta(0)
        return whole and self.times == "local"

    @property
    def calendar(self) -> str:
        """Return the zone in whose calendar its instants lie: that of a label is UTC."""
        return "UTC" if self.labels else self.zone

    @model_validator(mode="before")
    @classmethod
    def _one_or_many(cls, raw: Any) -> Any:
        if isinstance(raw, dict):
            raw = {
                k: (v,) if k in ("files", "timestamp") and isinstance(v, str) else v
                for k, v in raw.items()
            }
        return raw

    @model_validator(mode="after")
    def _consistent(self) -> Source:
        if self.thousands == self.decimal:
            raise ValueError("thousands and decimal must be different marks")
        if len(self.timestamp) > 2:
            raise ValueError("timestamp takes one column, or a date column and a time column")
        ids = [self.unique_id(key) for key in self.series]
        if not ids and not self.new_series:
            raise ValueError("declare at least one series, or allow new_series")
        if repeated := {i for i in ids if ids.count(i) > 1}:
            raise ValueError(f"series: unique_id {sorted(repeated)[0]!r} is declared twice")
        if wrong := [i for i in ids if names.taken(i)]:
            raise ValueError(f"series: {wrong[0]!r} is not {names.ALLOWED}; {names.FIX}")
        return self

    def unique_id(self, key: str) -> str:
        """Return the unique_id of the series that column or long id ``key`` holds."""
        return self.series[key].unique_id or f"{self.name}/{slug(key)}"


def slug(text: str) -> str:
    """Return ``text`` in lower snake case: ``QV Market (West)`` → ``qv_market_west``."""
    return re.sub(r"[\W_]+", "_", text.strip().lower()).strip("_")
