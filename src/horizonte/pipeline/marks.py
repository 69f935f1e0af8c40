"""What DVC compares between revisions: few small numbers, and the points of three plots."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from horizonte.model import metrics
from horizonte.model.ensemble import BEST, NAME

COMPARED = ("mase", "sql", "coverage_80", "coverage_90")
DIGITS = 6


def write_metrics(scores: pd.DataFrame, naives: Mapping[str, str], path: Path) -> None:
    """Write, per target and over all, the metrics of what ships beside the best naive's."""
    whole = scores[scores["bucket"] == "all"].set_index(["unique_id", "model"])
    found: dict[str, Any] = {}
    for target in sorted(naives):
        ours, theirs = whole.loc[(target, NAME)], whole.loc[(target, BEST)]
        found[target] = {name: _number(ours[name]) for name in COMPARED} | {
            "naive_mase": _number(theirs["mase"]), "naive_sql": _number(theirs["sql"])}
    overall = {name: _number(pd.Series([t[name] for t in found.values()], dtype=float).mean())
               for name in next(iter(found.values()))}
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"targets": found, "mean": overall}
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def write_plots(
    backtest: pd.DataFrame, scores: pd.DataFrame, scales: pd.DataFrame, folder: Path
) -> None:
    """Write the points of ``dvc plots``: leaderboard, coverage by lead bucket, error by lead."""
    folder.mkdir(parents=True, exist_ok=True)
    board = metrics.average(scores[scores["bucket"] == "all"])[["model", "mase", "sql"]]
    _csv(board.sort_values(["mase", "model"]), folder / "leaderboard.csv")
    ours = scores[(scores["model"] == NAME) & (scores["bucket"] != "all")]
    _csv(ours[["unique_id", "bucket", "coverage_80", "coverage_90"]], folder / "coverage.csv")
    _csv(error_by_lead(backtest, scales), folder / "error.csv")


def error_by_lead(backtest: pd.DataFrame, scales: pd.DataFrame) -> pd.DataFrame:
    """Return the mean scaled error (MASE) per model, target and whole hour of lead time."""
    rows = backtest[backtest["model"].isin([NAME, BEST])]
    terms = metrics.terms(rows, scale=scales)
    hour = (terms["lead_time"] / pd.Timedelta(hours=1)).round(6)
    terms = terms.assign(lead_hours=(-(-hour // 1)).astype(int))
    keys = ["model", "unique_id", "lead_hours"]
    return terms.groupby(keys)["mase"].mean().reset_index()


def _csv(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, index=False, float_format=f"%.{DIGITS}f", lineterminator="\n")


def _number(value: float) -> float | None:
    return None if pd.isna(value) else round(float(value), DIGITS)
