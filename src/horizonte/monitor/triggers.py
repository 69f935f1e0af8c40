"""What may ask for an action, and how strongly: from strength 1 on it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from horizonte.monitor.evidence import Evidence, Target
from horizonte.monitor.levels import Estimate
from horizonte.policy import Triggers

SKILL, COVERAGE, DRIFT, AGE = "skill decay", "coverage", "residual drift", "champion age"
SHIFTS = ("level shift", "trend break", "phase shift", "slow decay")
LEAST_DAYS = 7  # of cutoffs: fewer do not say how uncertain they are
Wants = Literal["recalibrate", "retrain"]


@dataclass(frozen=True)
class Trigger:
    """Something that asks for ``wants``; ``value`` is what the sentence tells."""

    kind: str
    unique_id: str  # empty: the champion as a whole
    wants: Wants
    strength: float
    value: float

    @property
    def key(self) -> str:
        """Return what the ledger calls it."""
        return f"{self.kind}: {self.unique_id}" if self.unique_id else self.kind


def found(evidence: Evidence, policy: Triggers) -> list[Trigger]:
    """Return every trigger that can be judged, whatever its strength."""
    shifted = {f.unique_id for f in evidence.findings if f.name in SHIFTS}
    made = [t for target in evidence.targets for t in _of_target(target, policy)]
    for drift in evidence.drifts:
        if drift.kind == "residual":
            run = next((i for i, s in enumerate(drift.statuses) if s != "drift"), None)
            windows = len(drift.statuses) if run is None else run
            # A shift that was named is a second witness: one window is enough.
            needed = 1 if drift.unique_id in shifted else policy.drift_windows
            made.append(Trigger(DRIFT, drift.unique_id, "retrain", windows / needed, windows))
    age = evidence.known_days
    made.append(Trigger(AGE, "", "retrain", age / (policy.max_age / pd.Timedelta(days=1)), age))
    return made


def _of_target(target: Target, policy: Triggers) -> Iterator[Trigger]:
    if target.skill is not None and target.reference > 0:
        lost = target.skill.value / target.reference - 1
        sure = target.skill.low > target.reference
        yield Trigger(
            SKILL, target.unique_id, "retrain", lost / policy.skill_decay if sure else 0.0, lost
        )
    bands = ((0.8, target.coverage_80), (0.9, target.coverage_90))
    off = [(_off(level, seen), seen.value, level) for level, seen in bands if seen is not None]
    if off:
        distance, value, level = max(off)
        kind = f"{COVERAGE} {level:.0%}".replace("%", " %")
        yield Trigger(kind, target.unique_id, "recalibrate", distance / policy.coverage, value)


def _off(level: float, seen: Estimate) -> float:
    """Return how far a coverage is from its level; 0 while its uncertainty holds the level."""
    return 0.0 if seen.low <= level <= seen.high else abs(seen.value - level)
