"""What may ask for an action, and how strongly: from strength 1 on it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from horizonte.monitor import courses
from horizonte.monitor.evidence import Evidence, Target
from horizonte.monitor.levels import Estimate
from horizonte.policy import Triggers

SKILL, COVERAGE, DRIFT, AGE = "skill decay", "coverage", "residual drift", "champion age"
ANOTHER, BRIEF = "another course", "briefly learnt"
SHIFTS = ("level shift", "trend break", "phase shift", "slow decay")
LEAST_DAYS = 7  # of cutoffs: fewer do not say how uncertain they are
_DAY = pd.Timedelta(days=1)
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
    made = [
        t
        for target in evidence.targets
        for t in _of_target(target, policy, shifted=target.unique_id in shifted)
    ]
    for drift in (d for d in evidence.drifts if d.kind == "residual"):
        run = next((i for i, s in enumerate(drift.statuses) if s != "drift"), len(drift.statuses))
        # A shift that was named is a second witness: one window is enough.
        needed = 1 if drift.unique_id in shifted else policy.drift_windows
        made.append(Trigger(DRIFT, drift.unique_id, "retrain", run / needed, run))
    made += [*_another_course(evidence), *_briefly_learnt(evidence, policy)]
    age = evidence.known_days
    made.append(Trigger(AGE, "", "retrain", age / (policy.max_age / _DAY), age))
    return made


def _another_course(evidence: Evidence) -> Iterator[Trigger]:
    """Yield each target with a course that the champion's fits were not told of.

    It is named by thousands of values; what it costs shows in days of errors, far later.
    """
    for unique_id, age in courses.strange(evidence).items():
        yield Trigger(ANOTHER, unique_id, "retrain", 1.0, age / _DAY)


def _briefly_learnt(evidence: Evidence, policy: Triggers) -> Iterator[Trigger]:
    """Yield each series of whose new course there are twice the days that the champion saw."""
    for unique_id, told in evidence.told.items():
        if 0 < told.days < policy.learnt / _DAY:
            there = (evidence.now(unique_id) - pd.Timestamp(told.since)) / _DAY
            yield Trigger(BRIEF, unique_id, "retrain", there / told.days - 1, told.days)


def _of_target(target: Target, policy: Triggers, *, shifted: bool) -> Iterator[Trigger]:
    seen = [w for w in (target.window, target.half) if w.days >= LEAST_DAYS]
    skills = [w.skill for w in seen if w.skill is not None]
    if skills and target.reference > 0:
        lost = max(
            (_lost(s, target.reference, sure=shifted), s.value / target.reference - 1)
            for s in skills
        )
        yield Trigger(SKILL, target.unique_id, "retrain", lost[0] / policy.skill_decay, lost[1])
    # Half a window sees lost skill sooner, but few of its days are independent: coverage waits.
    whole = target.window
    off = [
        (_off(level, value), value.value, level)
        for level, value in ((0.8, whole.coverage_80), (0.9, whole.coverage_90))
        if value is not None and whole.days >= LEAST_DAYS
    ]
    if off:
        distance, value, level = max(off)
        kind = f"{COVERAGE} {100 * level:.0f} %"
        yield Trigger(kind, target.unique_id, "recalibrate", distance / policy.coverage, value)


def _lost(skill: Estimate, reference: float, *, sure: bool) -> float:
    """Return the share of skill that was lost; 0 while its uncertainty holds the reference.

    Where a shift was named (``sure``) that is the second witness: it is enough that the loss is
    likely.
    """
    least = skill.low
    if sure:
        least = skill.value if skill.likely is None else skill.likely
    return skill.value / reference - 1 if least > reference else 0.0


def _off(level: float, seen: Estimate) -> float:
    """Return how far a coverage is from its level; 0 while its uncertainty holds the level."""
    return 0.0 if seen.low <= level <= seen.high else abs(seen.value - level)
