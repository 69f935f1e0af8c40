"""What a detector says: one thing that happened to one series, by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

MISSING, STUCK, UNIT, LEVEL, TREND, VARIANCE, PHASE, DECAY = NAMES = (
    "missing feed",
    "stuck sensor",
    "unit change",
    "level shift",
    "trend break",
    "variance change",
    "phase shift",
    "slow decay",
)
UNNAMED = "unnamed change"  # two names explain it nearly alike: which it is follows
MENDED = (MISSING, STUCK, UNIT)  # at the source: no model learns them
COURSE = (PHASE, LEVEL)  # another course: fits that are told of it learn it in days
LASTING = pd.Timedelta(days=28)  # within which a course is the same, seen to begin later


@dataclass(frozen=True)
class Found:
    """One thing named: since when (UTC), how large, and the numbers that say so.

    ``size`` is in the unit that ``name`` has: hours of silence or of standing still, the factor
    of a unit change, a level's step in the series' unit, a slope's change in the series' unit per
    day, the factor on the noise, hours (or days) of a profile's shift, the share of gain lost.
    """

    unique_id: str
    name: str
    since: pd.Timestamp
    size: float | None
    evidence: dict[str, Any] = field(default_factory=dict)
