from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.series import declared

from horizonte.contracts import SERIES
from horizonte.params import Rules

Declare = Callable[..., pd.DataFrame]
Observe = Callable[..., pd.DataFrame]
START = pd.Timestamp("2024-03-01", tz="UTC")


def declare(*ids: str, **changes: Any) -> pd.DataFrame:
    """Return SERIES rows that are hourly, unlimited and past-only unless told otherwise."""
    here = {"zone": "Australia/Melbourne", "source": "s"}
    return SERIES.check(declared(*ids, **here | changes))


def observe(y: Any, *, unique_id: str = "s/x", freq: str = "1h") -> pd.DataFrame:
    """Return OBSERVATION rows from START on; a NaN is a row that never came."""
    values = np.asarray(y, dtype=float)
    ds = pd.date_range(START, periods=len(values), freq=freq)
    frame = pd.DataFrame({"unique_id": unique_id, "ds": ds, "y": values})
    return frame.dropna().reset_index(drop=True)


@pytest.fixture(name="declare")
def _declare() -> Declare:
    return declare


@pytest.fixture(name="observe")
def _observe() -> Observe:
    return observe


@pytest.fixture
def rules() -> Rules:
    return Rules.model_validate(
        {
            "impute_up_to": "PT2H",
            "flatline_after": "PT4H",
            "spike_window": "P4D",
            "spike_mads": 12.0,
        }
    )


@pytest.fixture
def noise() -> np.ndarray:
    """A calm random walk around a day's shape, 40 days of hours."""
    random = np.random.default_rng(5)
    hours = np.arange(40 * 24)
    return 100 + 10 * np.sin(hours * np.pi / 12) + random.normal(0, 1, len(hours))
