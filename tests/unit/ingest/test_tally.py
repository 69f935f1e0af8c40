"""What the doors count: late by a grid step, by source, in the same names."""

from __future__ import annotations

import pandas as pd
import pytest
from prometheus_client import CollectorRegistry

from horizonte.ingest.live import Accepted
from horizonte.ingest.tally import Tally
from horizonte.ingest.watch import Watch
from horizonte.store.ledger import Counts

NOW = pd.Timestamp("2026-01-01T12:00Z")
STEPS = {"hourly": 3600.0, "fast": 60.0}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def tally(registry: CollectorRegistry) -> Tally:
    return Tally("push", registry, STEPS)


def tell(tally: Tally, source: str, *minutes: int) -> None:
    """Let ``tally`` count readings of so many minutes before NOW."""
    ds = pd.DatetimeIndex([NOW - pd.Timedelta(minutes=m) for m in minutes], tz="UTC")
    rows = pd.DataFrame({"unique_id": source, "ds": ds})
    done = Accepted(1, Counts(len(rows), 2, 1), 3, pd.Series(dtype=object))
    tally.done(source, rows, done, NOW.timestamp())


def test_late_is_older_than_the_newest_by_more_than_a_step(
    registry: CollectorRegistry, tally: Tally
) -> None:
    """Within a batch and between batches; a step back, and what is known ahead, is not late."""
    for source in STEPS:
        tell(tally, source, 90, 30, 95)
        tell(tally, source, -600, 60, 31)
    late = {s: registry.get_sample_value("horizonte_push_late_total", {"source": s}) for s in STEPS}
    assert late == {"hourly": 1, "fast": 2}
    lag = registry.get_sample_value("horizonte_push_event_lag_seconds", {"source": "fast"})
    assert lag == 30 * 60


def test_outcomes_are_counted_by_source(registry: CollectorRegistry, tally: Tally) -> None:
    """Committed, corrected, duplicate and refused add up, also of a batch without any row."""
    tell(tally, "fast", 1)
    tell(tally, "fast")
    repeated = pd.DataFrame({"ds": pd.DatetimeIndex([NOW - pd.Timedelta("1D")])})
    tally.done("fast", repeated, Accepted(1, Counts(), 0, pd.Series(["unchanged"])), 2e9)
    assert registry.get_sample_value("horizonte_push_late_total", {"source": "fast"}) == 0
    names = ("committed", "duplicate", "corrected", "refused")
    found = {
        n: registry.get_sample_value(f"horizonte_push_{n}_total", {"source": "fast"}) for n in names
    }
    assert found == {"committed": 1, "duplicate": 4, "corrected": 2, "refused": 6}


def test_every_door_has_the_names_of_the_stream(registry: CollectorRegistry, tally: Tally) -> None:
    """What push counts, the stream counts too, under its own first word."""
    own = {family.name for family in registry.collect()}
    stream = {family.name for family in Watch().registry.collect()}
    assert {name.replace("_push_", "_stream_") for name in own} <= stream
    extra = {"reconnects", "queued", "connected", "sequence_missing", "commit_retries"}
    assert {f"horizonte_stream_{name}" for name in extra} <= stream
