"""A forecast of a series that no model was trained on: its best naive, with bands from its own past."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from horizonte import freq
from horizonte.contracts import FOLD
from horizonte.model.backtest import Group, Known
from horizonte.model.forecaster import Forecaster
from horizonte.model.train import Plan, train

HORIZON = pd.Timedelta("P2D")
LEAST_STEPS = 14  # of a horizon, where two days are fewer
TAIL = pd.Timedelta("P35D")
CUTOFFS = 24


def horizon(iso: str) -> int:
    """Return how many steps of ``iso`` an untrained forecast reaches: two days, 14 steps at least."""
    return max(int(HORIZON / freq.step(iso)), LEAST_STEPS)


def tail(iso: str) -> pd.Timedelta:
    """Return how much history it reads: 35 days, or five horizons where that is longer."""
    return max(TAIL, 5 * horizon(iso) * freq.step(iso))


def untrained(history: pd.DataFrame, *, meta: pd.DataFrame, iso: str) -> Forecaster:
    """Return a forecaster of the series in ``history`` that knows nothing but ``history``.

    ``history`` is a panel (unique_id, ds, y), ``meta`` its SERIES rows. The naive and the bands
    come from forecasts of the last third of it, each from what was known at its cutoff. A series
    too short for one such forecast borrows the bands of its panel, or normal ones of the width
    that it moves in a day; a constant one is forecast as that constant.
    """
    bare = history[["unique_id", "ds", "y"]]
    group = Group(
        iso, horizon(iso), freq.written(tail(iso)), meta, _until(bare), _until(bare), bare
    )
    made = train(
        [group], _folds(bare, iso), final={iso: bare["ds"].max()}, plan=Plan(("naive",), seed=0)
    )
    return made.forecasters[iso]


def _until(history: pd.DataFrame) -> Callable[[pd.Timestamp], Known]:
    return lambda cutoff: Known(history[history["ds"] <= cutoff], None)


def _folds(history: pd.DataFrame, iso: str) -> pd.DataFrame:
    """Return FOLD over the last third of the history; empty where not even one horizon is behind it."""
    step, last, steps = freq.step(iso), history["ds"].max(), horizon(iso)
    length = int((last - history["ds"].min()) / step) + 1
    width = length // 3
    every = max(1, width // CUTOFFS)
    cutoffs = [last - (1 + back) * step for back in range(0, width, every)]
    fitted_at = min(cutoffs, default=last) - step
    first = history.dropna(subset=["y"]).groupby("unique_id")["ds"].min()
    kept = first[first < fitted_at].index
    frame = pd.DataFrame({"unique_id": kept}).merge(pd.DataFrame({"cutoff": cutoffs}), how="cross")
    if frame.empty or length < steps:
        return FOLD.empty()
    return FOLD.check(frame.assign(freq=iso, period="selection", fitted_at=fitted_at))
