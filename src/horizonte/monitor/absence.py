"""What should have happened and did not: each absence by name, with its sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from horizonte.monitor import words

NAMES = (
    "no forecast",
    "no readings",
    "monitor not run",
    "champion too old",
    "retraining waits",
    "retraining failed",
    "retraining harmed",
    "retraining reverted",
)
STEPS = 3  # of its grid that a source may be silent
GAPS = 3  # of its usual gaps between arrivals
USUAL = 0.95  # the quantile of past gaps that is usual
DAY = pd.Timedelta(days=1)
WAITS = pd.Timedelta(hours=6)  # that a request may wait for a worker
TOLD = 7 * DAY  # that a model was taken back


@dataclass(frozen=True)
class Alarm:
    """One thing that is wrong: its name, what it concerns, and a sentence in each language."""

    name: str
    thing: str
    sentence_en: str
    sentence_pt: str

    @property
    def key(self) -> tuple[str, str]:
        """Return what tells it from every other."""
        return self.name, self.thing


@dataclass(frozen=True)
class Feed:
    """Arrivals of one source on a wall clock, newest first, and the step of its grid."""

    source: str
    step: pd.Timedelta
    arrivals: Sequence[pd.Timestamp]


def alarm(name: str, thing: str, *, message: str | None = None, **values: Any) -> Alarm:
    """Return alarm ``name`` of ``thing`` with its sentences; ``message`` where it has another.

    A value that is a length of time is told in minutes, hours or days.
    """
    told = []
    for language in words.LANGUAGES:
        shown = {
            k: words.span(v.total_seconds(), language) if isinstance(v, pd.Timedelta) else v
            for k, v in values.items()
        }
        told.append(words.say(message or name, language, thing=thing, **shown))
    return Alarm(name, thing, *told)


def readings(feeds: Sequence[Feed], *, now: pd.Timestamp) -> list[Alarm]:
    """Return the sources that have been silent for longer than they ever usually are."""
    silent = []
    for feed in feeds:
        if len(feed.arrivals) == 0:
            continue
        age = now - feed.arrivals[0]
        if age > max(STEPS * feed.step, GAPS * _usual(feed.arrivals, USUAL)):
            silent.append(alarm("no readings", feed.source, value=age))
    return silent


def monitoring(
    instants: Sequence[pd.Timestamp], *, now: pd.Timestamp, serving: pd.Timedelta
) -> list[Alarm]:
    """Return that nobody monitors: not within two usual intervals of verdicts, nor within a day.

    ``instants`` are the newest verdicts' ``as_of``, newest first; ``now`` is on the same clock, so
    a recording that stands still is no absence. ``serving`` is how long the champion has served.
    """
    if not instants:
        never = alarm("monitor not run", "monitor", message="monitor never run")
        return [never] if serving > DAY else []
    usual = (
        (-pd.Series(instants).diff().dropna()).median() if len(instants) > 1 else pd.Timedelta(0)
    )
    age = now - instants[0]
    return [alarm("monitor not run", "monitor", value=age)] if age > max(DAY, 2 * usual) else []


def champion(version: str, *, known: pd.Timedelta, max_age: pd.Timedelta) -> list[Alarm]:
    """Return that the champion's newest training data is older than the policy allows."""
    days = round(known / DAY)
    return [alarm("champion too old", version[:12], value=days)] if known > max_age else []


def untaken(number: int, *, waited: pd.Timedelta, idle: pd.Timedelta) -> list[Alarm]:
    """Return that retraining ``number``, which no worker is at, has waited for one too long.

    ``waited`` is since it was asked for, ``idle`` since it was, or since its newest step.
    """
    if idle <= WAITS:
        return []
    return [alarm("retraining waits", str(number), message="nobody retrains", value=waited)]


def reverted(version: str, former: str, *, ago: pd.Timedelta) -> list[Alarm]:
    """Return that ``version`` harmed, and that ``former`` was put back ``ago``; for a week."""
    told = alarm("retraining reverted", version[:12], former=former[:12])
    return [told] if ago <= TOLD else []


def _usual(instants: Sequence[pd.Timestamp], quantile: float) -> pd.Timedelta:
    """Return this quantile of the gaps between ``instants``, newest first; nothing for one."""
    gaps = [(a - b).total_seconds() for a, b in pairwise(instants)]
    return pd.Timedelta(seconds=float(np.quantile(gaps, quantile)) if gaps else 0.0)
