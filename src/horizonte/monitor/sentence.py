"""The verdict in one plain sentence; what was named, and what to mend, in one more each."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from horizonte.monitor import brakes, words
from horizonte.monitor.evidence import Evidence
from horizonte.monitor.findings import MENDED
from horizonte.monitor.triggers import AGE, ANOTHER, BRIEF, DRIFT, LEAST_DAYS, Trigger
from horizonte.policy import Policy

_DAY = pd.Timedelta(days=1)
_COUNTED = {DRIFT: "windows", AGE: "days", ANOTHER: "days", BRIEF: "days"}


@dataclass(frozen=True)
class Said:
    """What was decided: the action, the triggers to name, and the kinds of brakes."""

    action: str
    triggers: tuple[Trigger, ...]
    brakes: tuple[str, ...]


def of(said: Said, evidence: Evidence, policy: Policy, *, language: str) -> str:
    """Return what people read of the decision in ``language``."""
    reasons = words.listed([_reason(t, language) for t in _strongest(said)], language)
    if said.action != "keep":
        whole = words.say(said.action, language, reasons=reasons)
    elif reasons:
        held = words.listed([_brake(b, evidence, policy, language) for b in said.brakes], language)
        whole = words.say("keep held", language, reasons=reasons, brakes=held)
    elif evidence.targets and not any(brakes.judged(t, policy.brakes) for t in evidence.targets):
        best = max((t.window for t in evidence.targets), key=lambda w: (w.days, w.rows))
        whole = words.say(
            "keep unjudged",
            language,
            rows=min(best.rows, policy.brakes.min_rows),
            needed=policy.brakes.min_rows,
            days=min(best.days, LEAST_DAYS),
            least=LEAST_DAYS,
        )
    else:
        whole = words.say("keep", language)
    for message, mended in (("named", False), ("mend", True)):
        told = [
            words.finding(language, name=f.name, thing=f.unique_id, since=f.since, size=f.size)
            for f in evidence.findings
            if (f.name in MENDED) is mended
        ]
        if told:
            whole = words.say(message, language, said=whole, findings=words.listed(told, language))
    commands = [
        words.conversion(thing=f.unique_id, since=f.since, factor=f.factor, offset=f.offset or 0.0)
        for f in evidence.findings
        if f.factor is not None
    ]
    if commands:
        listed = words.listed(commands, language)
        whole = words.say("convert", language, said=whole, commands=listed)
    return whole


def _strongest(said: Said) -> list[Trigger]:
    return sorted(said.triggers, key=lambda t: (-t.strength, t.key))


def _reason(trigger: Trigger, language: str) -> str:
    unit = _COUNTED.get(trigger.kind)
    told = (
        words.share(trigger.value, language)
        if unit is None
        else words.counted(trigger.value, unit, language)
    )
    return words.say(trigger.kind, language, thing=trigger.unique_id, value=told)


def _brake(kind: str, evidence: Evidence, policy: Policy, language: str) -> str:
    return words.say(
        kind,
        language,
        serving=words.number(evidence.serving_days, language),
        min_age=words.number(policy.brakes.min_age / _DAY, language),
        cool_down=words.number(policy.brakes.cool_down / _DAY, language),
    )
