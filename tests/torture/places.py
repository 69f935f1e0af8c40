"""A project, a database, a broker and a consumer of the run's own: real processes in one folder."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import psutil
import psycopg
from tests.brokers import PROGRAM, ROOT, Mosquitto
from tests.torture.publisher import SENSORS, SITES

from horizonte import config
from horizonte.embedded import process, services, state
from horizonte.embedded.process import Identity

SERIES = 2 * SITES * SENSORS  # alone on a topic, and together on one of their site
SOURCES = """\
plant:
  freq: PT1H
  new_series: 100
  topics:
    - {topic: site/+/sensor/+, series: "{1}/{2}", sequence: seq}
    - {topic: site/+/all, series: "", readings: items, id: id, sequence: seq}
"""


class Database:
    """The embedded PostgreSQL of the run's home."""

    @property
    def url(self) -> str:
        return services.endpoints().database

    def start(self) -> None:
        services.up(("postgres",), link_project=False)

    def end(self, number: signal.Signals) -> None:
        """Shut down: SIGINT is fast, SIGQUIT immediate (the next start recovers)."""
        record = state.read(config.settings().home_folder())["postgres"]
        assert record.pid
        assert record.created
        postmaster = Identity(record.pid, record.created)
        psutil.Process(record.pid).send_signal(number)
        assert process.wait_until(lambda: not process.alive(postmaster), seconds=40)


class Gaps:
    """What the consumers say is missing from sequences, summed over all of their processes.

    A consumer knows the last number of a topic from its own messages only: what is lost between
    the last message of one process and the first of the next, is in no process's count.
    """

    def __init__(self, consumer: Consumer) -> None:
        self.consumer = consumer
        self.by_start: dict[int, int] = {}

    @property
    def missing(self) -> int:
        return sum(self.by_start.values())

    def look(self) -> None:
        """Note what the consumer that runs now says; one that does not answer says nothing."""
        start = self.consumer.starts
        found = re.search(r"metrics at (\S+)", self.consumer.last_log())
        with suppress(OSError):
            text = urlopen(found[1], timeout=2).read().decode() if found else ""  # noqa: S310
            said = re.search(r"^horizonte_stream_sequence_missing (\S+)$", text, re.MULTILINE)
            if said and start == self.consumer.starts:
                self.by_start[start] = int(float(said[1]))


class Consumer:
    """``horizonte stream``, started again whenever it ends, as any supervisor would."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder, self.env = folder, env
        self.starts, self.codes = 0, [0][:0]
        self.child: subprocess.Popen[bytes] | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def signal(self, number: signal.Signals) -> None:
        child = self.child
        if child is not None and child.poll() is None:
            child.send_signal(number)

    def ready(self) -> bool:
        """Return whether the process that runs now has subscribed."""
        return "subscribed at" in self._log(self.starts)

    def finish(self) -> int:
        """Let it drain; return its exit code."""
        self._ended.set()
        self.signal(signal.SIGTERM)
        self._thread.join(90)
        assert not self._thread.is_alive(), "the consumer does not end"
        return self.codes[-1]

    def subscriptions(self) -> int:
        """Return how often the process that runs now has subscribed."""
        return self._log(self.starts).count("subscribed at")

    def last_log(self) -> str:
        return self._log(self.starts)

    def crashes(self) -> list[str]:
        """Return the logs of those that ended by themselves."""
        return [self._log(n + 1)[-3000:] for n, code in enumerate(self.codes) if code > 0]

    def _log(self, number: int) -> str:
        path = self.folder / f"consumer-{number}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _run(self) -> None:
        while not self._ended.is_set():
            with (self.folder / f"consumer-{self.starts + 1}.log").open("wb") as log:
                argv = [sys.executable, "-c", "from horizonte.cli import main; main()", "stream"]
                self.child = subprocess.Popen(
                    [*argv, "--client-id", "torture"],
                    cwd=self.folder,
                    env=self.env,
                    stdout=log,
                    stderr=log,
                )
                self.starts += 1
                self.codes.append(self.child.wait())


class Places:
    """All of it, in ``folder``; a context manager that leaves nothing running."""

    def __init__(self, folder: Path, *, seed: int, rate: float) -> None:
        self.folder, self.seed, self.rate = folder, seed, rate
        self.ledger = folder / "ledger.jsonl"
        self.database = Database()
        self.mosquitto = Mosquitto(folder) if PROGRAM else None
        self.devices: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Places:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "sources.yaml").write_text(SOURCES)
        (self.folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
        for name in [name for name in os.environ if name.startswith("HORIZONTE_")]:
            del os.environ[name]
        os.environ["HORIZONTE_HOME"] = str(self.folder / "home")
        if self.mosquitto:
            os.environ["HORIZONTE_MQTT"] = self.mosquitto.start().url
        config.settings.cache_clear()
        services.up(("postgres",) if self.mosquitto else ("postgres", "mqtt"), link_project=False)
        self.consumer = Consumer(self.folder, dict(os.environ))
        self.gaps = Gaps(self.consumer)
        self.consumer.start()
        assert process.wait_until(self.consumer.ready, seconds=60), self.consumer.last_log()
        argv = [sys.executable, "-m", "tests.torture.publisher", str(self.ledger)]
        self.devices = subprocess.Popen([*argv, str(self.seed), str(self.rate)], cwd=ROOT)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_devices()
        if self.consumer.child is not None and self.consumer.child.poll() is None:
            self.consumer.signal(signal.SIGCONT)
            self.consumer.finish()
        services.down()
        if self.mosquitto:
            self.mosquitto.stop()

    def settled(self) -> bool:
        """Return whether readings of every topic are stored."""
        with suppress(psycopg.Error), psycopg.connect(self.database.url) as conn:
            row = conn.execute("SELECT count(DISTINCT unique_id) FROM observation").fetchone()
            return bool(row and row[0] >= SERIES)
        return False

    def stop_devices(self) -> None:
        """End the devices, once all they sent is acknowledged."""
        if self.devices is not None:
            self.devices.terminate()
            self.devices.wait(30)
            self.devices = None

    def drain(self, seconds: float = 180) -> bool:
        """Return whether the consumer fell silent with nothing left to be cleaned."""
        deadline, last, since = time.monotonic() + seconds, -1, time.monotonic()
        while time.monotonic() < deadline:
            newest, stale = self._state()
            if newest != last or stale or not self.consumer.ready():
                last, since = newest, time.monotonic()
            elif time.monotonic() - since > 6:
                return True
            time.sleep(0.3)
        return False

    def _state(self) -> tuple[int, int]:
        with psycopg.connect(self.database.url) as conn:
            query = (
                "SELECT (SELECT max(id) FROM ingest_batch), (SELECT count(*) FROM prepared.stale)"
            )
            row = conn.execute(query).fetchone()
            assert row
            return int(row[0] or 0), int(row[1])
