"""The embedded broker as clients find it: what it refuses, keeps and forgets."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from paho.mqtt.client import Client, MQTTMessage

from horizonte import config
from horizonte.embedded import mqtt, process, services, state
from horizonte.embedded.endpoints import Endpoints
from horizonte.errors import ServiceFault
from horizonte.ingest import broker as brokers
from horizonte.ingest.broker import Broker
from horizonte.replay.publisher import Envelope, Publisher

Enter = Callable[[Path], Path]


class Device:
    """A client with its network loop running, and what it saw; ``lazy`` acknowledges nothing."""

    def __init__(self, broker: Broker, name: str, *, keep: bool, lazy: bool = False) -> None:
        self.lazy = lazy
        self.heard: list[MQTTMessage] = []
        self.sessions: list[bool] = []
        self.ready, self.closed = threading.Event(), threading.Event()
        self.client = brokers.client(broker, client_id=name, persistent=keep)
        self.client.on_connect = self._connected
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_message = self._heard
        self.client.on_disconnect = lambda *_: self.closed.set()
        brokers.connect(self.client, broker, persistent=keep)
        self.client.loop_start()

    def _connected(self, client: Client, _data: object, flags: object, *_: object) -> None:
        self.sessions.append(flags.session_present)
        client.subscribe("t/#", qos=1)

    def _heard(self, client: Client, _data: object, message: MQTTMessage) -> None:
        self.heard.append(message)
        if not self.lazy:
            client.ack(message.mid, message.qos)

    def hears(self, count: int) -> bool:
        return process.wait_until(lambda: len(self.heard) >= count, seconds=10)

    def vanish(self) -> None:
        """End without saying so, as a killed process does."""
        self.client.loop_stop()
        self.client.socket().close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("broker")


@pytest.fixture
def broker(home: Path, enter: Enter) -> Broker:
    enter(home)
    found = services.up(("mqtt",), link_project=False)
    return Broker.of(config.settings(), found.mqtt)


@contextmanager
def device(broker: Broker, name: str, *, keep: bool = False) -> Iterator[Device]:
    made = Device(broker, name, keep=keep)
    try:
        assert made.ready.wait(10)
        yield made
    finally:
        made.client.disconnect()
        made.client.loop_stop()


def send(broker: Broker, count: int, *, first: int = 0) -> None:
    messages = [Envelope(0.0, "t/1", b"%d" % n) for n in range(first, first + count)]
    counts = Publisher(broker, client_id="pub").run(messages, stop=threading.Event())
    assert counts.acknowledged == count


def payloads(device: Device) -> list[int]:
    return [int(message.payload) for message in device.heard]


def test_it_starts_alone_and_only_on_loopback(home: Path, broker: Broker) -> None:
    """Naming mqtt starts nothing else, on one loopback port, with a private password file."""
    assert set(state.read(home)) == {"mqtt"}
    running = psutil.Process(state.read(home)["mqtt"].pid)
    listens = [c.laddr for c in running.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert listens == [("127.0.0.1", broker.port)]
    assert (home / "mqtt/broker.toml").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("wrong", [{"password": "guess"}, {"user": "guess"}, {"user": None}])
def test_strangers_are_refused(broker: Broker, wrong: dict[str, str | None]) -> None:
    """Without the right user and password the connection is closed."""
    stranger = Device(replace(broker, **wrong), "stranger", keep=False)
    assert stranger.closed.wait(10)
    assert not stranger.ready.is_set()
    stranger.client.loop_stop()


def test_a_publisher_says_why_it_is_refused(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publisher with a wrong password ends with a ServiceFault that does not show it."""
    monkeypatch.setattr("horizonte.replay.publisher.FIRST_SECONDS", 0.5)
    publisher = Publisher(replace(broker, password="guess"), client_id="pub")
    with pytest.raises(ServiceFault, match=r"mqtt://127\.0\.0\.1") as refused:
        publisher.run([], stop=threading.Event())
    assert "guess" not in str(refused.value)


