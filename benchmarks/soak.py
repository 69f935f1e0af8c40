"""Ten minutes of mixed requests to a running service: no failure, and memory that stays flat.

Run: make demo DETACH=1; python benchmarks/soak.py [--seconds 600] [--rate 100]. Asks the service of
this home on loopback, open loop: a slow answer delays no other. Mistakes are sent on purpose, and
what is written is what is stored already. Prints Markdown; exit code 1 on a failed answer.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil

from horizonte.serve import run

SAMPLE_SECONDS = 5.0
SHARES = {
    "stored": 70,
    "forecast": 10,
    "what if": 2,
    "series": 6,
    "observations": 6,
    "write": 2,
    "mistake": 4,
}
MISTAKES: tuple[dict[str, Any], ...] = (
    {"method": "GET", "url": "/forecasts/no/such/series"},
    {"method": "POST", "url": "/forecast", "json": {"series": "vic/demand_mw", "horizon": -1}},
    {
        "method": "POST",
        "url": "/forecast",
        "content": b"{",
        "headers": {"content-type": "application/json"},
    },
    {"method": "POST", "url": "/observations", "json": {"readings": [{"unique_id": "x"}]}},
)


@dataclass
class Seen:
    """What became of the requests, and the memory of the service meanwhile."""

    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    memory: list[float] = field(default_factory=list)  # MiB


class Soak:
    """Requests of every kind against one service, in the shares above."""

    def __init__(self, client: httpx.AsyncClient, names: list[str]) -> None:
        self.client, self.names, self.seen = client, itertools.cycle(names), Seen()
        self.kinds = itertools.cycle(spread(SHARES))
        self.mistakes = itertools.cycle(MISTAKES)
        self.known: dict[str, dict[str, Any]] = {}

    async def run(self, seconds: float, rate: float) -> None:
        """Send ``rate`` requests a second for ``seconds``, whatever the answers take."""
        began, under_way = time.perf_counter(), set[asyncio.Task[None]]()
        for number in range(int(seconds * rate)):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            task = asyncio.create_task(self.one(next(self.kinds)))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    async def one(self, kind: str) -> None:
        """Send one request of ``kind`` and keep its status, or what went wrong, and its time."""
        began = time.perf_counter()
        try:
            status = str((await self.client.request(**self.request(kind))).status_code)
        except httpx.HTTPError as why:
            status = type(why).__name__
        self.seen.statuses[kind, status] += 1
        self.seen.milliseconds.setdefault(kind, []).append((time.perf_counter() - began) * 1e3)

    def request(self, kind: str) -> dict[str, Any]:
        """Return the next request of ``kind``."""
        name = next(self.names)
        if kind == "mistake":
            return next(self.mistakes)
        if kind == "forecast":
            return {"method": "POST", "url": "/forecast", "json": {"series": name, "levels": [80]}}
        if kind == "what if":
            body = {"series": name, "as_of": self.known[name]["as_of"]}
            return {"method": "POST", "url": "/forecast", "json": body}
        if kind == "write":
            return {
                "method": "POST",
                "url": "/observations",
                "json": {"readings": [self.known[name]["row"]]},
            }
        paths = {"stored": f"/forecasts/{name}", "series": "/series"}
        return {"method": "GET", "url": paths.get(kind, f"/series/{name}/observations?limit=200")}

    async def learn(self, names: list[str]) -> None:
        """Ask what is known, so that it can be sent back."""
        for name in names:
            answer = (await self.client.get(f"/series/{name}/observations?limit=1")).json()
            row = answer["observations"][0]
            told = (await self.client.get(f"/forecasts/{name}")).json()
            self.known[name] = {
                "row": {"unique_id": name, "ds": row["ds"], "y": row["y"]},
                "as_of": told["as_of"],
            }


def spread(shares: dict[str, int]) -> list[str]:
    """Return the kinds, each as often as its share, mixed evenly."""
    placed = [((i + 0.5) / n, kind) for kind, n in shares.items() for i in range(n)]
    return [kind for _, kind in sorted(placed)]


async def weigh(process: psutil.Process, seen: Seen) -> None:
    """Keep the memory of the service, every few seconds."""
    while True:
        seen.memory.append(process.memory_info().rss / 2**20)
        await asyncio.sleep(SAMPLE_SECONDS)


async def soak(seconds: float, rate: float) -> Seen:
    """Run the mix against the service of this home."""
    found = run.running()
    if found is None:
        sys.exit("no service runs in this home; start it: make demo DETACH=1")
    limits = httpx.Limits(max_connections=50)
    async with httpx.AsyncClient(
        base_url=found.url, timeout=30, limits=limits, trust_env=False
    ) as client:
        names = [row["unique_id"] for row in (await client.get("/series")).json()["series"]]
        mix = Soak(client, names)
        await mix.learn(names)
        weighing = asyncio.create_task(weigh(psutil.Process(found.pid), mix.seen))
        await mix.run(seconds, rate)
        weighing.cancel()
    return mix.seen


def main() -> None:
    """Run, print a table, and fail when an answer did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=float, default=100)
    asked = parser.parse_args()
    seen = asyncio.run(soak(asked.seconds, asked.rate))
    print("| kind | answers by status | p50 ms | p99 ms |\n|---|---|---|---|")
    for kind, took in seen.milliseconds.items():
        told = ", ".join(f"{s}: {n:,}" for (k, s), n in sorted(seen.statuses.items()) if k == kind)
        p50, p99 = statistics.median(took), sorted(took)[int(len(took) * 0.99)]
        print(f"| {kind} | {told} | {p50:.1f} | {p99:.1f} |")
    part = max(1, len(seen.memory) // 5)
    early, late = (
        statistics.median(seen.memory[cut]) for cut in (slice(part, 2 * part), slice(-part, None))
    )
    print(
        f"\nMemory: {early:.0f} MiB in the second fifth, {late:.0f} MiB in the last ({late / early - 1:+.1%})."
    )
    failed = {key: n for key, n in seen.statuses.items() if key[1] >= "5"}  # 5xx, or no answer
    sys.exit(f"failed: {failed}" if failed else 0)


if __name__ == "__main__":
    main()
