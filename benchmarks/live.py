"""Readings per second from a tuned Mosquitto into the database, beside a subscriber that only counts.

Run: python benchmarks/live.py [--messages N] [--rounds N]. Needs `mosquitto`. Each consumer drains a
backlog that was published while it was away, so the publisher costs nothing during the measure. What
is compared alternates, and each ratio is of one round. Last, readings come for 30 s at 70 % of what
all four processes together sustain on this machine, and at 70 % of the rate from a backlog. The clock
of the readings goes on without a gap. Everything runs in a folder of its own on loopback and is
stopped at the end. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil

ROOT = Path(__file__).resolve().parents[1]
START = datetime(2020, 1, 1, tzinfo=UTC)
SENSORS = 50
LOADED_SECONDS = 30
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
        self.minute = 0  # of the next reading of each sensor
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

    def forget(self, client_id: str) -> None:
        """End the session of ``client_id``: what is published next is not kept for it."""
        from paho.mqtt import client as mq

        made = mq.Client(mq.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True)
        made.on_connect = lambda *_: made.disconnect()
        made.connect("127.0.0.1", self.port)
        made.loop_forever()

    def minutes(self, readings: int) -> int:
        """Return the first minute of the next ``readings`` of all sensors together."""
        first, self.minute = self.minute, self.minute + readings // SENSORS
        return first

    def publish(self, messages: Iterator[tuple[float, str, bytes]], *, away: str = "") -> None:
        """Publish all of ``messages`` (seconds, topic, payload); a session of ``away`` ends before."""
        if away:
            self.forget(away)
        with socket.create_connection(("127.0.0.1", self.port)) as link:
            devices = Devices(link)
            for seconds, topic, payload in messages:
                devices.send(seconds, topic.encode(), payload)
            devices.finish()

    def count(self, wanted: int, topic: str) -> tuple[float, float]:
        """Return messages per second and processor seconds of a subscriber that only counts."""
        argv = [sys.executable, "-c", COUNTER, str(wanted), str(self.port), topic]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        rate, seconds = map(float, done.stdout.split())
        return rate, seconds

    def consume(self, wanted: int) -> tuple[float, float]:
        """Return readings per second and processor seconds of ours."""
        ours = Consumer(self)
        began, busy = ours.first(), ours.cpu()
        ended = ours.wait(wanted)
        rate, seconds = wanted / (ended - began), ours.cpu() - busy
        ours.end()
        return rate, seconds


class Devices:
    """Many devices as one connection of QoS 1, cheap enough to leave the machine to what is measured."""

    TICK, IN_FLIGHT = 0.01, 20_000

    def __init__(self, link: socket.socket) -> None:
        self.link, self.due, self.sent, self.acknowledged = link, self.TICK, 0, 0
        self.buffer = bytearray()
        link.sendall(b"\x10\x13\x00\x04MQTT\x04\x02\x00\x00\x00\x07devices")
        if link.recv(4)[3]:
            raise ConnectionError
        self.began = time.perf_counter()
        threading.Thread(target=self._hear, daemon=True).start()

    def send(self, seconds: float, topic: bytes, payload: bytes) -> None:
        """Send a message when it is due, together with those of the same hundredth of a second."""
        self.sent += 1
        number = (self.sent % 65_535 + 1).to_bytes(2, "big")
        body = len(topic).to_bytes(2, "big") + topic + number + payload
        size = len(body)
        length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
        self.buffer += b"\x32" + length + body
        if seconds >= self.due or len(self.buffer) > 1 << 16:
            self._flush(seconds)

    def finish(self) -> None:
        """Return once all is acknowledged."""
        self._flush(0.0)
        while self.acknowledged < self.sent:
            time.sleep(0.001)
        self.link.shutdown(socket.SHUT_RDWR)

    def _flush(self, seconds: float) -> None:
        time.sleep(max(0.0, self.began + seconds - time.perf_counter()))
        while self.sent - self.acknowledged > self.IN_FLIGHT:
            time.sleep(0.001)
        self.link.sendall(self.buffer)
        self.buffer.clear()
        self.due = seconds + self.TICK

    def _hear(self) -> None:
        rest = 0
        while got := self.link.recv(65_536):
            rest += len(got)
            self.acknowledged += rest // 4
            rest %= 4


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
    count: int, minute: int, *, poison: float = 0, rate: float = 0
) -> Iterator[tuple[float, str, bytes]]:
    """Yield messages of one reading each; ``rate`` per second (0: at once), a share of them poison."""
    every = int(1 / poison) if poison else 0
    for i in range(count):
        at = START + timedelta(minutes=minute + i // SENSORS)
        text = f'{{"value": {i / 10}, "ts": "{at:%Y-%m-%dT%H:%M:%SZ}", "seq": {i // SENSORS}}}'
        body = b'{"value": "ERR"}' if every and i % every == 0 else text.encode()
        yield (i / rate if rate else 0.0), f"one/s{i % SENSORS}", body


def hundreds(count: int, minute: int) -> Iterator[tuple[float, str, bytes]]:
    """Yield messages of a hundred readings each."""
    for i in range(count):
        at = [START + timedelta(minutes=minute + i * 2 + k // SENSORS) for k in range(100)]
        items = [
            {"id": f"s{k % SENSORS}", "value": (i + k) / 10, "ts": f"{t:%Y-%m-%dT%H:%M:%SZ}"}
            for k, t in enumerate(at)
        ]
        yield 0.0, "many/g", json.dumps({"items": items}).encode()


def copied(bench: Bench, rows: int) -> float:
    """Return rows per second of a plain COPY of like rows into a table with the same index."""
    from horizonte.store.connection import connect

    lines = "".join(
        f"many/s{i % SENSORS}\t{START + timedelta(minutes=i // SENSORS)}\t0\t{i / 10}\t{START}\tplant\t1\n"
        for i in range(rows)
    )
    names = "unique_id, ds, revision, y, available_at, source, ingest_batch_id"
    with connect(bench.database) as conn:
        conn.execute("CREATE TABLE raw (LIKE observation INCLUDING ALL)")
        began = time.perf_counter()
        with conn.cursor() as cursor, cursor.copy(f"COPY raw ({names}) FROM STDIN") as copy:
            copy.write(lines)
        rate = rows / (time.perf_counter() - began)
        conn.execute("DROP TABLE raw")
    return rate


class Round(NamedTuple):
    """What one round measured: rates, and processor seconds per million readings."""

    counting: float
    ours: float
    poisoned: float
    packed: float
    copy: float
    counting_cpu: float
    ours_cpu: float
    packed_cpu: float


def measured(bench: Bench, n: int) -> Round:
    """Return one round: everything that is compared runs within the same minute or two."""
    bench.hold("counter", "one/+")
    bench.hold("ours", "one/+")
    bench.publish(ones(n, bench.minutes(n)))
    counting, counting_cpu = bench.count(n, "one/+")
    ours, cpu = bench.consume(n)
    bench.publish(ones(n, bench.minutes(n), poison=0.01), away="counter")
    poisoned, _ = bench.consume(n)
    bench.publish(hundreds(n // 10, bench.minutes(n * 10)))
    packed, packed_cpu = bench.consume(n * 10)
    seconds = counting_cpu / n * 1e6, cpu / n * 1e6, packed_cpu / n / 10 * 1e6
    return Round(counting, ours, poisoned, packed, copied(bench, n * 10), *seconds)


def lag(bench: Bench, rate: float) -> tuple[float, float]:
    """Return the share of readings committed within 0.5 s of their arrival, and the rate that was."""
    live, count, began = Consumer(bench), int(rate * LOADED_SECONDS), time.perf_counter()
    bench.publish(ones(count, bench.minutes(count), rate=rate))
    reached = count / (live.wait(count) - began)
    found = re.findall(r'lag_seconds_bucket\{le="([^"]+)"\} ([\d.e+]+)', live.end())
    prompt = next(float(share) for le, share in found if float(le) == 0.5)
    return prompt / float(found[-1][1]), reached


def sustained(bench: Bench, count: int) -> float:
    """Return readings per second while the publisher, held back by nobody, works beside."""
    live, began = Consumer(bench), time.perf_counter()
    bench.publish(ones(count, bench.minutes(count)))
    rate = count / (live.wait(count) - began)
    live.end()
    return rate


def spread(values: Iterable[float], form: str) -> str:
    """Return the median, and the least and the most in brackets."""
    found = sorted(values)
    middle, least, most = (form.format(v) for v in (median(found), found[0], found[-1]))
    return f"{middle} ({least} to {most})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        try:
            rounds = [measured(bench, given.messages) for _ in range(given.rounds)]
            at_once = sustained(bench, 10 * given.messages)
            loads = (0.7 * at_once, 0.7 * median(r.ours for r in rounds))
            lags = [lag(bench, load) for load in loads]
        finally:
            bench.end()
    rows = [
        ("counting subscriber, messages/s", spread((r.counting for r in rounds), "{:,.0f}"), ""),
        ("one reading a message, readings/s", spread((r.ours for r in rounds), "{:,.0f}"), ""),
        ("its ratio", spread((r.ours / r.counting for r in rounds), "{:.0%}"), "≥ 50 %"),
        ("1 % poison", spread((r.poisoned / r.ours - 1 for r in rounds), "{:+.1%}"), "≥ −5 %"),
        ("100 readings a message, readings/s", spread((r.packed for r in rounds), "{:,.0f}"), ""),
        ("COPY, rows/s", spread((r.copy for r in rounds), "{:,.0f}"), ""),
        ("their ratio", spread((r.packed / r.copy for r in rounds), "{:.0%}"), "≥ 50 %"),
        ("one reading a message while they are sent, readings/s", f"{at_once:,.0f}", ""),
        *(
            (f"committed within 0.5 s, {load:,.0f} readings/s sent, {reached:,.0f} stored", f"{prompt:.2%}", "≥ 99 %")
            for load, (prompt, reached) in zip(loads, lags, strict=True)
        ),
        ("processor seconds per million: counting", spread((r.counting_cpu for r in rounds), "{:.0f}"), ""),
        ("… one reading a message", spread((r.ours_cpu for r in rounds), "{:.0f}"), ""),
        ("… 100 readings a message", spread((r.packed_cpu for r in rounds), "{:.1f}"), ""),
    ]  # fmt: skip
    print("| what | median (least to most) | goal |\n|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
