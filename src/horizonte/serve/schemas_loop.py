"""The JSON of the loop's routes: verdicts, retrainings and alarms."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from horizonte.serve.problems import NOT_BLANK
from horizonte.serve.schemas_out import CURSOR, Asked
from horizonte.store.retrainings import Action, Step

EXAMPLE = {"why": "the plant was rebuilt"}
State = Literal["waiting", Step]


class PageAsked(Asked):
    """Which page."""

    limit: int = Field(100, ge=1, le=1_000)
    cursor: str | None = CURSOR


class RetrainRequest(BaseModel):
    """A request to the worker; a challenger is promoted only if it beats the champion."""

    model_config = ConfigDict(extra="forbid")

    why: str = Field(max_length=1_000, pattern=NOT_BLANK, description="kept in the ledger")
    action: Action = Field("retrain", description="train anew, or only calibrate the intervals")


class Retraining(BaseModel):
    """One request, and how far it has come: promoted, refused and failed end it."""

    run_id: int
    action: Action
    why: str
    requested_by: str
    verdict_id: int | None
    requested_at: datetime
    state: State


class RetrainStep(BaseModel):
    """One step of a request."""

    step: State
    detail: dict[str, Any]
    recorded_at: datetime


class RetrainingWhole(Retraining):
    """One request with its steps."""

    steps: list[RetrainStep]


class RetrainingsPage(BaseModel):
    """Requests, newest first."""

    retrainings: list[Retraining]
    next: str | None


class VerdictEntry(BaseModel):
    """What one monitoring decided."""

    verdict_id: int
    model_version: str
    as_of: datetime
    action: Literal["keep", "recalibrate", "retrain"]
    triggers: list[str] = Field(description="what asked for an action")
    brakes: list[str] = Field(description="what held it back")
    sentence_en: str
    sentence_pt: str
    report: str | None = Field(description="where its pages lie")
    recorded_at: datetime


class VerdictsPage(BaseModel):
    """Verdicts, newest first."""

    verdicts: list[VerdictEntry]
    next: str | None


class Drift(BaseModel):
    """One column compared with its season."""

    unique_id: str
    kind: Literal["input", "target", "residual"]
    status: Literal["drift", "no drift", "not testable"]
    reason: str
    distance: float | None
    threshold: float | None


class Named(BaseModel):
    """Something that was named, such as a stuck sensor."""

    unique_id: str
    name: str
    since: datetime
    size: float | None
    sentence_en: str
    sentence_pt: str


class Verdict(VerdictEntry):
    """One verdict with what it was made from: decided again from them, it is the same."""

    drift: list[Drift]
    findings: list[Named]
    evidence: dict[str, Any]
    policy: dict[str, Any]


class Alarm(BaseModel):
    """What is missing or wrong now."""

    name: str
    thing: str
    sentence_en: str
    sentence_pt: str
    raised_at: datetime


class AlarmList(BaseModel):
    """The alarms that are raised now."""

    alarms: list[Alarm]
