"""Live accuracy, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from horizonte.monitor.accuracy import COLUMNS, accuracy

CUTOFF = pd.Timestamp("2026-01-05 00:00", tz="UTC")


def row(hours: float, mean: float, y: float, *, naive: float, **facts: object) -> dict[str, object]:
    """One mature row whose 80 % band is 2 on either side of the mean, and whose 90 % band is 4."""
    return {
        "unique_id": "a",
        "model_version": "v1",
        "cutoff": CUTOFF,
        "ds": CUTOFF + pd.Timedelta(hours=hours),
        "mean": mean,
        "q05": mean - 4,
        "q10": mean - 2,
        "q90": mean + 2,
        "q95": mean + 4,
        "y": y,
        "naive": naive,
    } | facts


def one(found: pd.DataFrame, **key: str) -> pd.Series:
    for name, value in key.items():
        found = found[found[name] == value]
    assert len(found) == 1
    return found.iloc[0]


def test_by_hand() -> None:
    """Errors +1, −3, +5 and bands of 4 and 8: everything follows."""
    rows = [
        row(1, 11, 10, naive=12),  # error 1, in both bands; naive off by 2
        row(6, 7, 10, naive=14),  # error −3, in the wide band alone; naive off by 4
        row(7, 15, 10, naive=10),  # error 5, in neither; the next bucket
    ]
    found = accuracy(pd.DataFrame(rows))
    assert list(found) == COLUMNS
    near = one(found, bucket="00-06h")
    assert near["n"] == 2
    assert near["mae"] == pytest.approx(2)
    assert near["bias"] == pytest.approx(-1)
    assert near["coverage_80"] == pytest.approx(0.5)
    assert near["coverage_90"] == pytest.approx(1)
    assert near["width_80"] == pytest.approx(4)
    assert near["naive_mae"] == pytest.approx(3)
    far = one(found, bucket="06-12h")
    assert (far["n"], far["mae"], far["coverage_90"], far["naive_mae"]) == (1, 5, 0, 0)
    whole = one(found, bucket="all")
    assert (whole["n"], whole["mae"], whole["bias"], whole["naive_mae"]) == (3, 3, 1, 2)
    assert whole["coverage_80"] == pytest.approx(1 / 3)


def test_versions_and_series_are_apart() -> None:
    """Each series and model version has rows of its own."""
    rows = [
        row(1, 11, 10, naive=10),
        row(1, 13, 10, naive=10, model_version="v2"),
        row(1, 14, 10, naive=10, unique_id="b"),
    ]
    found = accuracy(pd.DataFrame(rows))
    assert one(found, unique_id="a", model_version="v1", bucket="all")["mae"] == 1
    assert one(found, unique_id="a", model_version="v2", bucket="all")["mae"] == 3
    assert one(found, unique_id="b", model_version="v1", bucket="all")["mae"] == 4


def test_what_has_not_come_is_not_scored() -> None:
    """A row without an actual drops out; a naive that lacks a row is no comparison."""
    rows = [row(1, 11, 10, naive=12), row(2, 11, 10, naive=np.nan), row(3, 99, np.nan, naive=1)]
    found = one(accuracy(pd.DataFrame(rows)), bucket="all")
    assert (found["n"], found["mae"]) == (2, 1)
    assert np.isnan(found["naive_mae"])


def test_beyond_the_last_bucket_only_the_whole_counts() -> None:
    """A lead time that no bucket holds is in ``all`` alone."""
    found = accuracy(pd.DataFrame([row(100, 11, 10, naive=12)]))
    assert list(found["bucket"]) == ["all"]


def test_nothing_mature_gives_nothing() -> None:
    """Without a row there is no score, and no failure."""
    rows = pd.DataFrame([row(1, 11, 10, naive=12)]).head(0)
    found = accuracy(rows)
    assert found.empty
    assert list(found) == COLUMNS
