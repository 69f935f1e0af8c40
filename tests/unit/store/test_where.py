"""Conditions of a read."""

from __future__ import annotations

import pandas as pd

from horizonte.store.where import Where


def test_only_what_is_given_is_asked() -> None:
    """None leaves a condition out, an empty list of series is one that holds for no row."""
    at = pd.Timestamp("2024-01-01", tz="UTC")
    assert Where().params == {}
    assert "true" in Where().clause().as_string(None)
    assert Where(ids=[]).params == {"ids": []}
    assert Where(["b", "a", "b"], end=at).params == {"ids": ["a", "b"], "end": at}
