"""Real brokers, and the consumer as the real process that people start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.brokers import PROGRAM, ROOT, Mosquitto

from horizonte.config import Settings
from horizonte.embedded import process, services
from horizonte.ingest.broker import Broker
from horizonte.replay.publisher import Envelope, Publisher
from horizonte.store.connection import Connection

SOURCES = """\
plant:
  freq: PT1M
  new_series: 1000
  topics: [{topic: site/+/sensor/+, series: "{1}/{2}", sequence: seq}]
"""
MAIN = "from horizonte.cli import main; main()"
Sent = list[tuple[str, bytes]]


def reading(number: int, *, sensor: str = "a/t", y: float | None = None) -> tuple[str, bytes]:
    """Return the ``number``-th reading of a sensor, a minute after the one before."""
    ts = f"2026-01-{1 + number // 1440:02d}T{number // 60 % 24:02d}:{number % 60:02d}:00Z"
    body = {"value": number if y is None else y, "ts": ts, "seq": number}
    return f"site/{sensor.replace('/', '/sensor/')}", json.dumps(body).encode()


@dataclass
class Stream:
    """``horizonte stream`` in a folder of its own, started as often as a test likes."""

    folder: Path
    env: dict[str, str]
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *arguments: str, wait: str = "subscribed at", **env: str) -> int:
        """Return the number of the process, once its log says ``wait``."""
        number = len(self.children)
        with self._path(number).open("wb") as log:
            argv = [sys.executable, "-c", MAIN, "stream", *arguments]
            whole = {**self.env, **env}
            self.children.append(
                subprocess.Popen(argv, cwd=self.folder, env=whole, stdout=log, stderr=log)
            )
        assert process.wait_until(lambda: wait in self.log(number), seconds=40), self.log(number)
        return number

    def end(self, number: int, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; return the exit code."""
        self.children[number].send_signal(how)
        return self.children[number].wait(60)

    def log(self, number: int) -> str:
        return self._path(number).read_text(errors="replace")

    def says(self, number: int, text: str) -> bool:
        return process.wait_until(lambda: text in self.log(number), seconds=30)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number}.log"


@pytest.fixture
def stream(tmp_path: Path, database_url: str) -> Iterator[Stream]:
    """A consumer of the module's database; what still runs afterwards is killed."""
    (tmp_path / "sources.yaml").write_text(SOURCES)
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    env = {k: v for k, v in os.environ.items() if not k.startswith("HORIZONTE_")}
    home = {"HORIZONTE_HOME": str(tmp_path / "home"), "HORIZONTE_DATABASE": database_url}
    made = Stream(tmp_path, {**env, **home})
    yield made
    for child in made.children:
        if child.poll() is None:
            child.kill()
        child.wait(10)


@pytest.fixture
def embedded(enter: Callable[[Path], Path], stream: Stream) -> str:
    """The URL of an embedded broker in the home of ``stream``."""
    enter(stream.folder / "home")
    return services.up(("mqtt",), link_project=False).mqtt


@pytest.fixture
def new_mosquitto(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Mosquitto]]:
    """Starts Mosquitto with the shipped configuration, changed as asked; stopped afterwards."""
    if PROGRAM is None:
        pytest.skip("Mosquitto: not run")
    made: list[Mosquitto] = []

    def start(**changes: str) -> Mosquitto:
        made.append(Mosquitto(tmp_path_factory.mktemp("mosquitto"), changes))
        return made[-1].start()

    yield start
    for broker in made:
        broker.stop()


@pytest.fixture
def mosquitto(new_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    return new_mosquitto()


@pytest.fixture
def send() -> Callable[[str, Sent], None]:
    """Publishes to the broker at a URL, and returns once every message is acknowledged."""

    def run(url: str, messages: Sent) -> None:
        broker = Broker.of(Settings(mqtt=url), url)
        envelopes = [Envelope(0.0, topic, payload) for topic, payload in messages]
        counts = Publisher(broker, client_id="devices").run(envelopes, stop=threading.Event())
        assert counts.acknowledged == len(messages)

    return run


@pytest.fixture
def rows(store: Connection) -> Callable[..., int]:
    """Counts the stored revisions of sensors whose site is given."""

    def count(site: str) -> int:
        query = "SELECT count(*) FROM observation WHERE unique_id LIKE %s"
        found = store.execute(query, (f"plant/{site}/%",)).fetchone()
        assert found
        return int(found[0])

    return count


@pytest.fixture
def arrives(rows: Callable[..., int]) -> Callable[[str, int], bool]:
    """Says whether so many revisions of a site are stored in time, and no more."""

    def wait(site: str, number: int) -> bool:
        return process.wait_until(lambda: rows(site) >= number, seconds=30) and rows(site) == number

    return wait
