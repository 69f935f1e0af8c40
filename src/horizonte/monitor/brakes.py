"""What holds an action back: a reason that stands before the whole, or before one trigger."""

from __future__ import annotations

import pandas as pd

from horizonte.monitor.evidence import Asked, Evidence, Outcome, Target
from horizonte.monitor.findings import COURSE, MENDED
from horizonte.monitor.triggers import AGE, BRIEF, DRIFT, LEAST_DAYS, Trigger, Wants
from horizonte.policy import Brakes

YOUNG, COOLING, WAITING = "champion too young", "cool-down", "retraining waits"
FEW, ANNOTATED, BROKEN, ASKED = "too few rows", "annotation", "to be mended", "asked before"
RECENT = "too recent"
_DAY = pd.Timedelta(days=1)


def whole(evidence: Evidence, policy: Brakes, *, wants: Wants) -> str | None:
    """Return why nothing that ``wants`` asks for may be done now, or None.

    A recalibration waits for the cool-down of any request; a retraining for that of the last
    retraining alone.
    """
    if any(r.outcome == "waiting" for r in evidence.retrainings):
        return WAITING
    if evidence.serving_days < policy.min_age / _DAY:
        return YOUNG
    counted = [r for r in evidence.retrainings if wants == "recalibrate" or r.action == "retrain"]
    if any(r.days < _pause(evidence, policy, after=r.outcome) / _DAY for r in counted):
        return COOLING
    return None


def of_trigger(trigger: Trigger, evidence: Evidence, policy: Brakes) -> str | None:
    """Return why this trigger does not count now, or None.

    One that asked before, without a better model to be had, asks again when it has fallen back
    by ``hysteresis`` since, has grown by it beyond what it asked with, or has waited once more
    for as long as it has asked in vain: more days after a change teach more, others do not.
    """
    target = next((t for t in evidence.targets if t.unique_id == trigger.unique_id), None)
    few = target is not None and not judged(target, policy)
    if few and trigger.kind != DRIFT:
        return FEW
    read = {trigger.unique_id, *(target.reads if target else ())}
    if read & set(evidence.annotated):
        return ANNOTATED
    if read & broken(evidence):
        return BROKEN
    if trigger.wants == "retrain" and _recent(trigger, evidence, policy):
        return RECENT
    before = evidence.asked.get(trigger.key)
    if before is not None and _refused(evidence):
        # Some grow by themselves, and say nothing new by it.
        grown = trigger.kind not in (AGE, BRIEF) and trigger.strength >= before.strength * (
            1 + policy.hysteresis
        )
        return None if grown or _waited(before, evidence, policy) else ASKED
    return None


def _pause(evidence: Evidence, policy: Brakes, *, after: Outcome) -> pd.Timedelta:
    """Return how long a request is waited for: half where days alone may have been wanting.

    The challenger of another daily course is judged by more of them each time.
    """
    young = [f for f in evidence.findings if f.name in COURSE and f.unique_id not in evidence.told]
    return policy.cool_down / 2 if young and after == "refused" else policy.cool_down


def broken(evidence: Evidence) -> set[str]:
    """Return the series with something to mend at its source that the champion did not learn with.

    What was broken when it was trained has not made it worse since.
    """
    learnt = pd.Timestamp(evidence.as_of) - evidence.known_days * _DAY
    return {
        f.unique_id
        for f in evidence.findings
        if f.name in MENDED and pd.Timestamp(f.since) > learnt
    }


def judged(target: Target, policy: Brakes) -> bool:
    """Return whether a target has enough mature rows to be judged by."""
    return target.window.rows >= policy.min_rows and target.window.days >= LEAST_DAYS


def _recent(trigger: Trigger, evidence: Evidence, policy: Brakes) -> bool:
    """Return whether what changed is too recent: some days after it train, later ones judge."""
    now = pd.Timestamp(evidence.as_of)
    return any(
        f.unique_id == trigger.unique_id
        and f.name not in MENDED
        and now - pd.Timestamp(f.since)
        < (policy.learn_course if f.name in COURSE else policy.learn)
        for f in evidence.findings
    )


def _waited(before: Asked, evidence: Evidence, policy: Brakes) -> bool:
    first, last = pd.Timestamp(before.first), pd.Timestamp(before.last)
    pause = _pause(evidence, policy, after="refused")
    longer = last - first if pause == policy.cool_down else pause
    return pd.Timestamp(evidence.as_of) - last >= max(pause, longer)


def _refused(evidence: Evidence) -> bool:
    return any(r.outcome == "refused" for r in evidence.retrainings)
