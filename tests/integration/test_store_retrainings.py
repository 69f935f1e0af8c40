"""What a retraining is told of: the findings of the verdict that asked, since when they were first named."""

from __future__ import annotations

import pandas as pd
import pytest

from horizonte.store import retrainings, verdicts
from horizonte.store.connection import Connection

DAY = pd.Timedelta(days=1)
SHIFTED = pd.Timestamp("2026-02-01", tz="UTC")


def verdict(conn: Connection, **since: pd.Timestamp) -> int:
    """A verdict that noticed a phase shift of each series, and its number."""
    said = {"sentence_en": "", "sentence_pt": ""}
    lists: dict[str, list[str]] = {"triggers": [], "brakes": []}
    whole = {"evidence": {}, "policy": {}, "report": None, "action": "retrain"}
    facts = {"model_version": "m", "as_of": SHIFTED, **said, **lists, **whole}
    findings = [
        {"unique_id": u, "name": "phase shift", "since": at, "size": 3.0, **said, "evidence": {}}
        for u, at in since.items()
    ]
    return verdicts.add(conn, facts, drifts=[], findings=findings)


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_change_began_when_it_was_first_named(store: Connection, by_hand: bool) -> None:
    """What is seen to begin ever later keeps its first day, and one of a year ago is another."""
    verdict(store, a=SHIFTED - 300 * DAY)
    verdict(store, a=SHIFTED, gone=SHIFTED)
    last = verdict(store, a=SHIFTED + 10 * DAY, b=SHIFTED + 12 * DAY)
    run = retrainings.request(
        store, "retrain", why="t", by="t", verdict_id=None if by_hand else last
    )
    if not by_hand:
        verdict(store, later=SHIFTED)
    assert retrainings.named(store, retrainings.whole(store, run), lasting=28 * DAY) == [
        ("a", "phase shift", SHIFTED.isoformat()),
        ("b", "phase shift", (SHIFTED + 12 * DAY).isoformat()),
    ]
