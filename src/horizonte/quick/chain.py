"""From a frame to forecasts: tidy, backtest on its own past, choose, calibrate, forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from horizonte import freq as grid
from horizonte.contracts import FOLD
from horizonte.errors import DataFault
from horizonte.model.backtest import Progress
from horizonte.model.ensemble import NAME, ensemble_rows
from horizonte.model.train import Group, Known, Plan, Trained, train
from horizonte.quick.tidy import Tidy, tidy

FAMILIES = ("naive", "linear", "boosting", "statistical", "prophet")
LEVELS = (50, 80, 90)
LOOK_BACK = pd.Timedelta("P35D")
MANY = 50  # series beyond which fewer cutoffs are enough: they share what they teach


@dataclass(frozen=True)
class Quick:
    """What ``run`` found. Frames carry the caller's ids; ``ds`` has a zone only if the caller's had one.

    ``forecast`` is (unique_id, ds, mean, q05 … q95). ``scores`` compares per series what ships
    with its best naive on ``backtest``, forecasts of the frame's own past: the fits never saw
    what they forecast, the weights were chosen on it. ``notes`` are sentences on every liberty
    taken with the input.
    """

    forecast: pd.DataFrame
    history: pd.DataFrame
    scores: pd.DataFrame
    trained: Trained
    freq: str
    horizon: int
    notes: list[str]


def forecast(
    frame: pd.DataFrame,
    *,
    horizon: int,
    freq: str | None = None,
    known_future: pd.DataFrame | None = None,
    levels: Sequence[int] = (80, 90),
    budget_seconds: float | None = None,
) -> pd.DataFrame:
    """Return (unique_id, ds, mean, q05, q10, q25, q50, q75, q90, q95), ``horizon`` steps per series.

    ``frame`` is (unique_id, ds, y, covariates…); columns that ``known_future`` also has are used
    over the horizon, the others only up to each series' last row. ``freq`` is inferred when not
    given, and refused with a reason when it cannot be. ``levels`` of 50, 80 and 90 % are
    calibrated. ``budget_seconds`` decides which costly families run. Raises DataFault.
    """
    _checked(levels)
    return run(
        frame, horizon=horizon, freq=freq, known_future=known_future, budget_seconds=budget_seconds
    ).forecast


def run(
    frame: pd.DataFrame,
    *,
    horizon: int,
    freq: str | None = None,
    known_future: pd.DataFrame | None = None,
    budget_seconds: float | None = None,
    zone: str = "UTC",
    progress: Progress | None = None,
) -> Quick:
    """Return the forecast with all that stands behind it; see ``forecast`` and ``Quick``."""
    if not isinstance(horizon, int) or horizon < 1:
        raise DataFault("horizon", horizon, "a whole number of steps from 1", "pass horizon=48")
    panel = tidy(frame, freq=freq, known_future=known_future, zone=zone)
    group = group_of(panel, horizon)
    last = panel.history["ds"].max()
    plan = Plan(FAMILIES, seed=7, budget_seconds=budget_seconds)
    folds = folds_of(panel, horizon)
    trained = train([group], folds, final={panel.freq: last}, plan=plan, progress=progress)
    found = trained.forecasters[panel.freq].predict(
        panel.history, horizon=horizon, known_future=_filled(panel)
    )
    return Quick(
        _outer(found, panel),
        _outer(panel.prepared, panel),
        _scores(trained, panel),
        trained,
        panel.freq,
        horizon,
        panel.notes,
    )


def group_of(panel: Tidy, horizon: int) -> Group:
    """Return the panel as the group that training works on; rows up to a cutoff were known at it."""
    known = _filled(panel)

    def at(cutoff: pd.Timestamp) -> Known:
        return Known(panel.history[panel.history["ds"] <= cutoff], known)

    span = panel.history["ds"].max() - panel.history["ds"].min() + grid.step(panel.freq)
    tail = min(max(LOOK_BACK, 3 * horizon * grid.step(panel.freq)), span)
    actuals = panel.history[["unique_id", "ds", "y"]]
    return Group(panel.freq, horizon, tail.isoformat(), panel.meta, at, at, actuals)


def folds_of(panel: Tidy, horizon: int) -> pd.DataFrame:
    """Return FOLD: cutoffs over the last third of the history (at most 56 days or 8 horizons).

    Spaced so that every time of day is seen. A series is in the folds if the fit before them saw
    at least one horizon of it; none may be left, and then the bands are borrowed or normal.
    """
    step, ds = grid.step(panel.freq), panel.history.groupby("unique_id")["ds"]
    first, last = ds.min(), panel.history["ds"].max()
    length = int(ds.size().median())
    width = min(length // 3, max(8 * horizon, int(pd.Timedelta("P56D") / step)))
    every = max(1, width // (24 if len(first) <= MANY else 12))
    day = max(1, int(pd.Timedelta("P1D") / step))
    every += 1 if every % day == 0 and day > 1 else 0
    newest = last - horizon * step
    cutoffs = [newest - back * step for back in range(0, max(width, 1), every)]
    fitted_at = min(cutoffs) - step
    kept = first[fitted_at - first >= horizon * step].index
    frame = pd.DataFrame({"unique_id": kept}).merge(pd.DataFrame({"cutoff": cutoffs}), how="cross")
    if frame.empty:
        return FOLD.empty()
    return FOLD.check(frame.assign(freq=panel.freq, period="selection", fitted_at=fitted_at))


def _checked(levels: Sequence[int]) -> None:
    odd = [level for level in levels if level not in LEVELS]
    if odd:
        raise DataFault("levels", odd, f"among {list(LEVELS)}", "choose calibrated levels")


def _filled(panel: Tidy) -> pd.DataFrame | None:
    """Return the covariates known ahead over the past and the future, or None without any."""
    future = panel.known_future
    if future is None:
        return None
    names = [c for c in future if c in panel.columns]
    past = panel.history[["unique_id", "ds", *names]]
    both = pd.concat([past, future[["unique_id", "ds", *names]]], ignore_index=True)
    return both.drop_duplicates(["unique_id", "ds"], keep="last")


def _scores(trained: Trained, panel: Tidy) -> pd.DataFrame:
    """Return per series the errors of what ships and of its best naive, and their relation."""
    selection = trained.forecasters[panel.freq].selection
    tried = trained.backtest.dropna(subset=["y"])
    if tried.empty:
        return pd.DataFrame(columns=["unique_id", "mae", "naive", "naive_mae", "gain", "models"])
    ours = ensemble_rows(tried, selection)
    ours = ours[ours["model"] == NAME]
    rows = pd.concat([tried, ours]).assign(error=lambda r: (r["y"] - r["mean"]).abs())
    mae = rows.groupby(["unique_id", "model"])["error"].mean()
    lines = []
    for uid in rows["unique_id"].unique():
        naive = selection.naive_of(uid)
        weights = ", ".join(f"{n} {w:.0%}" for n, w in selection.of(uid).items())
        lines.append(
            {
                "unique_id": panel.ids[uid],
                "mae": mae[uid, NAME],
                "naive": naive,
                "naive_mae": mae[uid, naive],
                "models": weights,
            }
        )
    table = pd.DataFrame(lines)
    table.insert(4, "gain", 1 - table["mae"] / table["naive_mae"].where(table["naive_mae"] > 0))
    return table


def _outer(rows: pd.DataFrame, panel: Tidy) -> pd.DataFrame:
    """Return rows under the caller's ids, without a zone if the caller's instants had none."""
    found = rows.assign(unique_id=rows["unique_id"].map(panel.ids))
    if panel.naive:
        found["ds"] = found["ds"].dt.tz_localize(None)
    return found.reset_index(drop=True)


__all__ = ["Quick", "folds_of", "forecast", "group_of", "run"]
