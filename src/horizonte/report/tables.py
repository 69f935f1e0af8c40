"""The tables of notebooks and reports: frames in, small readable frames out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

NAIVE = "naive"
METRICS = ["mase", "rmsse", "wape", "bias", "sql", "coverage_80", "coverage_90", "width_80",
           "width_90"]


def parameters(section: Mapping[str, Any]) -> pd.DataFrame:
    """Return the parameters of a stage as they were used, one row each."""
    return pd.DataFrame({"value": {name: str(value) for name, value in section.items()}})


def quality(prepared: pd.DataFrame) -> pd.DataFrame:
    """Return the share of each quality (in percent) and the rows, one row per series."""
    counts = prepared.groupby(["unique_id", "quality"], observed=True).size().unstack(fill_value=0)
    rows = counts.sum(axis=1)
    shares = counts.div(rows, axis=0).mul(100).round(2)
    return shares.assign(rows=rows).rename_axis(columns=None)


def faults(prepared: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Return how well the flags of cleaning find labelled faults: precision and recall.

    ``labels`` is (unique_id, starts_at, ends_at, reason). A row counts as flagged where its
    quality is flatline, out_of_range or spike, and as faulty inside a label; rows that were
    never measured count for neither. One row per reason (its recall) and one for all.
    """
    reasons = sorted(labels["reason"].unique())
    parts = [_labelled(prepared[prepared["unique_id"] == name], own, reasons)
             for name, own in labels.groupby("unique_id")]
    rows = pd.concat(parts, ignore_index=True)
    flagged = rows.pop("flagged")
    every = rows.any(axis=1)
    lines = [_hits(reason, rows[reason], flagged) for reason in reasons]
    whole = _hits("all labels", every, flagged)
    whole["precision"] = round(float((flagged & every).sum() / max(1, flagged.sum())), 3)
    return pd.DataFrame([*lines, whole]).set_index("reason")


def folds(plan: pd.DataFrame) -> pd.DataFrame:
    """Return the plan of the backtest: cutoffs and fits per period and freq."""
    groups = plan.groupby(["freq", "period"])
    return pd.DataFrame({
        "series": groups["unique_id"].nunique(), "cutoffs": groups["cutoff"].nunique(),
        "fits": groups["fitted_at"].nunique(), "first cutoff": groups["cutoff"].min(),
        "last cutoff": groups["cutoff"].max()})


def leaderboard(scores: pd.DataFrame, *, metric: str = "mase") -> pd.DataFrame:
    """Return ``metric`` over all lead times, models by series, best model on average first."""
    whole = scores[scores["bucket"] == "all"]
    table = whole.pivot(index="model", columns="unique_id", values=metric)
    table["mean"] = table.mean(axis=1)
    return table.sort_values("mean").round(3).rename_axis(index=None, columns=None)


def beside_naive(scores: pd.DataFrame, naives: Mapping[str, str], *, model: str) -> pd.DataFrame:
    """Return what ships beside the best naive of each series, over all lead times.

    ``naives`` says which naive that is; it was chosen before the test period. ``gain`` is the
    share of the naive's MASE that is saved, negative where the naive was better.
    """
    whole = scores[scores["bucket"] == "all"].set_index(["unique_id", "model"])
    lines = []
    for series in sorted(naives):
        ours, theirs = whole.loc[(series, model)], whole.loc[(series, naives[series])]
        lines.append({
            "unique_id": series, "mase": ours["mase"], "naive mase": theirs["mase"],
            "gain": 1 - ours["mase"] / theirs["mase"], "sql": ours["sql"],
            "naive sql": theirs["sql"], "coverage_80": ours["coverage_80"],
            "coverage_90": ours["coverage_90"], "naive": naives[series]})
    return pd.DataFrame(lines).set_index("unique_id").round(3)


def lead_times(scores: pd.DataFrame, *, model: str, metric: str) -> pd.DataFrame:
    """Return ``metric`` of ``model`` per series and lead-time bucket."""
    rows = scores[(scores["model"] == model) & (scores["bucket"] != "all")]
    table = rows.pivot(index="unique_id", columns="bucket", values=metric)
    return table.round(3).rename_axis(columns=None)


def _labelled(own: pd.DataFrame, labels: pd.DataFrame, reasons: list[str]) -> pd.DataFrame:
    """Return, for the measured rows of one series, whether each was flagged and its labels."""
    own = own[own["y_raw"].notna()]
    out = pd.DataFrame({"flagged": own["quality"].isin(["flatline", "out_of_range", "spike"])})
    for reason in reasons:
        out[reason] = False
        for span in labels[labels["reason"] == reason].itertuples():
            out[reason] |= own["ds"].between(span.starts_at, span.ends_at)
    return out


def _hits(reason: str, faulty: pd.Series, flagged: pd.Series) -> dict[str, Any]:
    found, rows = int((faulty & flagged).sum()), int(faulty.sum())
    return {"reason": reason, "faulty rows": rows, "flagged": found,
            "recall": round(found / max(1, rows), 3)}
