"""What a verdict is made from: numbers, statuses and names, as JSON without loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BeforeValidator, TypeAdapter

from horizonte.monitor.levels import NOTHING, Window

Outcome = Literal["waiting", "promoted", "refused", "failed"]
Kind = Literal["input", "target", "residual"]
Status = Literal["drift", "no drift", "not testable"]


@dataclass(frozen=True)
class Target:
    """How the forecasts of one target did in the window, and in its second half.

    The half sees a change sooner, which the days before it would blur. ``reference`` is what the
    skill was before, by ``reference_of``: its own first weeks, its training, or the naive itself.
    """

    unique_id: str
    window: Window = NOTHING
    half: Window = NOTHING
    reference: float = 1.0
    reference_of: Literal["weeks", "training", "naive"] = "naive"
    reads: tuple[str, ...] = ()  # its covariates


@dataclass(frozen=True)
class Drift:
    """One column beside its season: the newest window first, one a week."""

    unique_id: str
    kind: Kind
    statuses: tuple[Status, ...]


@dataclass(frozen=True)
class Named:
    """Something named that happened to a series.

    Of a change of unit, ``factor`` and ``offset`` lead from the readings as they come to its own.
    """

    unique_id: str
    name: str
    since: str  # ISO-8601, UTC
    size: float | None = None
    factor: float | None = None
    offset: float | None = None


@dataclass(frozen=True)
class Retraining:
    """The last request of its action: how long ago, and what came of it."""

    action: Literal["recalibrate", "retrain"]
    days: float
    outcome: Outcome


@dataclass(frozen=True)
class Asked:
    """When a trigger first asked and last asked (ISO-8601, UTC), and how strongly the last time."""

    strength: float
    first: str
    last: str


@dataclass(frozen=True)
class Told:
    """Since when (ISO-8601, UTC) a course is another, and how many days of it were learnt from."""

    since: str
    days: float


_LONG_AGO = "1970-01-01T00:00:00+00:00"


def _whole(asked: object) -> object:
    """Read what was noted as names alone: each asked at its threshold, long ago."""
    known = isinstance(asked, list | tuple)
    return {key: Asked(1.0, _LONG_AGO, _LONG_AGO) for key in asked} if known else asked  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Evidence:
    """All that ``decide`` reads beside the policy; ages are days on the sources' clocks.

    ``serving_days`` counts from the promotion, ``known_days`` from the newest data that the
    champion was trained on. ``annotated`` series have an annotation in force now. ``asked`` are
    triggers that already asked for an action and have not fallen back since. ``told`` are
    series whose course is another, as the champion's fits were told; ``courses`` what was
    named of that kind now or lately, since when it was first. ``clocks`` are now of the series whose
    source stands earlier than ``as_of``, the newest now of any target.
    """

    model_version: str
    as_of: str  # ISO-8601, UTC
    serving_days: float
    known_days: float
    targets: tuple[Target, ...] = ()
    drifts: tuple[Drift, ...] = ()
    findings: tuple[Named, ...] = ()
    annotated: tuple[str, ...] = ()
    retrainings: tuple[Retraining, ...] = ()
    asked: Annotated[dict[str, Asked], BeforeValidator(_whole)] = field(default_factory=dict)
    told: dict[str, Told] = field(default_factory=dict)
    courses: tuple[Named, ...] = ()
    clocks: dict[str, str] = field(default_factory=dict)

    def now(self, unique_id: str) -> pd.Timestamp:
        """Return now on the clock of a series' source."""
        return pd.Timestamp(self.clocks.get(unique_id, self.as_of))

    def to_json(self) -> dict[str, Any]:
        """Return the evidence as JSON holds it."""
        found: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return found

    @classmethod
    def from_json(cls, content: object) -> Evidence:
        """Return what ``to_json`` was made from; raise pydantic's error for anything else."""
        return _ADAPTER.validate_python(content)


_ADAPTER = TypeAdapter(Evidence)
