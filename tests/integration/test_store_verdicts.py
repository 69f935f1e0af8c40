"""Which verdict a request goes back to."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from horizonte.store import verdicts
from horizonte.store.connection import Connection

NOW = pd.Timestamp("2026-02-01", tz="UTC")


def verdict(conn: Connection) -> int:
    """A verdict that keeps the model, and its number."""
    said = {"sentence_en": "", "sentence_pt": "", "triggers": [], "brakes": []}
    facts = {"model_version": "m", "as_of": NOW, "action": "keep", "report": None}
    whole = {**said, **facts, "evidence": {}, "policy": {}}
    return verdicts.add(conn, whole, drifts=[], findings=[])


def test_a_request_by_hand_goes_back_to_the_newest_verdict_before_it(store: Connection) -> None:
    """One of a verdict has that one; one by hand what was known when it was made, if anything was."""
    first, second = verdict(store), verdict(store)
    at = verdicts.get(store, second).recorded_at
    known = verdicts.known_at(store, None, at=at)
    assert known is not None
    assert known.id == second
    own = verdicts.known_at(store, first, at=at)
    assert own is not None
    assert own.id == first
    assert verdicts.known_at(store, None, at=at - timedelta(days=9_000)) is None
