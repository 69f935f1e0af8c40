"""What DVC compares between revisions: few small numbers, and the points of three plots."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from horizonte.model import metrics
from horizonte.model.ensemble import BEST, NAME

COMPARED = ("mase", "sql", "coverage_80", "coverage_90")
DIGITS = 6


def write_metrics(scores: pd.DataFrame, path: Path) -> None:
    """Write, per target and over all, the metrics of what ships beside the best naive's."""
    whole = scores[scores["bucket"] == "all"].set_index("unique_id")
    best = whole.loc[whole["model"] == BEST, ["mase", "sql"]].add_prefix("naive_")
    table = whole.loc[whole["model"] == NAME, list(COMPARED)].join(best).sort_index()
    content = {
        "targets": {str(u): _numbers(row) for u, row in table.iterrows()},
        "mean": _numbers(table.mean()),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def write_plots(
    backtest: pd.DataFrame, scores: pd.DataFrame, scales: pd.DataFrame, folder: Path
) -> None:
    """Write the points of ``dvc plots``: leaderboard, coverage and error by lead time.

    Every target weighs the same; single targets are in the metrics and the notebook.
    """
    folder.mkdir(parents=True, exist_ok=True)
    board = metrics.average(scores[scores["bucket"] == "all"])[["model", "mase", "sql"]]
    _csv(board.sort_values(["mase", "model"]), folder / "leaderboard.csv")
    _csv(coverage_by_lead(scores), folder / "coverage.csv")
    _csv(error_by_lead(backtest, scales), folder / "error.csv")


def coverage_by_lead(scores: pd.DataFrame) -> pd.DataFrame:
    """Return, per upper end of the lead-time buckets, the coverage of what ships."""
    ours = scores[(scores["model"] == NAME) & (scores["bucket"] != "all")]
    hours = ours["bucket"].str.extract(r"-([\d.]+)h", expand=False).astype(float)
    table = ours.assign(lead_hours=hours).groupby("lead_hours")
    return table[["coverage_80", "coverage_90"]].mean().reset_index()


def error_by_lead(backtest: pd.DataFrame, scales: pd.DataFrame) -> pd.DataFrame:
    """Return, per whole hour of lead time, the scaled error of what ships and of the best naive."""
    rows = backtest[backtest["model"].isin([NAME, BEST])]
    terms = metrics.terms(rows, scale=scales)
    hour = (terms["lead_time"].dt.total_seconds() / 3600).round(6)
    terms = terms.assign(lead_hours=(-(-hour // 1)).astype(int))
    each = terms.groupby(["lead_hours", "model", "unique_id"])["mase"].mean().reset_index()
    table = each.pivot_table(index="lead_hours", columns="model", values="mase")
    return table[[NAME, BEST]].rename_axis(columns=None).reset_index()


def _csv(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, index=False, float_format=f"%.{DIGITS}f", lineterminator="\n")


def _numbers(row: pd.Series) -> dict[str, float | None]:
    return {str(n): None if pd.isna(v) else round(float(v), DIGITS) for n, v in row.items()}
