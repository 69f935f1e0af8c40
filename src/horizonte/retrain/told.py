"""What a challenger is told of changes, and which days are kept to judge it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from horizonte.monitor.courses import unknown
from horizonte.monitor.evidence import Named
from horizonte.monitor.findings import COURSE, MENDED
from horizonte.policy import Gate
from horizonte.prepare.folds import TRAINS

DAY = pd.Timedelta(days=1)
LEAST = 14  # days that a gate is given, however recent the change
QUICKLY, PLENTY = 10, 21  # days that its gate is given: at first, and when more only train


def told(
    named: Iterable[Named], card: Mapping[str, Any], *, until: pd.Timestamp
) -> dict[str, pd.Timestamp]:
    """Return since when the course of series is another: as named, else as the champion was told.

    ``card`` is the champion's. One named within ``LASTING`` of what it was told is that one, and one
    that began after the pin ``until`` is nothing to learn yet.
    """
    before = known(card)
    return before | {
        f.unique_id: pd.Timestamp(f.since)
        for f in named
        if f.name in COURSE
        and unknown(f, before.get(f.unique_id))
        and pd.Timestamp(f.since) < until
    }


def known(card: Mapping[str, Any]) -> dict[str, pd.Timestamp]:
    """Return since when the course of series is another, as the model of ``card`` was told."""
    pinned = card.get("params", {}).get("snapshot", {})
    return {u: pd.Timestamp(at) for u, at in pinned.get("changed", {}).items()}


def pin(
    gate: Gate, *, now: pd.Timestamp, named: Iterable[Named], card: Mapping[str, Any]
) -> pd.Timestamp:
    """Return until when a challenger is trained; at most ``gate.days`` after it are the gate's.

    Where a change was named, half of what came after the newest trains and half judges: a
    challenger that has not seen it cannot have learnt it. Another course that the champion
    (its ``card``) does not know is learnt in days: the first ``TRAINS`` train, the next judge, so a
    challenger refused for want of days is judged by more of them when asked again; of later
    ones, ``PLENTY`` judge and the others train.
    """
    before = known(card)
    found = [(at, False) for at in before.values()]
    for f in named:
        if f.name not in MENDED and pd.Timestamp(f.since) < now:
            quickly = f.name in COURSE and unknown(f, before.get(f.unique_id))
            found.append((pd.Timestamp(f.since), quickly))
    # whatever was named later, the days of an unknown course train: without them it is not told
    newest, quickly = max(found, key=lambda f: (f[1], f[0]), default=(None, False))
    if newest is None:
        return now - gate.days * DAY
    judged = (now - newest) // (2 * DAY) * DAY
    if quickly:
        judged = max(judged, min(now - newest - TRAINS, PLENTY * DAY))
    least = (QUICKLY if quickly else LEAST) * DAY
    return now - min(gate.days * DAY, max(least, judged))
