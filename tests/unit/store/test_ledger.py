"""Counts of a load."""

from __future__ import annotations

import pandas as pd

from horizonte.store.ledger import Counts


def test_counts_add_up() -> None:
    """The sum of two counts holds both numbers and both stretches; nothing is neutral."""
    at = pd.Timestamp("2024-01-01", tz="UTC")
    stretch = pd.DataFrame({"unique_id": ["a"], "starts_at": [at], "ends_at": [at]})
    total = Counts() + Counts(1, 2, 3, stretch) + Counts(4, 5, 6, stretch) + Counts()
    assert (total.accepted, total.unchanged, total.corrected) == (5, 7, 9)
    assert total.touched["unique_id"].tolist() == ["a", "a"]
    assert list(Counts().touched) == list(stretch)
