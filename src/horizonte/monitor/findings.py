"""One thing named that happened to a series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Found:
    """One thing named: ``since`` when, ``size`` in the series' unit or as a ratio."""

    unique_id: str
    name: str
    since: pd.Timestamp
    size: float | None
    evidence: dict[str, Any]
