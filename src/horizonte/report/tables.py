"""The tables of notebooks and reports: frames in, small readable frames out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

NAIVE = "naive"
METRICS = [
    "mase",
    "rmsse",
    "wape",
    "bias",
    "sql",
    "coverage_80",
    "coverage_90",
    "width_80",
    "width_90",
]


def parameters(section: Mapping[str, Any]) -> pd.DataFrame:
    """Return the parameters of a stage as they were used, one row each."""
    shown = {n: ", ".join(map(str, v)) if isinstance(v, list) else v for n, v in section.items()}
    return pd.DataFrame({"value": {name: str(value) for name, value in shown.items()}})


def quality(prepared: pd.DataFrame) -> pd.DataFrame:
    """Return the share of each quality (in percent) and the rows, one row per series."""
    counts = pd.crosstab(prepared["unique_id"], prepared["quality"])
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
    parts = [
        _labelled(prepared[prepared["unique_id"] == name], own, reasons)
        for name, own in labels.groupby("unique_id")
    ]
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
    return pd.DataFrame(
        {
            "series": groups["unique_id"].nunique(),
            "cutoffs": groups["cutoff"].nunique(),
            "fits": groups["fitted_at"].nunique(),
            "first cutoff": groups["cutoff"].min(),
            "last cutoff": groups["cutoff"].max(),
        }
    )


def leaderboard(scores: pd.DataFrame, *, metric: str = "mase") -> pd.DataFrame:
    """Return ``metric`` over all lead times, models by series, best model on average first."""
    whole = scores[scores["bucket"] == "all"]
    table = whole.pivot_table(index="model", columns="unique_id", values=metric, dropna=False)
    table.insert(0, "mean", table.mean(axis=1))
    return table.sort_values("mean").round(3).rename_axis(index=None, columns=None)


def families(ledger: pd.DataFrame, scores: pd.DataFrame, weights: pd.DataFrame) -> pd.DataFrame:
    """Return, per family, fits tried and failed, targets won, mean weight that ships, seconds.

    A target is won by the single family with the smallest MASE over all lead times.
    """
    groups = ledger.groupby("model")
    table = groups[["tried", "failed"]].sum()
    single = scores[(scores["bucket"] == "all") & scores["model"].isin(table.index)]
    best = single.loc[single.groupby("unique_id")["mase"].idxmin(), "model"].value_counts()
    table["won"] = best.reindex(table.index, fill_value=0)
    table["weight"] = weights.mean().reindex(table.index, fill_value=0.0).round(3)
    seconds = ledger["fit_seconds"] + ledger["predict_seconds"].fillna(0)
    table["seconds"] = seconds.groupby(ledger["model"]).sum().round(1)
    return table.sort_values(["weight", "won"], ascending=False).rename_axis(index=None)


def beside_naive(scores: pd.DataFrame, naives: Mapping[str, str], *, model: str) -> pd.DataFrame:
    """Return what ships beside the best naive of each series, over all lead times.

    ``naives`` says which naive that is; it was chosen before the test period. ``gain`` is the
    share of the naive's MASE that is saved, negative where the naive was better.
    """
    whole = scores[scores["bucket"] == "all"]
    ours = whole[whole["model"] == model].set_index("unique_id")
    best = whole[whole["model"] == whole["unique_id"].map(naives)].set_index("unique_id")
    table = pd.DataFrame(
        {
            "mase": ours["mase"],
            "naive mase": best["mase"],
            "gain": 1 - ours["mase"] / best["mase"],
            "sql": ours["sql"],
            "naive sql": best["sql"],
            "coverage_80": ours["coverage_80"],
            "coverage_90": ours["coverage_90"],
            "naive": best["model"],
        }
    )
    return table.sort_index().round(3)


def lead_times(scores: pd.DataFrame, *, model: str, metric: str) -> pd.DataFrame:
    """Return ``metric`` of ``model`` per series and lead-time bucket."""
    rows = scores[(scores["model"] == model) & (scores["bucket"] != "all")]
    table = rows.pivot_table(index="unique_id", columns="bucket", values=metric)
    return table.round(3).rename_axis(columns=None)


def _labelled(own: pd.DataFrame, labels: pd.DataFrame, reasons: list[str]) -> pd.DataFrame:
    """Return, for the measured rows of one series, whether each was flagged and its labels."""
    own = own[own["y_raw"].notna()]
    out = pd.DataFrame({"flagged": own["quality"].isin(["flatline", "out_of_range", "spike"])})
    for reason in reasons:
        out[reason] = False
        spans = labels[labels["reason"] == reason]
        for start, end in zip(spans["starts_at"], spans["ends_at"], strict=True):
            out[reason] |= own["ds"].between(start, end)
    return out


def _hits(reason: str, faulty: pd.Series, flagged: pd.Series) -> dict[str, Any]:
    found, rows = int((faulty & flagged).sum()), int(faulty.sum())
    return {
        "reason": reason,
        "faulty rows": rows,
        "flagged": found,
        "recall": round(found / max(1, rows), 3),
    }
