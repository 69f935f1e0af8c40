"""Planted panels: series whose best forecast is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from horizonte.model.backtest import Group, Known

START = pd.Timestamp("2024-01-01", tz="UTC")


def meta_of(ids: list[str], freq: str = "PT1H") -> pd.DataFrame:
    """Return what models read of SERIES for ``ids``."""
    rows = {
        "freq": freq,
        "zone": "Europe/Lisbon",
        "holidays": "PT",
        "lower": np.nan,
        "upper": np.nan,
    }
    return pd.DataFrame({"unique_id": ids}).assign(**rows)


def history_of(
    series: dict[str, np.ndarray], *, step: str = "1h", **covariates: np.ndarray
) -> pd.DataFrame:
    """Return a panel frame that starts at START, with the same covariates beside every series."""
    parts = [
        pd.DataFrame(
            {"unique_id": uid, "ds": pd.date_range(START, periods=len(y), freq=step), "y": y}
        ).assign(**{name: values[: len(y)] for name, values in covariates.items()})
        for uid, y in series.items()
    ]
    return pd.concat(parts, ignore_index=True)


def group_of(history: pd.DataFrame, *, known: list[str], horizon: int = 24) -> Group:
    """Return the panel as a group where every row is known at its own instant."""
    ahead = history[["unique_id", "ds", *known]] if known else None

    def at(cutoff: pd.Timestamp) -> Known:
        return Known(history[history["ds"] <= cutoff], ahead)

    ids = sorted(history["unique_id"].unique())
    return Group("PT1H", horizon, "P28D", meta_of(ids), at, at, history[["unique_id", "ds", "y"]])


def folds_of(
    history: pd.DataFrame, *, count: int = 12, every: str = "29h", horizon: int = 24
) -> pd.DataFrame:
    """Return selection folds at the end of the panel, all served by one fit before them."""
    last = history["ds"].max() - pd.Timedelta(hours=horizon)
    cutoffs = [last - pd.Timedelta(every) * k for k in range(count)][::-1]
    grid = pd.DataFrame({"cutoff": cutoffs, "freq": "PT1H", "period": "selection"})
    ids = pd.DataFrame({"unique_id": history["unique_id"].unique()})
    return ids.merge(grid, how="cross").assign(fitted_at=cutoffs[0] - pd.Timedelta("1h"))


@pytest.fixture(scope="session")
def planted() -> dict[str, Callable[..., object]]:
    """Return the makers of panels, metas, groups and folds."""
    return {"meta": meta_of, "history": history_of, "group": group_of, "folds": folds_of}


@pytest.fixture(scope="session")
def street() -> pd.DataFrame:
    """Return two hourly counters of 70 days with days, weeks and noise, one of them with holes."""
    random = np.random.default_rng(1)
    hour = np.arange(70 * 24)
    wave = 100 + 60 * np.sin(2 * np.pi * hour / 24) - 25 * (hour // 24 % 7 >= 5)
    one = wave + random.normal(0, 6, len(hour))
    two = 3 * wave + random.normal(0, 25, len(hour))
    two[random.choice(len(hour), 90, replace=False)] = np.nan
    return history_of({"street/one": one, "street/two": two}, rain=random.normal(size=len(hour)))
