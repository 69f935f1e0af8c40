"""The queue of retrainings in a real database."""

from __future__ import annotations

import pytest

from horizonte.errors import DataFault
from horizonte.store import retrainings
from horizonte.store.connection import Connection, connect


@pytest.mark.parametrize("why", ["", " \n"])
def test_a_request_has_a_reason(store: Connection, why: str) -> None:
    """A blank one is refused with what to say, and leaves no row."""
    with pytest.raises(DataFault, match="is not a reason; say in a sentence why"):
        retrainings.request(store, "retrain", why=why, by="test")
    assert retrainings.runs(store).empty


def test_what_waits_is_idle_unless_a_worker_is_at_work(
    store: Connection, database_url: str
) -> None:
    """Since it was asked for, or since its newest step; while the turn is held nothing is."""
    assert retrainings.idle(store) is None
    number = retrainings.request(store, "retrain", why="the test asks", by="test")
    run = retrainings.whole(store, number)
    assert retrainings.idle(store) == (run, run.recorded_at)
    retrainings.record(store, number, "started", {})
    assert retrainings.idle(store) == (run, retrainings.steps(store, number)["recorded_at"].iloc[0])
    with connect(database_url) as worker, retrainings.turn(worker) as ours:
        assert ours
        assert retrainings.idle(store) is None
    retrainings.record(store, number, "refused", {"why": "the test is over"})
    assert retrainings.idle(store) is None
