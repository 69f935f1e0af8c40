"""Readings per second from a tuned Mosquitto into the database, beside a subscriber that only counts.

Run: python benchmarks/live.py [--messages N]. Needs `mosquitto`. Each consumer drains a backlog that
was published while it was away, so the publisher costs nothing during the measure. Everything runs
in a folder of its own on loopback and is stopped at the end. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
START = datetime(2026, 1, 1, tzinfo=UTC)
SENSORS = 50
SOURCES = """\
plant:
  freq: PT1M
  new_series: 1000
  topics:
    - {topic: one/+, sequence: seq}
    - {topic: many/+, readings: items, id: id}
"""
CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 20000
set_tcp_nodelay true
"""
COUNTER = """\
import sys, time
from paho.mqtt import client as mq
wanted, port = int(sys.argv[1]), int(sys.argv[2])
c = mq.Client(mq.CallbackAPIVersion.VERSION2, client_id="counter", clean_session=False)
seen, first = 0, 0.0
def on_message(*_):
    global seen, first
    seen += 1
    first = first or time.perf_counter()
    if seen == wanted:
        print(seen / (time.perf_counter() - first), time.process_time(), flush=True)
        c.disconnect()
c.on_message = on_message
c.on_connect = lambda *_: c.subscribe(sys.argv[3], 1)
c.connect("127.0.0.1", port)
c.loop_forever()
"""


