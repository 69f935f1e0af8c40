"""What holds an action back: a reason that stands before the whole, or before one trigger."""

from __future__ import annotations

import pandas as pd

from horizonte.monitor import courses
from horizonte.monitor.evidence import Asked, Evidence, Target
from horizonte.monitor.findings import COURSE, MENDED
from horizonte.monitor.triggers import AGE, ANOTHER, BRIEF, DRIFT, LEAST_DAYS, Trigger, Wants
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
    pause = policy.cool_down / 2 if _quickly(evidence, policy) else policy.cool_down
    if any(
        r.days < (pause if r.outcome == "refused" else policy.cool_down) / _DAY for r in counted
    ):
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
    if few and trigger.kind not in (DRIFT, ANOTHER):
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
        quickly = trigger.unique_id in _quickly(evidence, policy)
        return None if grown or _waited(before, evidence, policy, quickly=quickly) else ASKED
    return None


def _quickly(evidence: Evidence, policy: Brakes) -> set[str]:
    """Return the targets that are asked for again after half a cool-down.

    The challenger of another course is judged by many more days each time.
    """
    return courses.young(evidence) if policy.learn_course is not None else set()


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
    now, course = evidence.now(trigger.unique_id), policy.learn_course or policy.learn
    age = courses.strange(evidence).get(trigger.unique_id)
    if age is not None:
        return age < course
    return any(
        f.unique_id == trigger.unique_id
        and f.name not in MENDED
        and now - pd.Timestamp(f.since) < (course if f.name in COURSE else policy.learn)
        for f in evidence.findings
    )


def _waited(before: Asked, evidence: Evidence, policy: Brakes, *, quickly: bool) -> bool:
    first, last = pd.Timestamp(before.first), pd.Timestamp(before.last)
    least = policy.cool_down / 2 if quickly else max(policy.cool_down, last - first)
    return pd.Timestamp(evidence.as_of) - last >= least


def _refused(evidence: Evidence) -> bool:
    return any(r.outcome == "refused" for r in evidence.retrainings)
