"""The writer behind the answers: nothing is lost while it can be kept, and losses are counted."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from horizonte.embedded import process
from horizonte.errors import StoreFault
from horizonte.serve import metrics, recorder
from horizonte.serve.recorder import Recorder
from horizonte.store.connection import Connection, connect
from horizonte.store.telemetry import RequestRow

NOW = datetime(2025, 1, 1, 12, tzinfo=UTC)


def row(number: int) -> RequestRow:
    at = int(NOW.timestamp() * 1e6) + number
    return RequestRow(at, f"{number}", "GET", "/", "/", 200, 1.0, 1, None, 0, None, None, None,
                      None, "host:1")  # fmt: skip


def stored(where: str) -> list[int]:
    with psycopg.connect(where) as conn:
        found = conn.execute("SELECT request_id::int FROM request_log ORDER BY at").fetchall()
    return [number for (number,) in found]


@pytest.fixture
def where(database_url: str) -> str:
    with connect(database_url) as conn:
        conn.execute("TRUNCATE request_log, metric_sample")
    return database_url


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    monkeypatch.setattr(recorder, "PAUSES", (0.02,))
    return Recorder("host:1", now=lambda: NOW)


def test_rows_wait_for_the_database_and_keep_their_order(where: str, kept: Recorder) -> None:
    """The database away for a while, every row is stored once it is back."""
    back = threading.Event()

    def door() -> Connection:
        if not back.is_set():
            raise StoreFault("database", "away", "there", "wait")
        return connect(where)

    kept.start(door)
    for number in range(50):
        kept.add(row(number))
    back.set()
    assert process.wait_until(lambda: kept.waiting == 0, seconds=10)
    kept.stop()
    assert stored(where) == list(range(50))


def test_a_lost_connection_loses_no_row(where: str, kept: Recorder) -> None:
    """Cut off in between, the writer connects anew and stores what it had taken."""
    kept.start(lambda: connect(where))
    kept.add(row(0))
    assert process.wait_until(lambda: stored(where) == [0], seconds=10)
    with psycopg.connect(where, autocommit=True) as conn:
        conn.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()"""
        )
    kept.add(row(1))
    kept.stop()
    assert stored(where) == [0, 1]


def test_beyond_the_bound_the_oldest_go_and_are_counted(
    where: str, kept: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded: the newest rows stay, each lost one is in the counter."""
    monkeypatch.setattr(recorder, "MOST_ROWS", 10)
    before = metrics.DROPPED._value.get()
    for number in range(25):
        kept.add(row(number))
    assert metrics.DROPPED._value.get() - before == 15
    kept.start(lambda: connect(where))
    kept.stop()
    assert stored(where) == list(range(15, 25))


def test_a_sample_is_taken_at_every_interval(where: str, kept: Recorder, tmp_path: Path) -> None:
    """The interval is an argument; samples hold every metric but buckets."""

    def count() -> int:
        with psycopg.connect(where) as conn:
            found = conn.execute(
                "SELECT count(*) FROM metric_sample WHERE name = 'horizonte_request_log_written_total'"
            ).fetchone()
        return int(found[0]) if found else 0

    kept.start(lambda: connect(where), every=0.05)
    assert process.wait_until(lambda: count() >= 3, seconds=10)
    kept.stop()
