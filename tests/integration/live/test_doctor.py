"""``horizonte doctor`` beside a real broker, consumer and database, each ill in turn."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable
from urllib.request import urlopen

import pytest
from paho.mqtt.client import Client
from tests.brokers import Mosquitto
from tests.integration.live.conftest import MAIN, Sent, Stream, reading

from horizonte.config import Settings
from horizonte.embedded import process
from horizonte.ingest import broker as brokers
from horizonte.ingest.broker import Broker
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


def test_a_window_that_is_too_narrow(
    stream: Stream, new_mosquitto: Callable[..., Mosquitto], said: Said
) -> None:
    """The number measured, the number needed and the line that mends it; and the same at the start.

    Half as wide as it should be, it is a warning, and the consumer starts.
    """
    narrow, half = (new_mosquitto(max_inflight_messages=n) for n in ("20", "6000"))
    told = line(said(HORIZONTE_MQTT=narrow.url), "broker window:")
    assert told.startswith("fault")
    assert "20 messages wait for their acknowledgement, a batch of 5,000 needs 10,000" in told
    assert 'put "max_inflight_messages 20000" into mosquitto.conf' in told
    number = stream.start(wait="would never fill", HORIZONTE_MQTT=narrow.url)
    assert stream.children[number].wait(20) == 1
    assert "lower HORIZONTE_MQTT_BATCH to 10" in stream.log(number)
    fits = {"HORIZONTE_MQTT": narrow.url, "HORIZONTE_MQTT_BATCH": "10"}
    assert line(said(**fits), "broker window:").startswith("ok")
    assert line(said(HORIZONTE_MQTT=half.url), "broker window: 6,000").startswith("warning")
    assert "window of" in stream.log(stream.start(HORIZONTE_MQTT=half.url))


@pytest.mark.parametrize(("version", "inflight"), [("3.1.1", "20000"), ("5", "20000"), ("5", "20")])
def test_a_window_that_is_wide(
    new_mosquitto: Callable[..., Mosquitto], said: Said, version: str, inflight: str
) -> None:
    """All is well where two batches come unacknowledged: in MQTT 5 Mosquitto lets the client say."""
    mosquitto = new_mosquitto(max_inflight_messages=inflight)
    told = said(HORIZONTE_MQTT=mosquitto.url, HORIZONTE_MQTT_VERSION=version)
    assert line(told, "broker window: at least 10,000").startswith("ok")


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_window_that_cannot_be_measured(
    stream: Stream, new_mosquitto: Callable[..., Mosquitto], said: Said, version: str
) -> None:
    """Access rules that forbid the private topic are no fault of the window; the consumer starts."""
    rules = stream.folder / "rules"
    rules.write_text("user horizonte\ntopic readwrite site/#\n")
    rules.chmod(0o700)
    mosquitto = new_mosquitto(max_inflight_messages="20", acl_file=str(rules))
    place = {"HORIZONTE_MQTT": mosquitto.url, "HORIZONTE_MQTT_VERSION": version}
    assert line(said(**place), "broker window: could not be measured").startswith("ok")
    stream.start(**place)


def test_the_window_of_the_embedded_broker(stream: Stream, embedded: str, said: Said) -> None:
    """It is known and not measured; named in a setting it forbids the topic, and that is said."""
    assert "broker window" not in said()
    stream.start()
    told = line(said(HORIZONTE_MQTT=embedded), "broker window: could not be measured")
    assert told.startswith("ok")


def test_measuring_leaves_nothing_behind(
    new_mosquitto: Callable[..., Mosquitto], said: Said
) -> None:
    """Nobody who hears every topic hears of it, nothing is retained, and its session ends with it."""
    mosquitto = new_mosquitto(max_inflight_messages="20")
    ear, heard = ear_of(mosquitto, "#"), [""][:0]
    ear.on_message = lambda _client, _data, message: heard.append(message.topic)
    assert line(said(HORIZONTE_MQTT=mosquitto.url), "broker window: 20").startswith("fault")
    ear.subscribe("$horizonte/#", 1)
    ear.publish("last", b"1", qos=1)
    assert process.wait_until(lambda: "last" in heard, seconds=20)
    ear.disconnect()
    ear.loop_stop()
    assert heard == ["last"]
    sessions = re.findall(r" as horizonte-\w+ \(p2, c(\d),", mosquitto.log())
    assert sessions == ["1"], "a clean session, which the broker drops at the end"


def ear_of(mosquitto: Mosquitto, topic: str) -> Client:
    """Return a client that has subscribed to ``topic`` and hears in the background."""
    broker, subscribed = Broker.of(Settings(mqtt=mosquitto.url), mosquitto.url), threading.Event()
    ear = brokers.client(broker, client_id="ear", persistent=False)
    ear.on_connect = lambda *_: ear.subscribe(topic, 1)
    ear.on_subscribe = lambda *_: subscribed.set()
    brokers.connect(ear, broker, persistent=False)
    ear.loop_start()
    assert subscribed.wait(20)
    return ear
