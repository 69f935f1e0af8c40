"""The tables of the notebooks say what happened to rows, models and targets."""

from __future__ import annotations

import numpy as np
import pandas as pd

from horizonte.contracts import SCORE
from horizonte.report import tables

DS = pd.date_range("2020-01-01", periods=10, freq="h", tz="UTC")


def _prepared() -> pd.DataFrame:
    quality = ["ok"] * 5 + ["flatline"] * 3 + ["missing", "spike"]
    raw = [1.0] * 8 + [np.nan, 9.0]
    return pd.DataFrame({"unique_id": "m/x", "ds": DS, "y": raw, "y_raw": raw, "quality": quality})


def test_faults_count_only_what_was_measured() -> None:
    """Recall is over measured labelled rows, precision over flagged ones."""
    labels = pd.DataFrame(
        {"unique_id": ["m/x"], "starts_at": [DS[4]], "ends_at": [DS[8]], "reason": ["stuck"]}
    )
    found = tables.faults(_prepared(), labels)
    assert found.loc["stuck", "faulty rows"] == 4
    assert found.loc["stuck", "flagged"] == 3
    assert found.loc["all labels", "recall"] == 0.75
    assert found.loc["all labels", "precision"] == 0.75


def test_quality_is_in_percent() -> None:
    """Shares of the grid add up to 100 per series."""
    found = tables.quality(_prepared())
    assert found.loc["m/x", "flatline"] == 30
    assert found.drop(columns="rows").sum(axis=1).eq(100).all()


def _scores() -> pd.DataFrame:
    lines = [("ensemble", 0.5), ("naive_day", 1.0), ("naive_week", 0.8), ("linear", 0.6)]
    rows = [
        dict.fromkeys(SCORE.columns, np.nan)
        | {"model": m, "unique_id": "a/b", "bucket": "all", "rows": 9, "mase": v, "sql": v}
        for m, v in lines
    ]
    return pd.DataFrame(rows)


def test_gain_is_beside_the_chosen_naive() -> None:
    """The gain is against the naive that was chosen before, not the best in hindsight."""
    found = tables.beside_naive(_scores(), {"a/b": "naive_day"}, model="ensemble")
    assert found.loc["a/b", "naive mase"] == 1.0
    assert found.loc["a/b", "gain"] == 0.5


def test_leaderboard_puts_the_best_first() -> None:
    """The smallest mean error leads."""
    assert list(tables.leaderboard(_scores()).index)[:2] == ["ensemble", "linear"]


def test_families_are_accounted_for() -> None:
    """Each family has its fits tried and failed, targets won, weight and seconds."""
    ledger = pd.DataFrame(
        {
            "model": ["linear", "linear", "naive_week"],
            "tried": 4,
            "failed": [1, 0, 0],
            "fit_seconds": 1.0,
            "predict_seconds": [0.5, np.nan, 0.5],
        }
    )
    weights = pd.DataFrame({"linear": [0.7], "naive_week": [0.3]}, index=["a/b"])
    found = tables.families(ledger, _scores(), weights)
    assert found.loc["linear"].to_dict() == {
        "tried": 8,
        "failed": 1,
        "won": 1,
        "weight": 0.7,
        "seconds": 2.5,
    }
    assert found.loc["naive_week", "won"] == 0
