"""Forecasts of open peers, on the same as-of histories and cutoffs as ours; runs in .venv-peers.

Called by ``accuracy.py``. Knows nothing of Horizonte but its files: ``fit/<freq>.parquet``
and ``tail/<freq>.parquet`` with columns (unique_id, cutoff, ds, y, …).
"""

from __future__ import annotations

import argparse
import json
import logging
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

JOBS = 2
LEVELS = (50, 80, 90)
QUANTILES = {"q05": ("lo", 90), "q10": ("lo", 80), "q25": ("lo", 50), "q75": ("hi", 50),
             "q90": ("hi", 80), "q95": ("hi", 90)}  # fmt: skip
KEYS = ["unique_id", "cutoff", "ds"]
MINUTE, HOUR, DAY = (pd.Timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))
Rows = pd.DataFrame


class Panel:
    """One freq's histories: ``fit`` up to the fit that serves the test, ``tail`` per cutoff."""

    def __init__(self, folder: Path, iso: str, folds: Rows) -> None:
        self.step = pd.Timedelta(iso)
        self.alias = f"{int(self.step / MINUTE)}min"
        self.horizon = int(pd.Timedelta(hours=48) / self.step)
        # MSTL's cost grows with points times season: two weeks and the day at ten minutes
        self.window = (14 if self.step < HOUR / 3 else 28) * DAY
        self.day, self.week = int(DAY / self.step), int(7 * DAY / self.step)
        own = folds[folds["freq"] == iso]
        fit = pd.read_parquet(folder / "fit" / f"{iso}.parquet")
        self.fit = self._filled(fit[fit["cutoff"] == own["fitted_at"].min()])
        tail = pd.read_parquet(folder / "tail" / f"{iso}.parquet")
        self.tail = self._filled(tail[tail["cutoff"].isin(own["cutoff"])])
        self.cutoffs = sorted(own["cutoff"].unique())

    def _filled(self, rows: Rows) -> Rows:
        """Peers want no gaps: take the value a week before, then a straight line."""
        rows = rows[[*KEYS, "y"]].sort_values(KEYS, ignore_index=True)
        keys = [rows["unique_id"], rows["cutoff"]]
        for _ in range(5):
            before = rows.groupby(["unique_id", "cutoff"])["y"].shift(self.week)
            rows["y"] = rows["y"].fillna(before)
        linear = rows["y"].groupby(keys).transform(lambda y: y.interpolate(limit_direction="both"))
        return rows.assign(y=linear).dropna(subset="y")


def statsforecast(panel: Panel, models: Callable[[Panel], list[object]]) -> Rows:
    """Fit at every cutoff on its last weeks, as statsforecast is used."""
    from statsforecast import StatsForecast

    rows = panel.tail[panel.tail["ds"] > panel.tail["cutoff"] - panel.window]
    vintage = rows["unique_id"] + "@" + rows["cutoff"].astype(str)
    frame = rows.assign(unique_id=vintage, ds=rows["ds"].dt.tz_localize(None))
    forecaster = StatsForecast(models=models(panel), freq=panel.alias, n_jobs=JOBS)
    out = forecaster.forecast(
        df=frame[["unique_id", "ds", "y"]], h=panel.horizon, level=list(LEVELS)
    )
    ids = out["unique_id"].str.rsplit("@", n=1, expand=True)
    out = out.assign(
        unique_id=ids[0],
        cutoff=pd.to_datetime(ids[1], utc=True),
        ds=out["ds"].dt.tz_localize("UTC"),
    )
    return _renamed(out, str(forecaster.models[0]))


def mstl(trend: Callable[[], object]) -> Callable[[Panel], list[object]]:
    """Return MSTL over the day and, from four weeks on, the week, with ``trend`` for what is left."""

    def models(panel: Panel) -> list[object]:
        from statsforecast.models import MSTL

        seasons = [panel.day, panel.week] if panel.window > 14 * DAY else [panel.day]
        return [MSTL(season_length=seasons, trend_forecaster=trend(), alias="it")]

    return models


def auto_ets() -> object:
    """Return an exponential smoothing without season, chosen automatically."""
    from statsforecast.models import AutoETS

    return AutoETS(model="ZZN")


def auto_arima() -> object:
    """Return a non-seasonal ARIMA, chosen automatically."""
    from statsforecast.models import AutoARIMA

    return AutoARIMA(seasonal=False, approximation=True)


def seasonal_ets(panel: Panel) -> list[object]:
    """Return AutoETS with the day as its season, which it takes up to 24 steps long."""
    from statsforecast.models import AutoETS

    return [AutoETS(season_length=panel.day if panel.day <= 24 else 1, alias="it")]


