"""Another course: which targets have one that the champion's fits were not told of."""

from __future__ import annotations

import pandas as pd

from horizonte.monitor.evidence import Evidence
from horizonte.monitor.findings import COURSE, LASTING


def strange(evidence: Evidence) -> dict[str, pd.Timedelta]:
    """Return for how long each target has had a course that the champion does not know.

    One that is named within ``LASTING`` of what it was told is that one, seen to begin later.
    Evidence from before fits were told of anything has none.
    """
    if evidence.told is None:
        return {}
    targets, now = {t.unique_id for t in evidence.targets}, pd.Timestamp(evidence.as_of)
    out = {}
    for f in evidence.findings:
        since, told = pd.Timestamp(f.since), evidence.told.get(f.unique_id)
        unknown = told is None or since > pd.Timestamp(told.since) + LASTING
        if f.name in COURSE and f.unique_id in targets and unknown:
            out[f.unique_id] = now - since
    return out


def young(evidence: Evidence) -> set[str]:
    """Return the targets whose strange course is so new that each week tells much more of it."""
    return {unique_id for unique_id, age in strange(evidence).items() if age < LASTING}