class Bench:
    """A broker, a database and a project of their own."""

    def __init__(self, folder: Path) -> None:
        from horizonte.embedded import process

        self.folder, self.port = folder, process.free_ports(1)[0]
        (folder / "sources.yaml").write_text(SOURCES)
        (folder / "params.yaml").write_text((ROOT / "params.yaml").read_text())
        (folder / "mosquitto.conf").write_text(CONFIG.format(port=self.port))
        os.environ["HORIZONTE_HOME"] = str(folder / "home")
        os.environ["HORIZONTE_MQTT"] = f"mqtt://127.0.0.1:{self.port}"
        os.chdir(folder)
        from horizonte.embedded import services

        self.database = services.up(("postgres",), link_project=False).database
        argv = ["mosquitto", "-c", str(folder / "mosquitto.conf")]
        self.broker = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
        time.sleep(1)

    def end(self) -> None:
        """Stop what was started."""
        from horizonte.embedded import services

        self.broker.terminate()
        self.broker.wait()
        services.down()

    def hold(self, client_id: str, topic: str) -> None:
        """Make a session that keeps the messages of ``topic`` for ``client_id``."""
        from paho.mqtt import client as mq

        made = mq.Client(mq.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
        done = threading.Event()
        made.on_connect = lambda *_: made.subscribe(topic, 1)
        made.on_subscribe = lambda *_: done.set()
        made.connect("127.0.0.1", self.port)
        made.loop_start()
        done.wait(10)
        made.disconnect()
        made.loop_stop()

    def publish(self, messages: Iterator[tuple[float, str, bytes]]) -> None:
        """Publish all of ``messages`` (seconds, topic, payload)."""
        from horizonte.config import settings
        from horizonte.ingest.broker import Broker
        from horizonte.replay.publisher import Envelope, Publisher

        broker = Broker.of(settings(), os.environ["HORIZONTE_MQTT"])
        publisher = Publisher(broker, client_id="devices", in_flight=2000)
        publisher.run((Envelope(*m) for m in messages), stop=threading.Event())

    def count(self, wanted: int, topic: str) -> tuple[float, float]:
        """Return messages per second and processor seconds of a subscriber that only counts."""
        argv = [sys.executable, "-c", COUNTER, str(wanted), str(self.port), topic]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        rate, seconds = map(float, done.stdout.split())
        return rate, seconds

    def consume(self, wanted: int) -> tuple[float, float, str]:
        """Return readings per second and processor seconds of ours, and its metrics."""
        ours = Consumer(self)
        began, busy = ours.first(), ours.cpu()
        ended = ours.wait(wanted)
        rate, seconds = wanted / (ended - began), ours.cpu() - busy
        metrics = ours.end()
        return rate, seconds, metrics


class Consumer:
    """`horizonte stream` as a process, watched from outside."""

    def __init__(self, bench: Bench) -> None:
        from horizonte.store.connection import connect

        self.conn = connect(bench.database)
        self.before, self.rows = self._total(), 0
        argv = [sys.executable, "-c", "from horizonte.cli import main; main()", "stream"]
        self.process = subprocess.Popen(
            [*argv, "--client-id", "ours"], cwd=bench.folder, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        said = self.process.stdout.readline() if self.process.stdout else ""
        self.url = said.split()[-1] if "metrics" in said else self._url(bench)

    def wait(self, wanted: int) -> float:
        """Return when ``wanted`` readings were read (stored, unchanged or refused)."""
        while self.rows < wanted:
            time.sleep(0.02)
            self.rows = self._total() - self.before
        return time.perf_counter()

    def first(self) -> float:
        """Return when the first message had come: its clock starts as that of the counter."""
        while not re.search(r"received_total [1-9]", self.metrics()):
            time.sleep(0.01)
        return time.perf_counter()

    def metrics(self) -> str:
        """Return its metrics as they are now."""
        with urllib.request.urlopen(self.url, timeout=10) as answer:  # noqa: S310 (loopback)
            return str(answer.read().decode())

    def cpu(self) -> float:
        """Return processor seconds so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system

    def end(self) -> str:
        """Stop it; return its last metrics."""
        metrics = self.metrics()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.conn.close()
        return metrics

    def _total(self) -> int:
        row = self.conn.execute("SELECT coalesce(sum(rows_read), 0) FROM ingest_batch").fetchone()
        return int(row[0]) if row else 0

    def _url(self, bench: Bench) -> str:
        for _ in range(300):
            for path in (bench.folder / "home/stream").glob("*.json"):
                return f"{json.loads(path.read_text())['url']}/metrics"
            time.sleep(0.1)
        raise TimeoutError


def ones(
    count: int, turn: int, *, poison: float = 0, rate: float = 0
) -> Iterator[tuple[float, str, bytes]]:
    """Yield messages of one reading each; ``rate`` per second (0: at once), a share of them poison."""
    every = int(1 / poison) if poison else 0
    for i in range(count):
        at = START + timedelta(days=turn * 10, minutes=i // SENSORS)
        text = f'{{"value": {i / 10}, "ts": "{at:%Y-%m-%dT%H:%M:%SZ}", "seq": {i // SENSORS}}}'
        body = b'{"value": "ERR"}' if every and i % every == 0 else text.encode()
        yield (i / rate if rate else 0.0), f"one/s{i % SENSORS}", body


def hundreds(count: int, turn: int) -> Iterator[tuple[float, str, bytes]]:
    """Yield messages of a hundred readings each."""
    for i in range(count):
        at = [START + timedelta(days=turn * 10, minutes=i * 2 + k // SENSORS) for k in range(100)]
        items = [
            {"id": f"s{k % SENSORS}", "value": (i + k) / 10, "ts": f"{t:%Y-%m-%dT%H:%M:%SZ}"}
            for k, t in enumerate(at)
        ]
        yield 0.0, "many/g", json.dumps({"items": items}).encode()


def copied(bench: Bench, rows: int) -> float:
    """Return rows per second of a plain COPY of like rows into a table with the same index."""
    from horizonte.store.connection import connect

    with connect(bench.database) as conn:
        conn.execute("CREATE TABLE raw (LIKE observation INCLUDING ALL)")
        lines = "".join(
            f"many/s{i % SENSORS}\t{START + timedelta(minutes=i // SENSORS)}\t0\t{i / 10}\t{START}\tplant\t1\n"
            for i in range(rows)
        )
        began = time.perf_counter()
        names = "unique_id, ds, revision, y, available_at, source, ingest_batch_id"
        with conn.cursor() as cursor, cursor.copy(f"COPY raw ({names}) FROM STDIN") as copy:
            copy.write(lines)
        return rows / (time.perf_counter() - began)


def p99(metrics: str) -> str:
    """Return the bucket of the lag histogram that holds the 99th percentile."""
    found = re.findall(r'lag_seconds_bucket\{le="([^"]+)"\} ([\d.e+]+)', metrics)
    total = float(found[-1][1])
    return next(f"≤ {le} s" for le, count in found if float(count) >= 0.99 * total)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=60_000)
    n = parser.parse_args().messages
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        try:
            bench.hold("counter", "one/+")
            bench.hold("ours", "one/+")
            bench.publish(ones(n, 0))
            counting, counting_cpu = bench.count(n, "one/+")
            ours, cpu, _ = bench.consume(n)
            bench.hold("ours", "one/+")
            bench.publish(ones(n, 1, poison=0.01))
            poisoned, _, _ = bench.consume(n)
            bench.publish(hundreds(n // 10, 2))
            packed, packed_cpu, _ = bench.consume(n * 10)
            raw = copied(bench, n * 10)
            live = Consumer(bench)
            seconds = 20
            bench.publish(ones(int(0.7 * ours * seconds), 3, rate=0.7 * ours))
            live.wait(int(0.7 * ours * seconds))
            lag = p99(live.end())
        finally:
            bench.end()
    print("| what | figure | goal |\n|---|---|---|")
    print(f"| counting subscriber, messages/s | {counting:,.0f} | |")
    print(
        f"| ours, one reading a message, readings/s | {ours:,.0f} ({ours / counting:.0%}) | ≥ 50 % |"
    )
    print(
        f"| processor seconds per million: ours, counting | {cpu / n * 1e6:,.0f}, {counting_cpu / n * 1e6:,.0f} | |"
    )
    print(f"| with 1 % poison | {poisoned / ours - 1:+.1%} | ≥ −5 % |")
    print(
        f"| 100 readings a message, readings/s | {packed:,.0f} ({packed / raw:.0%} of COPY at {raw:,.0f}) | ≥ 50 % |"
    )
    print(f"| processor seconds per million, packed | {packed_cpu / n / 10 * 1e6:,.0f} | |")
    print(f"| lag p99 at 70 % load | {lag} | ≤ 0.5 s |")


if __name__ == "__main__":
    main()
