"""The SERIES rows that tests declare: plain ones, changed as a test asks."""

from __future__ import annotations

from typing import Any

import pandas as pd


def row(unique_id: str, **facts: object) -> dict[str, Any]:
    """An hourly target of a source of its own name: past-only, without limits and holidays."""
    plain = {
        "unique_id": unique_id,
        "freq": "PT1H",
        "unit": "MW",
        "zone": "UTC",
        "role": "target",
        "known_ahead_hours": 0.0,
        "publication_lag_seconds": 0.0,
        "lower": None,
        "upper": None,
        "covariates": [],
        "holidays": None,
        "source": unique_id,
    }
    return plain | facts


def declared(*ids: str, **facts: object) -> pd.DataFrame:
    """The rows of series of one source, by default ``ids[0]``."""
    return pd.DataFrame([row(i, **{"source": ids[0]} | facts) for i in ids])
