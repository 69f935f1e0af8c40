"""What the gate's proof is made of: models of the sample, and their forecasts of unseen days.

Each source's last 200 days are taken away, models are trained on what is left, and each forecasts
all of those days, daily and as of then, by the code that answers requests.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from horizonte import freq
from horizonte.contracts import ANNOTATION, BACKTEST, QUANTILE_COLUMNS, REVISION, SERIES
from horizonte.model import metrics
from horizonte.pipeline import features, files, train
from horizonte.retrain.contest import naive
from horizonte.retrain.daily import NAIVE
from horizonte.serve import champion, inputs
from horizonte.serve.champion import Champion
from horizonte.serve.inputs import Knowledge, Reach
from horizonte.serve.past import Ask, Past

DAY = pd.Timedelta(days=1)
UNSEEN, HORIZON = 200, 2  # days
# name → days taken away, and what else differs from params.yaml's section train
MODELS: dict[str, tuple[int, dict[str, Any]]] = {
    "now": (UNSEEN, {}),
    "older": (UNSEEN + 56, {}),
    "seed": (UNSEEN, {"seed": 11}),
    "plain": (UNSEEN, {"families": ["naive", "linear", "statistical"]}),
}
PAIRS = {
    ("older", "now"): "fitted eight weeks apart",
    ("now", "seed"): "another seed",
    ("now", "plain"): "other families",
}


def load(root: Path, *, keep: Path | None) -> pd.DataFrame:
    """Return BACKTEST rows of every model and of the naive, in units of each series' scale, with ``day``.

    Takes some minutes, unless ``keep`` holds them already.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = keep or Path(scratch)
        rows = folder / "rows.parquet"
        if not rows.is_file():
            models = {name: _trained(root, folder / name, *how) for name, how in MODELS.items()}
            folder.mkdir(parents=True, exist_ok=True)
            _forecast(root, models).to_parquet(rows)
        return pd.read_parquet(rows)


def equalised(rows: pd.DataFrame, pair: tuple[str, str]) -> pd.DataFrame:
    """Return the rows of ``pair`` and of the naive, the second's errors scaled by series.

    Both then have the same quantile loss over all days of a series.
    """
    kept = rows[rows["model"].isin([*pair, NAIVE]) & rows["y"].notna()].reset_index(drop=True)
    ones = pd.DataFrame({"unique_id": kept["unique_id"].unique(), "mae": 1.0, "rmse": 1.0})
    lost = metrics.terms(kept.drop(columns="day"), scale=ones)
    daily = lost.groupby(["model", "unique_id", "cutoff"])["sql"].mean()
    mean = daily.groupby(["model", "unique_id"]).mean()
    factor = (mean[pair[0]] / mean[pair[1]]).reindex(kept["unique_id"]).to_numpy()
    second = (kept["model"] == pair[1]).to_numpy()
    for name in ("mean", *QUANTILE_COLUMNS):
        moved = kept["y"] + (kept[name] - kept["y"]) * factor
        kept[name] = np.where(second, moved, kept[name])
    return kept


def _trained(root: Path, folder: Path, days: int, how: dict[str, Any]) -> Champion:
    model = folder / files.MODEL
    if not (model / "card.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        _cut(root, folder, days)
        chosen = yaml.safe_load((root / "params.yaml").read_text())
        chosen["features"] |= {"test_days": 0, "selection_days": 112}
        chosen["train"] |= how
        (folder / "params.yaml").write_text(yaml.safe_dump(chosen))
        features.run(root=folder)
        train.run(root=folder)
        print(f"trained {folder.name}", file=sys.stderr)
    return champion.load(model)


def _cut(root: Path, folder: Path, days: int) -> None:
    """Put what was known ``days`` before the end of each source into ``folder``."""
    for name in ("raw", "clean"):
        shutil.copytree(root / "data" / name, folder / "data" / name)
    revisions, series = REVISION.read(root / files.SNAPSHOT), SERIES.read(root / files.SERIES)
    source = revisions["unique_id"].map(series.set_index("unique_id")["source"].to_dict())
    ends = {s: end - days * DAY for s, end in _ends(revisions, series).items()}
    kept = revisions["available_at"] <= source.map(ends)
    REVISION.write(revisions[kept].reset_index(drop=True), folder / files.SNAPSHOT)


def _ends(revisions: pd.DataFrame, series: pd.DataFrame) -> dict[str, pd.Timestamp]:
    """Return now on the recorded clock of each source."""
    past = series[series["known_ahead_hours"] == 0].set_index("unique_id")["source"]
    own = revisions[revisions["unique_id"].isin(past.index)]
    newest = own.groupby(own["unique_id"].map(past.to_dict()))["available_at"].max()
    return {str(s): pd.Timestamp(at) for s, at in newest.items()}


def _forecast(root: Path, models: dict[str, Champion]) -> pd.DataFrame:
    revisions, series = REVISION.read(root / files.SNAPSHOT), SERIES.read(root / files.SERIES)
    noted = ANNOTATION.read(root / files.ANNOTATIONS)
    known = {s: Knowledge(at, 0) for s, at in _ends(revisions, series).items()}
    targets = list(series.loc[series["role"] == "target", "unique_id"])
    parts = []
    for group in inputs.groups(series, targets, known):
        own = revisions[revisions["unique_id"].isin(group.ids)]
        recent = own[own["ds"] > group.at.as_of - (UNSEEN + 60) * DAY].reset_index(drop=True)
        parts.append(_group(Past(group, recent, noted), models))
        print(f"forecast {', '.join(group.targets)}", file=sys.stderr)
    return pd.concat(parts, ignore_index=True)


def _group(past: Past, models: dict[str, Champion]) -> pd.DataFrame:
    group, now = past.group, models["now"]
    last = group.at.as_of - HORIZON * DAY
    instants = [last - DAY * k for k in range(UNSEEN - HORIZON - 1, -1, -1)]
    asks = [*(Ask(one) for one in models.values()), Ask(now, naive)]
    said = zip([*models, NAIVE], past.forecasts(asks, instants), strict=True)
    rows = pd.concat([part.assign(model=name) for name, part in said], ignore_index=True)
    span = Reach(freq.written(group.at.as_of - instants[0] + DAY), 1)
    prepared = past.at(group.at.as_of, rules=now.rules, reach=span).prepared
    good = prepared.loc[prepared["quality"] == "ok", ["unique_id", "ds", "y"]]
    rows = rows.merge(good, on=["unique_id", "ds"], how="left")
    rows["day"] = (rows["as_of"] - instants[0]) // DAY
    return _scaled(rows, past, instants[0], now)[[*BACKTEST.columns, "day"]]


def _scaled(rows: pd.DataFrame, past: Past, first: pd.Timestamp, model: Champion) -> pd.DataFrame:
    iso = freq.iso(past.group.step)
    history = past.at(first, rules=model.rules, reach=model.forecasters[iso]).history
    scale = metrics.scale(history[["unique_id", "ds", "y"]], freq_=iso).set_index("unique_id")
    unit = rows["unique_id"].map(scale["mae"])
    names = ["y", "mean", *QUANTILE_COLUMNS]
    return rows.assign(**{name: rows[name] / unit for name in names})
