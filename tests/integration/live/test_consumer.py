"""The consumer process on the embedded broker: everything once, nothing lost, and said aloud."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from tests.integration.live.conftest import Sent, Stream, reading

from horizonte.embedded import process, services
from horizonte.store import prepared
from horizonte.store.connection import Connection

Send = Callable[[str, Sent], None]
Arrives = Callable[[str, int], bool]
POISON = [b"", b"\xff\xfe", b"{", b'{"value": NaN}', b"[" * 5000, b'{"value": "\\ud800"}']


def letters(store: Connection, topic: str) -> int:
    found = store.execute("SELECT count(*) FROM dead_letter WHERE topic = %s", (topic,)).fetchone()
    assert found
    return int(found[0])


def test_everything_once_and_poison_aside(
    stream: Stream, embedded: str, send: Send, arrives: Arrives, store: Connection
) -> None:
    """Readings are stored once and prepared; poison is kept with its payload and acknowledged."""
    first = stream.start()
    messages = [reading(n, sensor="once/t") for n in range(300)]
    poison = [("site/once/sensor/t", body) for body in POISON]
    send(embedded, [*messages[:100], *poison, *messages[100:], *messages[:50]])
    assert arrives("once", 300)
    query = "SELECT payload FROM dead_letter WHERE topic = 'site/once/sensor/t' ORDER BY id"
    assert process.wait_until(lambda: letters(store, "site/once/sensor/t") >= 6, seconds=20)
    assert [row[0] for row in store.execute(query)] == POISON
    assert process.wait_until(
        lambda: len(prepared.read(store, ["plant/once/t"])) == 300, seconds=20
    )
    assert stream.end(first) == 0
    batches = store.execute("SELECT count(*) FROM ingest_batch").fetchone()
    again = stream.start()
    assert stream.end(again) == 0
    # All was acknowledged: the second consumer was given nothing.
    assert store.execute("SELECT count(*) FROM ingest_batch").fetchone() == batches
    assert letters(store, "site/once/sensor/t") == 6


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_session_is_resumed(
    stream: Stream, embedded: str, send: Send, arrives: Arrives, how: signal.Signals
) -> None:
    """What is published while the consumer is away arrives when it comes back."""
    site = f"away{how.value}"
    first = stream.start()
    send(embedded, [reading(n, sensor=f"{site}/t") for n in range(10)])
    assert arrives(site, 10)
    stream.end(first, how)
    send(embedded, [reading(n, sensor=f"{site}/t") for n in range(10, 250)])
    stream.start()
    assert arrives(site, 250)


def test_sigterm_drains(stream: Stream, embedded: str, send: Send, arrives: Arrives) -> None:
    """SIGTERM in the middle of a flood ends in order, and the next consumer finds the rest."""
    first = stream.start(HORIZONTE_MQTT_FLUSH_SECONDS="5")
    send(embedded, [reading(n, sensor="drain/t") for n in range(1000)])
    assert stream.end(first) == 0
    assert "drained and stopped" in stream.log(first)
    stream.start()
    assert arrives("drain", 1000)


def test_a_wrong_password_is_said(stream: Stream, embedded: str) -> None:
    """A consumer that is not let in says so, without the password, and keeps trying."""
    at = urlsplit(embedded)
    wrong = f"mqtt://{at.username}:guess@{at.hostname}:{at.port}"
    number = stream.start(wait="wrong password", HORIZONTE_MQTT=wrong)
    assert "guess" not in stream.log(number)
    assert stream.children[number].poll() is None
    assert stream.end(number) == 0


def test_a_broker_that_is_away_is_waited_for(
    stream: Stream, embedded: str, send: Send, arrives: Arrives
) -> None:
    """A consumer survives a restart of the embedded broker, and says that it forgot the session."""
    number = stream.start()
    send(embedded, [reading(n, sensor="restart/t") for n in range(5)])
    assert arrives("restart", 5)
    services.down()
    services.up(("mqtt",), link_project=False)
    assert stream.says(number, "kept no session")
    assert process.wait_until(lambda: stream.log(number).count("subscribed at") == 2, seconds=30)
    send(embedded, [reading(n, sensor="restart/t") for n in range(5, 10)])
    assert arrives("restart", 10)


def test_a_refused_subscription_ends_it(stream: Stream, embedded: str) -> None:
    """A consumer that may not subscribe ends with the filters that were refused."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_refuse, args=(server,), daemon=True).start()
        url = f"mqtt://127.0.0.1:{server.getsockname()[1]}"
        number = stream.start(wait="error: subscription", HORIZONTE_MQTT=url)
        assert stream.children[number].wait(30) == 1
    assert "site/+/sensor/+" in stream.log(number)


def _refuse(server: socket.socket) -> None:
    """Speak as much MQTT as it takes to let clients in and refuse their one subscription."""
    for _ in ("measures the window", "consumes"):
        with server.accept()[0] as link:
            link.recv(1000)
            link.sendall(b"\x20\x02\x00\x00")
            packet = link.recv(1000)
            link.sendall(b"\x90\x03" + packet[2:4] + b"\x80")
            link.recv(1000)


def test_a_certificate_that_cannot_be_read(stream: Stream, embedded: str) -> None:
    """A mistake that no retry mends ends the consumer with a message."""
    wrong = {"HORIZONTE_MQTT": "mqtts://127.0.0.1:1", "HORIZONTE_MQTT_CA": "/nowhere.pem"}
    number = stream.start(wait="HORIZONTE_MQTT_CA", **wrong)
    assert stream.children[number].wait(20) == 1


def test_nothing_to_consume(stream: Stream, embedded: str) -> None:
    """Without declared topics the consumer refuses to start, and says what to declare."""
    (stream.folder / "sources.yaml").write_text("s: {freq: PT1H, series: {a: {}}}\n")
    number = stream.start(wait="declare topics")
    assert stream.children[number].wait(20) == 1
