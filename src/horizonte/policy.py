"""The policy of the loop: section ``loop`` of ``params.yaml``, one class per part.

Apart from ``params``: no stage of the pipeline depends on it, so a change of policy trains nothing
again and changes no model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pandas as pd
import yaml
from pydantic import Field, ValidationError

from horizonte.errors import ConfigFault
from horizonte.params import LOOP, Duration, Section, fault


class Monitor(Section):
    """What is watched, how far back, and how often it may cry wolf."""

    window: Duration = Field(description="mature forecasts that are scored; one drift window")
    false_alarms: float = Field(gt=0, description="false alarms allowed per series and year")


class Triggers(Section):
    """What asks for an action."""

    skill_decay: float = Field(gt=0, description="loss of skill against naive, as a share")
    coverage: float = Field(gt=0, lt=0.5, description="distance of a coverage from its level")
    drift_windows: int = Field(ge=1, description="consecutive windows that must drift")
    max_age: Duration = Field(description="a champion older than this is retrained")
    learnt: Duration = Field(
        pd.Timedelta(days=28),
        description="days of another course that are enough to learn it",
    )


class Brakes(Section):
    """What holds an action back."""

    min_age: Duration = Field(description="a champion younger than this is kept")
    cool_down: Duration = Field(description="time between two retrainings")
    learn: Duration = Field(description="a named change younger than this is not learnt yet")
    learn_course: Duration | None = Field(
        None,
        description="the same of another course, which fits are told of; null: as others",
    )
    hysteresis: float = Field(ge=0, description="share of a threshold that must be passed again")
    min_rows: int = Field(ge=1, description="mature rows without which nothing is decided")


class Gate(Section):
    """What a challenger must show before it is promoted."""

    days: int = Field(ge=7, description="recent days that neither model was trained on")
    gain: float = Field(ge=0, description="least gain in quantile loss, as a share")
    alpha: float = Field(gt=0, lt=0.5, description="level of the paired test")
    coverage: float = Field(
        gt=0, lt=0.5, description="distance allowed of a coverage from its level over four weeks"
    )
    answer_seconds: float = Field(gt=0, description="a slower answer is refused")


class Retrain(Section):
    """Where a retraining is committed."""

    onto: Literal["branch", "main"] = Field(
        description="a branch of its own, or the branch that it came from"
    )


class Policy(Section):
    """All of ``loop``."""

    monitor: Monitor
    triggers: Triggers
    brakes: Brakes
    gate: Gate
    retrain: Retrain


def load(path: Path) -> Policy:
    """Return the policy in ``path``; raise ConfigFault for the first key that is wrong."""
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as why:
        raise ConfigFault(path.name, str(why), "a readable YAML file", "restore it") from None
    found = content.get(LOOP) if isinstance(content, dict) else None
    if found is None:
        raise ConfigFault(f"{path.name} {LOOP}", None, "the policy of the loop", "restore it")
    return parse(found, name=f"{path.name} {LOOP}")


def parse(content: object, *, name: str = LOOP) -> Policy:
    """Return ``content`` (mappings as read from YAML or JSON) as a Policy; raise ConfigFault."""
    try:
        return Policy.model_validate(content)
    except ValidationError as wrong:
        raise fault(wrong, name, Policy) from None
