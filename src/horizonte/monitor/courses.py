"""Another course: which targets have one that the champion's fits were not told of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from horizonte.monitor.evidence import Evidence, Named
from horizonte.monitor.findings import COURSE, LASTING

YOUNG = pd.Timedelta(days=42)  # until when each week leaves a gate more days, or others


def remembered(
    findings: Iterable[Named], before: Iterable[Named], *, now: Mapping[str, pd.Timestamp]
) -> tuple[Named, ...]:
    """Return the courses of another kind that are named now, and those named ``before`` and lately.

    What lasts becomes the usual: it is then seen to begin later, or as something else. So a course
    began when it was first named, and is remembered for ``LASTING`` on the clock of its source
    (``now``, by series; one that is watched no more is forgotten).
    """
    lately = {
        f.unique_id: f
        for f in before
        if f.unique_id in now and now[f.unique_id] - pd.Timestamp(f.since) < LASTING
    }
    named = {f.unique_id: f for f in findings if f.name in COURSE}
    for first in before:
        found = named.get(first.unique_id)
        if found is not None and _same(first, found):
            named[first.unique_id] = first
    return tuple(found for _, found in sorted((lately | named).items()))


def strange(evidence: Evidence) -> dict[str, pd.Timedelta]:
    """Return for how long each target has had a course that the champion does not know.

    One that is named within ``LASTING`` of what it was told is that one. Evidence from before fits
    were told of anything has none.
    """
    targets, out = {t.unique_id for t in evidence.targets}, {}
    for f in evidence.courses:
        told = evidence.told.get(f.unique_id)
        since = None if told is None else pd.Timestamp(told.since)
        if f.unique_id in targets and unknown(f, since):
            out[f.unique_id] = evidence.now(f.unique_id) - pd.Timestamp(f.since)
    return out


def unknown(course: Named, told: pd.Timestamp | None) -> bool:
    """Return whether ``course`` is another than the one since ``told``, if fits were told of any."""
    return told is None or pd.Timestamp(course.since) > told + LASTING


def young(evidence: Evidence) -> set[str]:
    """Return the targets whose strange course is so new that each week judges it better."""
    return {unique_id for unique_id, age in strange(evidence).items() if age < YOUNG}


def learnable(evidence: Evidence) -> list[Named]:
    """Return what a challenger may learn or must wait for: courses since their first day, the rest as named."""
    return [*evidence.courses, *(f for f in evidence.findings if f.name not in COURSE)]


def _same(first: Named, found: Named) -> bool:
    later = pd.Timestamp(found.since) - pd.Timestamp(first.since)
    return pd.Timedelta(0) <= later <= LASTING
