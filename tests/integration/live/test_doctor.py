"""``horizonte doctor`` beside a real broker, consumer and database, each ill in turn."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from urllib.request import urlopen

import pytest
from tests.brokers import Mosquitto
from tests.integration.live.conftest import MAIN, Sent, Stream, reading

from horizonte.embedded import process
from horizonte.store.connection import Connection

Send = Callable[[str, Sent], None]
Arrives = Callable[[str, int], bool]
Said = Callable[..., str]


@pytest.fixture
def said(stream: Stream) -> Said:
    """What doctor prints in the folder of ``stream``."""

    def ask(**env: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", MAIN, "doctor"],
            cwd=stream.folder,
            env={**stream.env, **env},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    return ask


def line(text: str, *words: str) -> str:
    """Return the first line that holds all the words."""
    found = [row for row in text.splitlines() if all(word in row for word in words)]
    assert found, text
    return found[0]


def test_a_broker_that_is_away(stream: Stream, mosquitto: Mosquitto, said: Said) -> None:
    """It is named with its address and without its password; its consumer is deaf."""
    place = {"HORIZONTE_MQTT": mosquitto.url}
    stream.start(**place)
    assert line(said(**place), "broker:").startswith("ok")
    mosquitto.stop()
    assert stream.says(0, "cannot be reached")
    told = said(**place)
    broker = line(told, "broker:")
    assert broker.startswith("fault")
    assert f"127.0.0.1:{mosquitto.port} cannot be reached" in broker
    assert "a word of its own" not in told
    assert "a%20word" not in told
    assert line(told, "consumer horizonte-").startswith("fault")
    assert "not connected to the broker" in line(told, "consumer horizonte-")


def test_a_silent_source(
    stream: Stream, mosquitto: Mosquitto, send: Send, arrives: Arrives, said: Said
) -> None:
    """Both ends are named: the consumer that hears nothing, and the age of the newest reading."""
    place = {"HORIZONTE_MQTT": mosquitto.url}
    stream.start("--silent-seconds", "0.5", **place)
    silent = "no message for 0 s of plant"
    assert silent in line(said(**place), "consumer horizonte-"), "not heard of since the start"
    send(mosquitto.url, [reading(1, sensor="stale/t")])
    assert arrives("stale", 1)
    told = said(**place)
    assert silent in line(told, "consumer horizonte-")
    assert "newest reading could be known" in line(told, "source plant:")
    assert "→ look at its devices" in line(told, "source plant:")


def test_a_full_queue(
    stream: Stream, mosquitto: Mosquitto, send: Send, store: Connection, said: Said
) -> None:
    """While the database takes nothing, the queue fills to its bound and is told as a fault."""
    flow = {"HORIZONTE_MQTT_WINDOW": "200", "HORIZONTE_MQTT_BATCH": "50"}
    place = {"HORIZONTE_MQTT": mosquitto.url, **flow}
    stream.start(**place)
    with store.transaction():
        store.execute("LOCK TABLE ingest_batch IN ACCESS EXCLUSIVE MODE")
        send(mosquitto.url, [reading(n, sensor="full/t") for n in range(400)])
        assert process.wait_until(lambda: queued(stream) >= 150, seconds=20)
        told = said(**place)
    assert "its queue is full" in line(told, "consumer horizonte-", "messages wait")
    assert line(told, "its queue is full").startswith("fault")
    assert "look at pg_stat_activity" in line(told, "database:", "holds its locks")
    assert process.wait_until(lambda: queued(stream) == 0, seconds=30)
    assert "queue is full" not in said(**place)


def queued(stream: Stream) -> float:
    """Return how many messages the consumer says wait in its queue."""
    address = re.search(r"metrics at (\S+)", stream.log(0))
    assert address
    with urlopen(address[1], timeout=5) as answer:  # noqa: S310 (loopback)
        found = re.search(r"^horizonte_stream_queued (\S+)", answer.read().decode(), re.MULTILINE)
    assert found
    return float(found[1])


def test_a_window_that_is_too_narrow(stream: Stream, embedded: str, send: Send, said: Said) -> None:
    """A broker that waits after fewer messages than a batch is told with what widens it.

    The embedded one keeps to its window of 100 strictly; named in a setting it is any broker.
    """
    place = {"HORIZONTE_MQTT": embedded}
    number = stream.start(**place)
    send(embedded, [reading(n, sensor="narrow/t") for n in range(4000)])
    assert stream.says(number, "max_inflight_messages")
    told = line(said(**place), "the broker stops after")
    assert told.startswith("warning")
    assert "max_inflight_messages" in told
