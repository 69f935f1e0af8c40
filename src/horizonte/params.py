"""The parameters of a run: ``params.yaml`` checked key by key, one class per section.

All but section ``loop``: it decides about models and changes none, see ``policy``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
import yaml
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)

from horizonte import freq
from horizonte.errors import ConfigFault, DataFault

LOOP = "loop"
DURATION = "an ISO-8601 duration of fixed length, longer than zero, such as PT2H or P7D"


def _duration(value: object) -> pd.Timedelta:
    if not isinstance(value, (pd.Timedelta, str)):
        raise ValueError(DURATION)  # noqa: TRY004 (pydantic reports ValueErrors only)
    try:
        span = freq.duration(value) if isinstance(value, str) else value
    except DataFault:
        raise ValueError(DURATION) from None
    if pd.isna(span) or span <= pd.Timedelta(0):
        raise ValueError(DURATION)
    return span


Duration = Annotated[
    pd.Timedelta, BeforeValidator(_duration), PlainSerializer(freq.written, return_type=str)
]


class Section(BaseModel):
    """A part of the parameters: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Snapshot(Section):
    """What the store is asked for: the pin of the data that trains."""

    as_of: AwareDatetime = Field(description="knowledge instant of the data that trains")
    recorded: str | None = Field(None, description="stored pg_snapshot of the pin, or null")
    changed: dict[str, AwareDatetime] = Field(
        default_factory=dict, description="since when the course of a series is another"
    )

    def since(self) -> dict[str, pd.Timestamp]:
        """Return ``changed`` as instants, UTC."""
        return {u: pd.Timestamp(at).tz_convert("UTC") for u, at in self.changed.items()}


class Rules(Section):
    """The cleaning rules; every one looks at a bounded window, see ``prepare.reach``."""

    impute_up_to: Duration = Field(description="longest gap that is interpolated and flagged")
    flatline_after: Duration | None = Field(
        description="a repeated value is suspect once it lasts longer; null trusts every one"
    )
    spike_window: Duration = Field(description="context of the flatline and spike rules")
    spike_mads: float | None = Field(
        gt=0, description="robust deviations beyond which a burst is a spike; null trusts every one"
    )


class Features(Section):
    """Horizon, look-back and the plan of cutoffs."""

    horizon: Duration = Field(description="how far ahead every forecast reaches")
    test_days: int = Field(ge=0, description="daily cutoffs that nothing was chosen on")
    selection_days: int = Field(ge=1, description="days of cutoffs for choices and calibration")
    selection_every: Duration = Field(description="spacing of the selection cutoffs")
    refit_every: Duration = Field(description="production's retraining schedule")
    tail: Duration = Field(description="history that a forecast may look back on")

    def steps(self, series_freq: str) -> int:
        """Return the horizon in steps of ``series_freq``; raise DataFault when not whole."""
        return freq.steps(self.horizon, series_freq)


Family = Literal["naive", "linear", "statistical", "prophet", "boosting"]


class Train(Section):
    """Which families are fitted, from which seed, at what cost."""

    seed: int = Field(ge=0, description="seed of every random choice")
    families: tuple[Family, ...] = Field(min_length=1, description="families that compete")
    budget_seconds: float | None = Field(None, gt=0, description="null fits every family")


class Evaluate(Section):
    """How the leaderboard is cut."""

    buckets: tuple[Duration, ...] = Field(
        min_length=1, description="upper ends of the lead-time buckets"
    )


class Report(Section):
    """What the reports compare."""

    drift_window: Duration = Field(description="current window of the drift report")


class Params(Section):
    """All of ``params.yaml``."""

    snapshot: Snapshot
    clean: Rules
    features: Features
    train: Train
    evaluate: Evaluate
    report: Report


def load(path: Path) -> Params:
    """Return the parameters in ``path``; raise ConfigFault for the first key that is wrong.

    Missing and unknown keys, wrong types and values out of range are refused, naming the key
    (``params.yaml clean.impute_up_to``), its value and what is allowed.
    """
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as why:
        raise ConfigFault(path.name, str(why), "a readable YAML file", "restore it") from None
    if isinstance(content, dict):
        content.pop(LOOP, None)
    return parse(content, name=path.name)


def parse(content: object, *, name: str = "params.yaml") -> Params:
    """Return ``content`` (mappings as read from YAML) as Params; raise ConfigFault as ``load``."""
    try:
        return Params.model_validate(content)
    except ValidationError as wrong:
        raise fault(wrong, name, Params) from None


def fault(wrong: ValidationError, name: str, model: type[BaseModel]) -> ConfigFault:
    """Return the first error of checking ``model``, read from ``name``, as a ConfigFault."""
    error = wrong.errors(include_url=False)[0]
    key = ".".join(str(part) for part in error["loc"])
    thing = f"{name} {key}".strip()
    if error["type"] == "extra_forbidden":
        return ConfigFault(
            thing, error["input"], "a known key", f"remove it, or use {_known(key, model)}"
        )
    if error["type"] == "missing":
        return ConfigFault(thing, None, "missing", f"add it: {_meaning(key, model)}")
    allowed = error["msg"].removeprefix("Value error, ")
    return ConfigFault(thing, error["input"], allowed, f"change it: {_meaning(key, model)}")


def _known(key: str, model: type[BaseModel]) -> str:
    """List the keys that stand where ``key`` stands."""
    for part in key.split(".")[:-1]:
        model = _below(model, part) or model
    return "one of " + ", ".join(model.model_fields)


def _meaning(key: str, model: type[BaseModel]) -> str:
    *sections, leaf = key.split(".")
    inner: type[BaseModel] | None = model
    for part in sections:
        inner = _below(inner, part) if inner else None
    field = inner.model_fields.get(leaf) if inner else None
    return (field.description if field else None) or _known(key, model)


def _below(model: type[BaseModel], part: str) -> type[BaseModel] | None:
    field = model.model_fields.get(part)
    inner = field.annotation if field else None
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None
