"""Live readings on their way from the broker to a page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event

import httpx
import pandas as pd
import pytest
from tests.integration.web.conftest import running

from horizonte import config
from horizonte.config import Settings
from horizonte.embedded import process, services
from horizonte.ingest import notes
from horizonte.ingest.broker import Broker
from horizonte.ingest.notesheet import Note
from horizonte.replay.publisher import Envelope, Publisher
from horizonte.store import ledger
from horizonte.store.connection import connect

READING = json.dumps({"value": 42.5, "ts": "2026-01-15T12:00:00Z"}).encode()


@pytest.fixture
def broker(enter: Callable[[Path], Path], tmp_path: Path) -> str:
    """The URL of an embedded broker of this test."""
    enter(tmp_path / "broker")
    return services.up(("mqtt",), link_project=False).mqtt


@pytest.fixture
def client(broker: str, tmp_path: Path) -> Iterator[httpx.Client]:
    """The web app, hearing that broker; its database is away."""
    away = "postgresql://nobody@127.0.0.1:1/none"
    with running(tmp_path, HORIZONTE_MQTT=broker, HORIZONTE_DATABASE=away) as client:
        assert process.wait_until(lambda: _online(client), seconds=30)
        yield client


def _events(lines: Iterator[str]) -> Iterator[tuple[str, object]]:
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def _online(client: httpx.Client) -> bool:
    with client.stream("GET", "/live") as answer, suppress(StopIteration):
        _, state = next(_events(answer.iter_lines()))
        return bool(isinstance(state, dict) and state["online"])
    return False


def test_a_reading_reaches_the_pages_that_want_it(client: httpx.Client, broker: str) -> None:
    """What a device publishes comes as an event with series, instant and value; nobody asked the database.

    A message that is no reading comes before it and is passed over.
    """
    config.settings.cache_clear()
    sender = Publisher(Broker.of(Settings(), broker), client_id="device")
    with client.stream("GET", "/live", params={"id": "plant/load"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = _events(answer.iter_lines())
        assert next(events)[0] == "state"
        sent = [b"no reading", READING]
        sender.run([Envelope(0.0, "plant/load", payload) for payload in sent], stop=Event())
        assert next(events) == ("readings", [["plant/load", 1768478400.0, 42.5]])
    assert (
        "42.5" in client.get("/").text
    )  # with the database away, the overview shows what was heard
    assert "<li>plant: <time" in client.get("/health").text  # so does the page of health


def test_a_reading_in_another_unit_is_shown_in_its_own(
    declare: Callable[..., None],
    load: Callable[..., ledger.Counts],
    broker: str,
    database_url: str,
    tmp_path: Path,
) -> None:
    """Within a stretch of another unit a page shows converted readings: as they come, and the newest."""
    name, at = "plant/load", pd.Timestamp("2026-01-15T12:00Z")
    declare(name, source="plant")
    load(pd.DataFrame({"unique_id": [name], "ds": [at], "y": [42.5]}), source="plant")
    note = Note(name, "2026-01-15T12:00Z", None, "unit_changed", factor=0.5, offset=1)
    with connect(database_url) as conn:
        notes.annotate_one(conn, note, now=at, rules=None)
    with running(tmp_path, HORIZONTE_MQTT=broker, HORIZONTE_DATABASE=database_url) as client:
        assert process.wait_until(lambda: _online(client), seconds=30)
        config.settings.cache_clear()
        sender = Publisher(Broker.of(Settings(), broker), client_id="device")
        with client.stream("GET", "/live", params={"id": name}) as answer:
            events = _events(answer.iter_lines())
            assert next(events)[0] == "state"
            before = READING.replace(b"12:00", b"11:59")
            sender.run([Envelope(0.0, name, sent) for sent in (before, READING)], stop=Event())
            told: list[list[object]] = []
            while len(told) < 2:
                told += next(events)[1]  # type: ignore[call-overload]
        assert [reading[2] for reading in told] == [42.5, 22.25]
        assert ">22.25</span>" in client.get("/").text
