"""Several service processes on one database, and an open loop of questions to all of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

START = "from horizonte.serve import run; print(run.start(port=0))"
STOP = "from horizonte.serve import run; run.stop()"
CLIENTS = 16  # connections per replica


@dataclass
class Replica:
    """One service in a home of its own; ``env`` names database and bucket."""

    home: Path
    env: Mapping[str, str]
    url: str = ""

    def start(self) -> None:
        """Start it, or again after a kill, and return when it is ready."""
        self.url = self._run(START).strip().splitlines()[-1]

    def stop(self) -> None:
        """Stop it."""
        self._run(STOP)

    def kill(self) -> None:
        """Kill -9 its process and every child of it."""
        found = psutil.Process(json.loads((self.home / "service/service.json").read_text())["pid"])
        for one in [*found.children(recursive=True), found]:
            with contextlib.suppress(psutil.NoSuchProcess):
                os.kill(one.pid, signal.SIGKILL)

    def version(self) -> str:
        """Return the model version that it says it serves."""
        with urllib.request.urlopen(f"{self.url}/models/current", timeout=30) as answer:  # noqa: S310
            return str(json.load(answer)["model_version"])

    def _run(self, code: str) -> str:
        env = {**os.environ, **self.env, "HORIZONTE_HOME": str(self.home), "HORIZONTE_ISSUE": "off"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(done.stderr)
        return done.stdout


@dataclass(frozen=True)
class Heard:
    """One answer; ``due`` and ``sent`` on the clock of ``time.perf_counter``."""

    replica: int
    due: float
    sent: float
    seconds: float
    status: int
    body: bytes


@dataclass
class Load:
    """Asks every replica in turn ``rate`` times a second in all, whether answered or not.

    A question that finds all connections of its replica taken waits, and is counted from when it
    was due. A connection that breaks while its replica is in ``down`` is tried again; any other
    is an answer of status 0.
    """

    replicas: Sequence[Replica]
    asks: Sequence[Mapping[str, Any] | str]  # bodies of POST /forecast, or paths to GET
    rate: float
    down: set[int] = field(default_factory=set)
    heard: list[Heard] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()))

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    async def _all(self) -> None:
        began, share = time.perf_counter(), len(self.replicas)
        turns = [iter(range(number, 10**9, share)) for number in range(share)]
        await asyncio.gather(
            *(self._client(n, turns[n], began) for n in range(share) for _ in range(CLIENTS))
        )

    async def _client(self, replica: int, turns: Any, began: float) -> None:
        streams: Any = None
        for turn in turns:
            due = began + turn / self.rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if self._ended.is_set():
                break
            streams = await self._ask(
                replica, due, _request(self.asks[turn % len(self.asks)]), streams
            )
        await _close(streams)

    async def _ask(self, replica: int, due: float, request: bytes, streams: Any) -> Any:
        while not self._ended.is_set():
            while replica in self.down and not self._ended.is_set():
                await asyncio.sleep(0.05)
            parts, sent = urlsplit(self.replicas[replica].url), time.perf_counter()
            try:
                if streams and streams[0].at_eof():  # closed while it was idle
                    streams = await _close(streams)
                streams = streams or await asyncio.open_connection(parts.hostname, parts.port)
                status, answer = await _exchange(*streams, request)
            except (OSError, asyncio.IncompleteReadError) as why:
                streams = await _close(streams)
                if replica in self.down:
                    continue
                status, answer = 0, repr(why).encode()
            self._keep(Heard(replica, due, sent, time.perf_counter() - due, status, answer))
            return streams
        return streams

    def _keep(self, heard: Heard) -> None:
        self.heard.append(heard)


async def _close(streams: Any) -> None:
    if streams:
        streams[1].close()
        with contextlib.suppress(OSError):
            await streams[1].wait_closed()


def _request(ask: Mapping[str, Any] | str) -> bytes:
    body = b"" if isinstance(ask, str) else json.dumps(ask).encode()
    line = f"GET {ask}" if isinstance(ask, str) else "POST /forecast"
    head = f"{line} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bytes]:
    writer.write(request)
    said = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(said.partition("content-length:")[2].split("\r\n")[0])
    return int(said.split()[1]), await reader.readexactly(length)


def mixed(heard: Sequence[Heard], rows: Mapping[str, Mapping[str, list[float]]]) -> list[str]:
    """Return what is wrong with the answers: a failure, two versions in one, another's rows.

    ``rows`` holds per version and series the ``mean`` and ``q90`` of the first steps.
    """
    found = []
    for one in heard:
        if one.status != 200:
            found.append(f"status {one.status}: {one.body[:300]!r}")
            continue
        answer = json.loads(one.body)
        version = answer["model_version"]
        for forecast in answer.get("forecasts", [answer]):
            own = rows[version][forecast["unique_id"]]
            said = [
                v for row in forecast["rows"][: len(own) // 2] for v in (row["mean"], row["q90"])
            ]
            if forecast["model_version"] != version:
                found.append(f"{forecast['model_version']} in an answer of {version}")
            elif said != own[: len(said)]:
                found.append(f"rows of {forecast['unique_id']} are not those of {version}")
    return found


def other_version(folder: Path, number: int) -> None:
    """Make ``folder`` a model whose bands are wider, so that its rows tell it from the others."""
    import hashlib

    for path in folder.glob("*/forecaster.json"):
        held = json.loads(path.read_text())
        unit = held["calibration"]["unit"]
        held["calibration"]["unit"] = {
            name: [value * (1 + number / 10) for value in values] for name, values in unit.items()
        }
        path.write_text(json.dumps(held, indent=1, sort_keys=True) + "\n")
    card = json.loads((folder / "card.json").read_text())
    card["files"] = {
        path: hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in card["files"]
    }
    (folder / "card.json").write_text(json.dumps(card, indent=1, sort_keys=True) + "\n")
