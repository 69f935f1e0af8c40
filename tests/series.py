"""The series that tests declare and read: plain SERIES rows, and the last hours of an array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from horizonte.prepare.windows import Reals, Windows


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


def window(
    y: Reals, end: int, *, back: int = 24 * 35, horizon: int = 48, freq: str = "PT1H"
) -> Windows:
    """The ``back`` steps before ``end`` of a series ``a`` that begins with 2023, UTC."""
    step = pd.Timedelta(freq).to_timedelta64()
    cutoff = np.datetime64("2023-01-01T00:00", "ns") + step * (end - 1)
    past = y[None, max(end - back, 0) : end]
    return Windows(np.array(["a"], object), np.array([cutoff]), past, {}, {}, freq, horizon)