def test_a_session_is_kept_while_its_client_is_away(broker: Broker) -> None:
    """What comes while a persistent client is away, and what it had not acknowledged, comes later.

    Of what is sent to a client, 100 messages at most wait for its acknowledgement.
    """
    first = Device(broker, "keeper", keep=True, lazy=True)
    assert first.ready.wait(10)
    send(broker, 150)
    assert first.hears(100)
    time.sleep(0.2)
    assert payloads(first) == list(range(mqtt.WINDOW))
    first.vanish()
    send(broker, 50, first=150)
    with device(broker, "keeper", keep=True) as again:
        assert again.hears(200)
        assert (again.sessions, payloads(again)) == ([True], list(range(200)))


def test_a_restart_forgets_sessions_and_the_consumer_is_told(home: Path, broker: Broker) -> None:
    """After an orderly restart nothing is kept, and *session present* says so."""
    with device(broker, "restarted", keep=True):
        pass
    send(broker, 5)
    services.down()
    assert Broker.of(config.settings(), services.up(("mqtt",), link_project=False).mqtt) == broker
    with device(broker, "restarted", keep=True) as again:
        send(broker, 1, first=5)
        assert again.hears(1)
        assert (again.sessions, payloads(again)) == ([False], [5])


def test_a_publisher_survives_a_killed_broker(home: Path, broker: Broker) -> None:
    """After SIGKILL and up, a publisher goes on at the same address until all is acknowledged."""
    told: list[bytes] = []
    publisher = Publisher(
        broker, client_id="p", acknowledged=lambda sent: told.append(sent.payload)
    )
    messages = [Envelope(n * 0.01, "t/1", b"%d" % n) for n in range(200)]
    runner = threading.Thread(target=publisher.run, args=(messages,), kwargs={"stop": _never()})
    runner.start()
    assert process.wait_until(lambda: len(told) > 50, seconds=10)
    os.kill(state.read(home)["mqtt"].pid or 0, signal.SIGKILL)
    services.up(("mqtt",), link_project=False)
    runner.join(30)
    assert len(told) == 200
    assert publisher.counts.published == publisher.counts.acknowledged == 200
    assert publisher.counts.reconnects >= 1


def test_a_stopped_publisher_drains(broker: Broker) -> None:
    """After stop nothing new is sent and everything that was is acknowledged."""
    stop = threading.Event()
    publisher = Publisher(broker, client_id="p", acknowledged=lambda _: stop.set())
    counts = publisher.run([Envelope(n * 0.05, "t/1", b"1") for n in range(100)], stop=stop)
    assert 0 < counts.published == counts.acknowledged < 100


def test_a_big_message_costs_only_its_publisher(home: Path, broker: Broker) -> None:
    """256 MiB close the sender's connection and are never held; smaller ones pass as usual."""
    running = psutil.Process(state.read(home)["mqtt"].pid)
    with device(broker, "watcher") as watcher, device(broker, "big") as big:
        big.client.publish("t/fits", b"x" * (mqtt.MAX_PAYLOAD - 64), qos=1)
        assert watcher.hears(1)
        before = running.memory_info().rss
        big.closed.clear()
        big.client.publish("t/big", b"x" * (256 * 1024**2 - 64), qos=1)
        assert big.closed.wait(20)
        send(broker, 10)
        assert watcher.hears(11)
        assert not watcher.closed.is_set()
        assert running.memory_info().rss - before < 32 * 1024**2
    assert services.up(("mqtt",), link_project=False).mqtt.endswith(str(broker.port))


def test_a_missing_wheel_is_named(
    tmp_path: Path, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without iotcore the start says what to install, or which setting to make."""
    enter(tmp_path / "bare")
    monkeypatch.setattr(mqtt, "find_spec", lambda _: None)
    with pytest.raises(ServiceFault, match="HORIZONTE_MQTT"):
        services.up(("mqtt",), link_project=False)


def test_endpoints_without_a_broker(tmp_path: Path, enter: Enter) -> None:
    """A home whose broker was never started has no broker URL, and says what to run."""
    enter(tmp_path / "none")
    found: Endpoints = services.endpoints()
    with pytest.raises(ServiceFault, match="horizonte up"):
        _ = found.mqtt


def _never() -> threading.Event:
    return threading.Event()
