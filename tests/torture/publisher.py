"""The devices: a process that sends readings at QoS 1 and writes down what the broker took.

``python -m tests.torture.publisher LEDGER SEED RATE``; SIGTERM ends it once all is acknowledged.
A line of the ledger is one reading or one piece of garbage, written when PUBACK arrives.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from horizonte.config import settings
from horizonte.embedded import services
from horizonte.ingest.broker import Broker
from horizonte.replay.publisher import Envelope, Publisher

SITES, SENSORS = 3, 4
START = datetime(2015, 1, 1, tzinfo=UTC)
KINDS = ("next", "correction", "duplicate", "late", "swapped", "batch", "poison")
WEIGHTS = (70, 8, 6, 2, 5, 5, 4)
GARBAGE = (
    b"",
    b"\xff\xfe\x00",
    b"{",
    b"[[[[",
    b'{"value": NaN, "ts": "2015-01-01T00:00:00Z"}',
    b'{"value": 1e400, "ts": "2015-01-01T00:00:00Z"}',
    b'{"value": true, "ts": "2015-01-01T00:00:00Z"}',
    b'{"value": 1, "ts": "2199-01-01T00:00:00Z"}',
    b'{"value": 1, "ts": "2015-02-30T00:00:00Z"}',
    b'{"value": "\\ud800", "ts": "2015-01-01T00:00:00Z"}',
)
Line = dict[str, Any]


class Devices:
    """What is sent next, from a seed; a correction waits until what it corrects is acknowledged."""

    def __init__(self, seed: int, rate: float) -> None:
        self.random, self.rate = random.Random(seed), rate
        self.lines: dict[bytes, list[Line]] = {}  # by payload: every one is unique
        self.known: set[bytes] = set()
        self.taken: list[bytes] = []  # acknowledged, to be corrected or sent again
        self.open: set[tuple[str, str]] = set()  # instants with an unacknowledged value
        self.sequence: dict[str, int] = {}
        self.steps: dict[str, int] = {}
        self.place = 0

    def envelopes(self) -> Iterator[Envelope]:
        at, held = 0.0, None
        while True:
            at += self.random.expovariate(self.rate)
            kind = self.random.choices(KINDS, WEIGHTS)[0]
            topic, payload = getattr(self, f"_{kind}")()
            if kind == "swapped" and held is None:
                held = topic, payload  # the one after it goes first
                continue
            yield Envelope(at, topic, payload)
            if held is not None:
                yield Envelope(at, *held)
                held = None

    def acknowledged(self, sent: Envelope) -> list[Line]:
        lines = self.lines[sent.payload]
        if sent.payload not in self.known:  # a duplicate says nothing of a later correction
            self.known.add(sent.payload)
            self.open -= {(line["unique_id"], line["ds"]) for line in lines}
            self.taken.append(sent.payload)
            del self.taken[:-2000]
        return lines

    def _next(self) -> tuple[str, bytes]:
        name = self._sensor()
        self.steps[name] = self.steps.get(name, 0) + 1
        return self._reading(name, START + timedelta(hours=self.steps[name]))

    _swapped = _next

    def _late(self) -> tuple[str, bytes]:
        name, ds = self._sensor(), START - timedelta(days=365, hours=self.random.randrange(200))
        settled = (f"plant/{name}", ds.isoformat()) not in self.open
        return self._reading(name, ds) if settled else self._next()

    def _correction(self) -> tuple[str, bytes]:
        line = self._settled()
        if line is None:
            return self._next()
        return self._reading(
            line["unique_id"].removeprefix("plant/"), datetime.fromisoformat(line["ds"])
        )

    def _duplicate(self) -> tuple[str, bytes]:
        if not self.taken:
            return self._next()
        payload = self.random.choice(self.taken)
        return self.lines[payload][0]["topic"], payload

    def _batch(self) -> tuple[str, bytes]:
        site, items, lines = f"s{self.random.randrange(SITES)}", [], []
        for sensor in range(SENSORS):
            name = f"{site}/m{sensor}"
            self.steps[name] = self.steps.get(name, 0) + 1
            ds = (START + timedelta(hours=self.steps[name])).isoformat()
            y = round(self.random.uniform(-1e3, 1e3), 6)
            good = self.random.random() > 0.1
            items.append({"id": name, "value": y if good else "broken", "ts": ds})
            lines.append((f"plant/{name}" if good else "", ds, y if good else None))
        topic = f"site/{site}/all"
        payload = json.dumps({"seq": self._count(topic), "items": items}).encode()
        return self._keep(topic, payload, lines)

    def _poison(self) -> tuple[str, bytes]:
        topic, number = f"site/s0/sensor/{self._sensor().split('/')[1]}", self._count("poison")
        payload = self.random.choice(GARBAGE)
        if payload[:1] == b"{":
            payload = payload.replace(b"{", b'{"n": %d, ' % number, 1)
        elif payload:
            payload += str(number).encode()
        return self._keep(topic, payload, [("", "", None)])

    def _sensor(self) -> str:
        return f"s{self.random.randrange(SITES)}/t{self.random.randrange(SENSORS)}"

    def _settled(self) -> Line | None:
        for payload in self.random.sample(self.taken, min(5, len(self.taken))):
            line = self.lines[payload][0]
            if line["unique_id"] and (line["unique_id"], line["ds"]) not in self.open:
                return line if line["topic"].split("/")[2] == "sensor" else None
        return None

    def _reading(self, name: str, ds: datetime) -> tuple[str, bytes]:
        site, sensor = name.split("/")
        topic, stamp = f"site/{site}/sensor/{sensor}", ds.isoformat()
        y = round(self.random.uniform(-1e3, 1e3), 6)
        payload = json.dumps({"value": y, "ts": stamp, "seq": self._count(topic)}).encode()
        return self._keep(topic, payload, [(f"plant/{name}", stamp, y)])

    def _count(self, topic: str) -> int:
        self.sequence[topic] = self.sequence.get(topic, 0) + 1
        return self.sequence[topic]

    def _keep(
        self, topic: str, payload: bytes, rows: list[tuple[str, str, Any]]
    ) -> tuple[str, bytes]:
        self.place += 1
        self.lines[payload] = [
            {
                "place": self.place,
                "item": item,
                "topic": topic,
                "payload": payload.hex(),
                "unique_id": name,
                "ds": ds,
                "y": y,
            }
            for item, (name, ds, y) in enumerate(rows)
        ]
        self.open |= {(name, ds) for name, ds, _ in rows if name}
        return topic, payload


def main() -> None:
    ledger, seed, rate = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    devices = Devices(seed, rate)
    with ledger.open("a") as file:

        def told(sent: Envelope) -> None:
            for line in devices.acknowledged(sent):
                file.write(json.dumps(line) + "\n")
            file.flush()

        broker = Broker.of(settings(), services.endpoints().mqtt)
        publisher = Publisher(broker, client_id="devices", acknowledged=told)
        counts = publisher.run(devices.envelopes(), stop=stop)
        os.fsync(file.fileno())
    sys.stdout.write(json.dumps(vars(counts)) + "\n")


if __name__ == "__main__":
    main()
