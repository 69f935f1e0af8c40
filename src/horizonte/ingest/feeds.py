"""What a live source declares: topics of a broker, and an endpoint that is asked."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

TimeUnit = Literal["s", "ms", "us", "ns"]


def _topic(text: str) -> str:
    levels = text.split("/")
    wrong = [
        level
        for place, level in enumerate(levels)
        if ("+" in level and level != "+")
        or ("#" in level and (level != "#" or place != len(levels) - 1))
    ]
    if wrong or not text or text.startswith("$") or "\x00" in text:
        raise ValueError("a topic filter such as site/+/sensor/+ (+ one level, # the rest)")
    return text


def _path(text: str) -> str:
    if not all(text.split(".")):
        raise ValueError("a field name, or names joined by dots such as data.temperature")
    return text


Path = Annotated[str, AfterValidator(_path)]


class _Fields(BaseModel):
    """Where a reading keeps its parts: dotted paths into JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    readings: Path | None = Field(None, description="array of readings; default: the message")
    id: Path | None = Field(None, description="key of the series inside a reading")
    value: Path = "value"
    timestamp: Path | None = Field("ts", description="null: readings have no time of their own")
    timestamp_unit: TimeUnit | None = Field(
        None, description="of numeric times since 1970; unset: times are texts"
    )
    sequence: Path | None = Field(
        None, description="a number that grows by one per message, beside its readings"
    )


class Topic(_Fields):
    """Messages of one topic filter: which series they carry, and how their payload is read."""

    topic: Annotated[str, AfterValidator(_topic)] = Field(description="filter; + and # allowed")
    series: str | None = Field(
        None, description="key of the series, {1} being the first wildcard; default: all, by /"
    )
    payload: Literal["json", "number"] = Field("json", description="number: the bare value")

    @model_validator(mode="after")
    def _names_what_is_there(self) -> Topic:
        named = {int(n) for n in re.findall(r"\{(\d+)\}", self.template)}
        if named - set(range(1, self.wildcards + 1)):
            raise ValueError(f"series may name {{1}} to {{{self.wildcards}}}, wildcards of topic")
        if not self.template and self.id is None:
            raise ValueError("series or id must say which series a message carries")
        return self

    @property
    def bare(self) -> bool:
        """Whether a message may be a bare number: it is JSON too."""
        return self.readings is None and self.id is None and self.value == "value"

    @property
    def wildcards(self) -> int:
        """Return how many levels of the filter are wildcards."""
        return sum(level in "+#" for level in self.topic.split("/") if level)

    @property
    def template(self) -> str:
        """Return the template of the series' key; empty where only ``id`` names it."""
        if self.series is not None:
            return self.series
        return "/".join(f"{{{n}}}" for n in range(1, self.wildcards + 1))


class Endpoint(_Fields):
    """An HTTP endpoint of JSON or CSV that is asked for what is new."""

    url: str = Field(pattern=r"^https?://", description="{after}: the newest ds that is stored")
    format: Literal["json", "csv"] = "json"
    headers: dict[str, str] = Field(
        {}, description="sent along; $NAME is taken from the environment"
    )
    series: str | None = Field(None, description="key of the series, where readings carry none")
    next: Path | None = Field(None, description="URL of the next page; default: the Link header")
    every: str = Field("PT1M", description="interval of `horizonte pull --watch`")
