"""Keep, recalibrate or retrain: a pure function of the evidence and the policy.

A trigger asks, a brake holds back. What must be mended at the source is no case for a retraining:
it holds the triggers of the targets that read it, and the sentence says what to mend.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from horizonte.monitor import brakes, sentence, triggers
from horizonte.monitor.evidence import Asked, Evidence
from horizonte.monitor.triggers import Trigger
from horizonte.policy import Policy

Action = Literal["keep", "recalibrate", "retrain"]


@dataclass(frozen=True)
class Decision:
    """What to do, what asked for it, what held it back, and one sentence in each language."""

    action: Action
    triggers: tuple[str, ...]
    brakes: tuple[str, ...]
    sentence_en: str
    sentence_pt: str


def decide(evidence: Evidence, policy: Policy) -> Decision:
    """Return the decision; whatever the evidence lacks, it never fails."""
    fired = [t for t in triggers.found(evidence, policy.triggers) if t.strength >= 1]
    held = {t.key: why for t in fired if (why := brakes.of_trigger(t, evidence, policy.brakes))}
    free = [t for t in fired if t.key not in held]
    action, whole = _action(free, evidence, policy)
    stopped = {f"{why}: {key}": why for key, why in held.items()}
    if whole is not None:
        stopped = {whole: whole} | stopped
    said = sentence.Said(
        action, tuple(fired if action == "keep" else free), tuple(dict.fromkeys(stopped.values()))
    )
    return Decision(
        action,
        tuple(t.key for t in fired),
        tuple(stopped),
        sentence.of(said, evidence, policy, language="en"),
        sentence.of(said, evidence, policy, language="pt-BR"),
    )


def asked(before: Evidence, policy: Policy) -> dict[str, Asked]:
    """Return the triggers that, after the decision on ``before``, have asked and not fallen back.

    ``policy`` is the one that it was decided by. The result is ``asked`` of the next evidence.
    """
    found = triggers.found(before, policy.triggers)
    still = {t.key: t.strength for t in found if t.strength >= 1 - policy.brakes.hysteresis}
    decided = decide(before, policy)
    acted = set(decided.triggers) if decided.action != "keep" else set()
    for brake in decided.brakes:
        acted.discard(brake.partition(": ")[2])
    now = before.as_of
    known = before.asked | {
        key: Asked(still[key], before.asked[key].first if key in before.asked else now, now)
        for key in acted & still.keys()
    }
    return {key: known[key] for key in sorted(known.keys() & still.keys())}


def _action(free: list[Trigger], evidence: Evidence, policy: Policy) -> tuple[Action, str | None]:
    """Return the heaviest action that the triggers want and no brake stands before."""
    wanted = {t.wants for t in free}
    stopped = None
    for wants in ("retrain", "recalibrate"):
        if wants in wanted:
            why = brakes.whole(evidence, policy.brakes, wants=wants)
            if why is None:
                return wants, None
            stopped = stopped or why
    return "keep", stopped
