"""What happened to series, by name."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from horizonte import policy as policies
from horizonte.monitor.findings import Found


def detect(
    values: pd.DataFrame,
    residuals: pd.DataFrame,
    *,
    series: pd.DataFrame,
    now: Mapping[str, pd.Timestamp],
    policy: policies.Monitor,
) -> list[Found]:
    """Return what is named of ``values`` and ``residuals``; nothing yet."""
    del values, residuals, series, now, policy
    return []