def mlforecast(panel: Panel) -> Rows:
    """LightGBM on lags and the calendar, fitted once, updated daily, with conformal intervals."""
    import lightgbm
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import RollingMean
    from mlforecast.target_transforms import LocalStandardScaler
    from mlforecast.utils import PredictionIntervals

    naive = panel.fit.assign(ds=panel.fit["ds"].dt.tz_localize(None))
    model = lightgbm.LGBMRegressor(
        n_estimators=300, learning_rate=0.05, num_leaves=31, verbosity=-1, n_jobs=1, random_state=7
    )
    lags = [1, 2, 3, panel.day - 1, panel.day, panel.day + 1, 2 * panel.day, panel.week]
    forecaster = MLForecast(
        models={"it": model},
        freq=panel.alias,
        lags=lags,
        target_transforms=[LocalStandardScaler()],
        lag_transforms={1: [RollingMean(panel.day)], panel.day: [RollingMean(panel.day)]},
        date_features=["hour", "dayofweek", "month"] + (["minute"] if panel.day > 24 else []),
    )
    forecaster.fit(
        naive[["unique_id", "ds", "y"]],
        prediction_intervals=PredictionIntervals(n_windows=7, h=panel.horizon),
    )
    parts, seen = [], naive["ds"].max()
    for cutoff in panel.cutoffs:
        tail = panel.tail[panel.tail["cutoff"] == cutoff]
        new = tail.assign(ds=tail["ds"].dt.tz_localize(None))[["unique_id", "ds", "y"]]
        forecaster.update(new[new["ds"] > seen])
        seen = new["ds"].max()
        parts.append(forecaster.predict(panel.horizon, level=list(LEVELS)).assign(cutoff=cutoff))
    out = pd.concat(parts, ignore_index=True)
    return _renamed(out.assign(ds=out["ds"].dt.tz_localize("UTC")), "it")


def prophet(panel: Panel, zones: dict[str, str]) -> Rows:
    """``Prophet()`` as it comes, on two years of local time at most hourly, its own intervals."""
    parts = []
    for unique_id, rows in panel.fit.groupby("unique_id"):
        local = rows.assign(ds=rows["ds"].dt.tz_convert(zones[unique_id]).dt.tz_localize(None))
        local = local[rows["ds"] > rows["ds"].max() - pd.Timedelta(days=731)]
        parts.append(
            _prophet(local.iloc[:: max(1, int(HOUR / panel.step))], panel, unique_id, zones)
        )
    return pd.concat(parts, ignore_index=True)


def _prophet(history: Rows, panel: Panel, unique_id: str, zones: dict[str, str]) -> Rows:
    from prophet import Prophet

    np.random.seed(7)  # noqa: NPY002 (Prophet draws from the global generator)
    model = Prophet().fit(history[["ds", "y"]].drop_duplicates("ds"))
    steps = panel.step * np.arange(1, panel.horizon + 1)
    out = pd.DataFrame([(unique_id, c, c + s) for c in panel.cutoffs for s in steps], columns=KEYS)
    local = out["ds"].dt.tz_convert(zones[unique_id]).dt.tz_localize(None)
    asked = pd.DataFrame({"ds": local.drop_duplicates().sort_values(ignore_index=True)})
    draws = model.predictive_samples(asked)["yhat"]
    names = ["q05", "q10", "q25", "q50", "q75", "q90", "q95"]
    found = pd.DataFrame(
        np.quantile(draws, [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95], axis=1).T,
        columns=names,
        index=asked["ds"],
    )
    found["mean"] = model.predict(asked)["yhat"].to_numpy()
    return pd.concat([out, found.loc[local].reset_index(drop=True)], axis=1)


def _renamed(out: Rows, name: str) -> Rows:
    wide = {column: out[f"{name}-{side}-{level}"] for column, (side, level) in QUANTILES.items()}
    return out[KEYS].assign(mean=out[name], q50=out[name], **wide)


def main() -> None:
    """Run every peer that has not run yet, writing its rows and seconds into the folder ``out``."""
    parser = argparse.ArgumentParser()
    for name in ("features", "folds", "series", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--only", default="", help="peers whose name holds this")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)
    folds = pd.read_parquet(args.folds).query("period == 'test'")
    zones = pd.read_parquet(args.series).set_index("unique_id")["zone"].to_dict()
    peers: dict[str, Callable[[Panel], Rows]] = {
        "prophet default": lambda p: prophet(p, zones),
        "statsforecast MSTL+AutoETS": lambda p: statsforecast(p, mstl(auto_ets)),
        "statsforecast MSTL+AutoARIMA": lambda p: statsforecast(p, mstl(auto_arima)),
        "statsforecast AutoETS": lambda p: statsforecast(p, seasonal_ets),
        "mlforecast LightGBM": mlforecast,
    }
    args.out.mkdir(parents=True, exist_ok=True)
    for iso in sorted(folds["freq"].unique()):
        panel = Panel(args.features, iso, folds)
        for name, peer in peers.items():
            done = args.out / f"{iso} {name}"
            if args.only in name and not done.with_suffix(".json").is_file():
                began = time.perf_counter()
                peer(panel).assign(model=name).to_parquet(done.with_suffix(".parquet"))
                cost = {"model": name, "freq": iso, "seconds": time.perf_counter() - began}
                done.with_suffix(".json").write_text(json.dumps(cost))
                print(json.dumps(cost), flush=True)


if __name__ == "__main__":
    main()
