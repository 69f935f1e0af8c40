"""Load for the serving benchmark: `wrk` in a closed loop, and an open loop that keeps its pace."""

from __future__ import annotations

import asyncio
import re
import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

CONNECTIONS = 16


@dataclass(frozen=True)
class Latency:
    """Milliseconds of many requests."""

    p50: float
    p99: float
    count: int

    @classmethod
    def of(cls, seconds: list[float]) -> Latency:
        """Return the percentiles of ``seconds``."""
        cuts = statistics.quantiles(seconds, n=100)
        return cls(1000 * statistics.median(seconds), 1000 * cuts[98], len(seconds))


def wrk(url: str, *, seconds: float, script: Path | None = None) -> float:
    """Return requests per second of 16 connections that ask as fast as they are answered."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: apt-get install wrk")
    argv = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", url]
    argv[1:1] = ["-s", str(script)] if script else []
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"{url} failed under load:\n{said}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found, said
    return float(found[1])


def one(url: str, *, body: bytes | None = None, headers: dict[str, str] | None = None) -> float:
    """Return the seconds of one request on a connection of its own; fail unless it is a 200."""
    began = time.perf_counter()
    connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
    method, given = ("POST", {"content-type": "application/json"}) if body else ("GET", {})
    connection.request(method, urlsplit(url).path, body, {**given, **(headers or {})})
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    assert answer.status == 200, said[:400]
    return time.perf_counter() - began


def open_loop(url: str, *, rate: float, seconds: float) -> Latency:
    """Return latencies at ``rate`` requests per second, each counted from when it was due."""
    return Latency.of(asyncio.run(_paced(url, rate, int(rate * seconds))))


async def _paced(url: str, rate: float, count: int) -> list[float]:
    parts, due = urlsplit(url), iter(range(count))
    ask = f"GET {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\n\r\n".encode()
    began, taken = time.perf_counter() + 0.5, []

    async def client() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        for number in due:
            at = began + number / rate
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            writer.write(ask)
            head = await reader.readuntil(b"\r\n\r\n")
            found = re.search(rb"content-length: (\d+)", head)
            assert found, head
            assert b" 200 " in head[:16], head
            await reader.readexactly(int(found[1]))
            taken.append(time.perf_counter() - at)
        writer.close()

    await asyncio.gather(*(client() for _ in range(2 * CONNECTIONS)))
    return taken
