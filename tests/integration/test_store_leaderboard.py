"""Live scores of model versions, as the ledger holds them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from horizonte.contracts import SCORE
from horizonte.store import evaluations, leaderboard
from horizonte.store.connection import Connection

MONDAY = pd.Timestamp("2026-01-05", tz="UTC")
DAY = pd.Timedelta(days=1)


def add(
    conn: Connection, week: int, days: int, errors: tuple[float, float], *, rows: int = 10
) -> None:
    """Note the scores of model and naive over the first ``days`` of a week."""
    plain: dict[str, Any] = dict.fromkeys(SCORE.columns, 0.5) | {"rows": rows, "bucket": "all"}
    both = zip(("ensemble", "seasonal_naive"), errors, strict=True)
    named = [{"model": model, "mase": error, "unique_id": "s"} for model, error in both]
    start = MONDAY + week * 7 * DAY
    frame = pd.DataFrame([plain | one for one in named])
    evaluations.add(conn, frame, model_version="v", starts_at=start, ends_at=start + days * DAY)


def test_a_week_counts_once_by_its_longest_stretch_and_newest_score(store: Connection) -> None:
    """Shorter stretches of a running week, what was corrected or taken out, and old weeks count no more."""
    add(store, 0, 7, (9.0, 9.0))  # more than four weeks before the newest
    add(store, 4, 7, (0.8, 1.0), rows=30)
    add(store, 4, 7, (0.4, 1.0), rows=30)  # corrected
    add(store, 5, 1, (7.0, 7.0))
    add(store, 5, 2, (0.8, 2.0), rows=10)
    add(store, 5, 1, (float("nan"), float("nan")), rows=0)  # taken out, after the longer one
    (found,) = leaderboard.scores(store)
    assert (found["rows"], round(found["mase"], 9), found["naive_mase"]) == (40, 0.5, 1.25)
    assert (found["starts_at"], found["ends_at"]) == (MONDAY + 28 * DAY, MONDAY + 37 * DAY)
    assert leaderboard.scores(store, "v") == [found]
    assert leaderboard.scores(store, "w") == []
