"""Request rows and metric samples: written in bulk, read by time, deleted when they are old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from horizonte.report import traffic
from horizonte.store import telemetry
from horizonte.store.connection import Connection
from horizonte.store.telemetry import RequestRow, Sample

NOW = datetime(2025, 1, 1, 12, tzinfo=UTC)


def row(at: datetime, number: int = 0, **facts: object) -> RequestRow:
    plain = RequestRow(int(at.timestamp() * 1e6), f"r-{number}", "GET", "/forecasts/{unique_id}",
                       "/forecasts/a", 200, 1.5, 10, "a", 1, "v", "stored", None, None, "host:1")  # fmt: skip
    return plain._replace(**facts)


@pytest.fixture
def clean(store: Connection) -> Connection:
    store.execute("TRUNCATE request_log, metric_sample")
    return store


def test_rows_come_back_as_they_were_written(clean: Connection) -> None:
    """Every column survives; texts that PostgreSQL refuses are made storable, not lost."""
    telemetry.write_requests(clean, [row(NOW), row(NOW, 1, path="/\0é", series=None, status=404)])
    found = telemetry.requests(clean, since=NOW).sort_values("request_id")
    assert found.iloc[0].to_dict() == {
        **row(NOW)._asdict(), "at": NOW,
    }  # fmt: skip
    assert found.iloc[1]["path"] == "/�é"
    assert found.iloc[1]["series"] is None


def test_only_what_is_older_than_90_days_goes(
    clean: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pruning goes batch by batch until nothing old is left, and touches nothing younger."""
    monkeypatch.setattr(telemetry, "PRUNED_ROWS", 3)
    old = NOW - timedelta(days=90, seconds=1)
    telemetry.write_requests(clean, [row(old - timedelta(seconds=n)) for n in range(10)])
    telemetry.write_requests(clean, [row(old + timedelta(seconds=2))])
    telemetry.write_samples(clean, [Sample("up", {}, 1.0)], at=old, process="p")
    assert telemetry.prune(clean, "request_log", now=NOW) == 10
    assert telemetry.prune(clean, "metric_sample", now=NOW) == 1
    assert len(telemetry.requests(clean, since=old - timedelta(days=1))) == 1


def test_samples_and_requests_can_be_drawn(clean: Connection) -> None:
    """A frame by time, one column per process and labels, and its picture."""
    for minute in range(3):
        at = NOW + timedelta(minutes=minute)
        found = [Sample("n_total", {"route": r}, float(minute)) for r in ("/a", "/b")]
        telemetry.write_samples(clean, found, at=at, process="p")
        telemetry.write_requests(clean, [row(at, status=500 if minute == 2 else 200)])
    drawn = traffic.samples(clean, "n_total", since=NOW)
    assert list(drawn.frame) == ["p, route=/a", "p, route=/b"]
    assert drawn.frame["p, route=/b"].tolist() == [0.0, 1.0, 2.0]
    seen = traffic.requests(clean, since=NOW)
    assert seen.frame["requests"].tolist() == [1, 1, 1]
    assert seen.frame["failed"].tolist() == [0, 0, 1]
    assert len(seen.figure.axes) == 2
    assert telemetry.metric_names(clean, since=NOW) == ["n_total"]
