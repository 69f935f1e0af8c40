"""The consumer on Mosquitto, in MQTT 5 and 3.1.1: shared, durable, and honest about its limits."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from urllib.request import urlopen

import pytest
from tests.brokers import Mosquitto
from tests.integration.live.conftest import Sent, Stream, reading

from horizonte.embedded import process
from horizonte.store.connection import Connection

Send = Callable[[str, Sent], None]
Arrives = Callable[[str, int], bool]
both = pytest.mark.parametrize("version", ["5", "3.1.1"])


@both
def test_two_consumers_share(
    stream: Stream, mosquitto: Mosquitto, send: Send, arrives: Arrives, version: str
) -> None:
    """Two processes divide one subscription: both work, nothing is doubled, nothing is lost."""
    place = {"HORIZONTE_MQTT": mosquitto.url, "HORIZONTE_MQTT_VERSION": version}
    numbers = [stream.start("--client-id", f"c{n}", "--share", "all", **place) for n in (1, 2)]
    site = f"share{version[0]}"
    messages = [reading(n, sensor=f"{site}/t{n % 7}") for n in range(3000)]
    send(mosquitto.url, messages[:1500])
    assert arrives(site, 1500)
    shares = [received(stream.log(number)) for number in numbers]
    assert sum(shares) == 1500
    assert min(shares) > 100
    stream.children[numbers[0]].kill()
    send(mosquitto.url, messages[1500:])
    stream.start("--client-id", "c1", "--share", "all", **place)
    assert arrives(site, 3000)
    assert stream.end(numbers[1]) == 0


def received(log: str) -> int:
    """Return how many messages the consumer with this log says it received."""
    found = re.search(r"metrics at (\S+)", log)
    assert found
    with urlopen(found[1], timeout=5) as answer:  # noqa: S310 (loopback)
        text = answer.read().decode()
    counted = re.search(r"^horizonte_stream_received_total (\S+)", text, re.MULTILINE)
    assert counted
    return int(float(counted[1]))


@both
def test_sessions_survive_a_restart(
    stream: Stream, mosquitto: Mosquitto, send: Send, arrives: Arrives, version: str
) -> None:
    """With the shipped configuration nothing queued is lost when the broker restarts in order."""
    place = {"HORIZONTE_MQTT": mosquitto.url, "HORIZONTE_MQTT_VERSION": version}
    site = f"kept{version[0]}"
    first = stream.start("--client-id", site, **place)
    assert stream.end(first) == 0
    send(mosquitto.url, [reading(n, sensor=f"{site}/t") for n in range(5000)])
    mosquitto.stop()
    mosquitto.start()
    again = stream.start("--client-id", site, **place)
    assert arrives(site, 5000)
    assert "kept no session" not in stream.log(again)


def test_a_forgotten_session_is_said(
    stream: Stream, new_mosquitto: Callable[..., Mosquitto], send: Send, arrives: Arrives
) -> None:
    """A broker that keeps nothing over its restart is named, and the consumer goes on."""
    mosquitto = new_mosquitto(persistence="false")
    number = stream.start(HORIZONTE_MQTT=mosquitto.url)
    mosquitto.stop()
    mosquitto.start()
    assert stream.says(number, "kept no session")
    assert process.wait_until(lambda: stream.log(number).count("subscribed at") == 2, seconds=30)
    send(mosquitto.url, [reading(1, sensor="forgot/t")])
    assert arrives("forgot", 1)


@both
def test_a_wrong_password_is_said(stream: Stream, mosquitto: Mosquitto, version: str) -> None:
    """A refused login is in the log with the broker's word for it, and without the password."""
    place = {"HORIZONTE_MQTT": f"mqtt://horizonte:guess@127.0.0.1:{mosquitto.port}"}
    number = stream.start(
        wait="refuses this client: Not auth", **place, HORIZONTE_MQTT_VERSION=version
    )
    assert "guess" not in stream.log(number)
    assert stream.end(number) == 0


def test_a_batch_beyond_the_window_is_refused(stream: Stream, mosquitto: Mosquitto) -> None:
    """Where every write would wait for its time-out the consumer does not start."""
    flow = {"HORIZONTE_MQTT_WINDOW": "100", "HORIZONTE_MQTT_BATCH": "51"}
    number = stream.start(wait="HORIZONTE_MQTT_BATCH", HORIZONTE_MQTT=mosquitto.url, **flow)
    assert stream.children[number].wait(20) == 1
    assert "at most half" in stream.log(number)


def test_bounds_of_the_broker(
    stream: Stream, mosquitto: Mosquitto, send: Send, arrives: Arrives, store: Connection
) -> None:
    """Huge packets, topics of 64 KiB and topics that are no UTF-8 stop nobody else."""
    stream.start(HORIZONTE_MQTT=mosquitto.url)
    long = f"site/{'x' * 60_000}/sensor/t"
    send(
        mosquitto.url, [reading(1, sensor="bound/t"), (long, b"1"), ("site/\u202e/sensor/'", b"1")]
    )
    for topic, size in ((b"site/\xed\xa0\x80/sensor/t", 10), (b"site/a/sensor/t", 8 << 20)):
        _raw_publish(mosquitto, topic, b"1" * size)
    send(mosquitto.url, [reading(2, sensor="bound/t")])
    assert arrives("bound", 2)
    query = "SELECT reason FROM dead_letter WHERE topic LIKE 'site/xxx%' OR topic LIKE '%''%'"
    assert process.wait_until(lambda: len(store.execute(query).fetchall()) == 2, seconds=20)


def _raw_publish(mosquitto: Mosquitto, topic: bytes, payload: bytes) -> None:
    """Publish what no proper client would."""
    name, password = b"horizonte", b"a word of its own"
    fields = [b"\x00\x04MQTT\x04\xc2\x00\x3c", *map(_text, (b"raw", name, password))]
    with socket.create_connection(("127.0.0.1", mosquitto.port), timeout=5) as link:
        link.sendall(_packet(0x10, b"".join(fields)))
        assert link.recv(4)[3] == 0
        try:
            link.sendall(_packet(0x30, _text(topic) + payload))
            assert link.recv(1) in (b"",)
        except OSError:
            return  # cut off in the middle: as it should be


def _text(text: bytes) -> bytes:
    return len(text).to_bytes(2, "big") + text


def _packet(kind: int, body: bytes) -> bytes:
    rest, length = len(body), b""
    while rest or not length:
        rest, byte = rest >> 7, rest & 0x7F
        length += bytes([byte | (0x80 if rest else 0)])
    return bytes([kind]) + length + body
