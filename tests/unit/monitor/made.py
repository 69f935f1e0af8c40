"""Series as the prepared database holds them, made from a seed."""

from __future__ import annotations

import numpy as np
import pandas as pd


def made(days: int, *, freq: str = "PT1H", seed: int = 0, memory: float = 0.5) -> pd.Series:
    """A series with a day, a week, a year and remembered noise, by UTC instants."""
    step = pd.Timedelta(freq)
    ds = pd.date_range(
        "2022-01-01", periods=int(days * pd.Timedelta("P1D") / step), freq=step, tz="UTC"
    )
    random = np.random.default_rng(seed)
    new = random.normal(size=len(ds)) * np.sqrt(1 - memory**2)
    noise = pd.Series(new).ewm(alpha=1 - memory, adjust=False).mean().to_numpy() / (1 - memory)
    t = (ds - ds[0]) / pd.Timedelta("P1D")
    day = (
        4 * np.sin(2 * np.pi * t) + 2 * np.sin(4 * np.pi * t + 1)
        if step < pd.Timedelta("P1D")
        else 0
    )
    year = 5 * np.sin(2 * np.pi * t / 365.25)
    return pd.Series(50 + day + year + 2 * (ds.weekday >= 5) + 2 * noise, index=ds)


def prepared(y: pd.Series, *, name: str = "a") -> pd.DataFrame:
    """PREPARED rows of ``y``."""
    quality = np.where(y.isna(), "missing", "ok")
    return pd.DataFrame(
        {
            "unique_id": name,
            "ds": y.index,
            "y": y.to_numpy(),
            "y_raw": y.to_numpy(),
            "quality": quality,
        }
    )
