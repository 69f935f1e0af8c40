"""The web app beside its promises: zoom, live wall, commit to pixel, first paint, a thousand series.

Run: python benchmarks/web.py [--points N] [--series N] [--viewers N] [--seconds N] [--only zoom,wall,…].
Needs chromium. Database, broker, consumer and web app are processes of their own in a folder of their
own, on loopback, stopped at the end. Prints Markdown, with the load of the machine at both ends.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("zoom", "overview", "paint", "wall", "pixel")
MAIN = "from horizonte.cli import main; main()"
BIG, WALL, SECONDLY = "big/load", "wall/s", "live/one"
SOURCES = """\
wall:
  freq: PT1S
  new_series: 100
  topics: [{topic: wall/+}]
live:
  freq: PT1S
  zone: America/Sao_Paulo
  topics: [{topic: live/+}]
  series: {one: {unit: MW}}
big: {freq: PT1M, files: none.csv, series: {load: {unit: MW}}}
"""
DECLARE = """INSERT INTO series (unique_id, freq, unit, zone, role, known_ahead_hours,
        publication_lag_seconds, covariates, source)
    SELECT id, %(freq)s, 'MW', 'America/Sao_Paulo', 'target', 0, 0, '{}', %(source)s
    FROM unnest(%(ids)s::text[]) AS id ON CONFLICT DO NOTHING"""
READ = """INSERT INTO observation (unique_id, ds, revision, y, available_at, source, ingest_batch_id)
    SELECT id, at, 0, 100 + 40 * sin(extract(epoch FROM at) / 13751) + random(), at + %(step)s, %(source)s, %(batch)s
    FROM unnest(%(ids)s::text[]) AS id, generate_series(%(start)s, %(end)s, %(step)s::interval) AS at"""
CLEAN = """INSERT INTO prepared.observation
    SELECT unique_id, ds, y, y, CASE WHEN random() < 0.001 THEN 'spike' ELSE 'ok' END
    FROM observation WHERE source = %(source)s"""
SAY = """WITH run AS (INSERT INTO forecast_run (purpose, model_version, as_of, issued_at, timings)
        VALUES ('live', repeat('m', 64), %(end)s, %(end)s, '{}') RETURNING id),
    said AS (INSERT INTO vintage (run_id, unique_id, purpose, cutoff, issued_at, first_ds, last_ds)
        SELECT run.id, name, 'live', %(end)s, %(end)s, %(end)s::timestamptz + %(step)s,
            %(end)s::timestamptz + 48 * %(step)s::interval
        FROM run, unnest(%(ids)s::text[]) AS name)
    INSERT INTO forecast SELECT name, %(end)s::timestamptz + n * %(step)s::interval, run.id,
            100, 80, 85, 95, 100, 105, 115, 120
        FROM run, unnest(%(ids)s::text[]) AS name, generate_series(1, 48) AS n"""
FIRST_READY = """const told = () => { const c = document.querySelector("#chart.drawn");
    if (c && !window.ready) window.ready = performance.now(); };
new MutationObserver(told).observe(document, {subtree: true, childList: true, attributes: true});"""
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
PIXELS = """window.seen = {}; const chart = document.querySelector("#chart");
const told = () => requestAnimationFrame(() => setTimeout(() => {
    const at = Date.now(), n = Number(chart.dataset.heard || 0);
    for (let i = (window.last || 0) + 1; i <= n; i += 1) window.seen[i] = at; window.last = n; }));
new MutationObserver(told).observe(chart, {attributes: true, attributeFilter: ["data-heard"]});"""


class Bench:
    """A database, a broker and a project of their own."""

    def __init__(self, folder: Path) -> None:
        from horizonte.embedded import process

        self.folder, (self.port,) = folder, process.free_ports(1)
        (folder / "sources.yaml").write_text(SOURCES)
        (folder / "params.yaml").write_text((ROOT / "params.yaml").read_text())
        os.environ |= {
            "HORIZONTE_HOME": str(folder / "home"),
            "HORIZONTE_WEB_PORT": str(self.port),
        }
        os.chdir(folder)
        from horizonte.embedded import services

        self.found = services.up(("postgres", "mqtt"), link_project=False)
        self.url = f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self, command: str) -> Iterator[psutil.Process]:
        """Run ``horizonte`` ``command`` until the block ends."""
        with (self.folder / f"{command}.log").open("wb") as log:
            child = subprocess.Popen([sys.executable, "-c", MAIN, command], stdout=log, stderr=log)
        try:
            yield psutil.Process(child.pid)
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(60)

    def fill(self, ids: Sequence[str], step: timedelta, count: int, source: str) -> None:
        """Store ``count`` readings of each of ``ids`` up to now, their clean grid and a forecast."""
        from horizonte.store.connection import connect

        end = datetime.now(UTC).replace(second=0, microsecond=0) - step
        given = {"ids": list(ids), "step": step, "source": source, "end": end}
        given |= {"freq": f"PT{int(step.total_seconds())}S", "start": end - (count - 1) * step}
        with connect(self.found.database) as conn:
            conn.execute(DECLARE, given | {"freq": _iso(step)})
            row = conn.execute(
                """INSERT INTO ingest_batch (source, kind, name, newest_available_at, closed_at)
                   VALUES (%(source)s, 'file', 'made', %(end)s, now()) RETURNING id""",
                given,
            ).fetchone()
            assert row
            conn.execute(READ, given | {"batch": row[0]})
            conn.execute(CLEAN, given)
            conn.execute(SAY, given)
            conn.execute("VACUUM ANALYZE")

    def sender(self) -> Any:
        """Return a connected client of the broker."""
        from horizonte.config import Settings
        from horizonte.ingest import broker as brokers
        from horizonte.ingest.broker import Broker

        broker = Broker.of(Settings(), self.found.mqtt)
        made = brokers.client(broker, client_id="devices", persistent=False)
        brokers.connect(made, broker, persistent=False)
        made.loop_start()
        return made


def _iso(step: timedelta) -> str:
    seconds = int(step.total_seconds())
    return f"PT{seconds // 3600}H" if seconds % 3600 == 0 else f"PT{seconds // 60}M"


def zooms(bench: Bench, points: int, rounds: int) -> None:
    """Ask for windows of any width anywhere over a long series, and print how long answers took."""
    spent, widest, rng = [], [], random.Random(7)
    whole = points * 60.0
    now = time.time()
    with httpx.Client(base_url=bench.url, timeout=60, trust_env=False) as client:
        first = _timed(client, BIG, now - whole, now)
        for _ in range(rounds):
            span = 3600 * (whole / 3600) ** rng.random()
            start = now - whole + rng.random() * (whole - span)
            spent.append(_timed(client, BIG, start, start + span))
        widest = [_timed(client, BIG, now - whole, now) for _ in range(20)]
    print(
        f"\n**Zoom over {points:,} points**: {rounds} windows of an hour to all of it, log-uniform:"
    )
    print(
        f"median {median(spent):.0f} ms, p95 {_p95(spent):.0f} ms, worst {max(spent):.0f} ms (goal p95 50);"
    )
    print(f"all of it again {median(widest):.0f} ms, the very first time {first:.0f} ms.")


def _timed(client: httpx.Client, name: str, start: float, end: float) -> float:
    began = time.perf_counter()
    given = {"id": name, "from": f"{start:.0f}", "to": f"{end:.0f}"}
    client.get("/series/data", params=given).raise_for_status()
    return (time.perf_counter() - began) * 1000


def overview(bench: Bench, rounds: int) -> None:
    """Ask for pages of the overview, sorted and searched, and print how long answers took."""
    asked = ("/", "/?sort=-skill&page=3", "/?q=s7", "/?show=stale", "/?sort=reading&page=20")
    print("\n**Overview**\n\n| asked | median ms | p95 ms | kB gzipped |\n|---|---|---|---|")
    with httpx.Client(base_url=bench.url, timeout=60, trust_env=False) as client:
        for path in asked:
            spent = []
            for _ in range(rounds):
                began = time.perf_counter()
                answer = client.get(path)
                spent.append((time.perf_counter() - began) * 1000)
            size = len(gzip.compress(answer.content)) / 1000
            print(f"| `{path}` | {median(spent):.0f} | {_p95(spent):.0f} | {size:.0f} |")


def paints(bench: Bench, rounds: int) -> None:
    """Open pages in a browser that knows nothing yet; print first paint, a chart that answers, and bytes."""
    from playwright.sync_api import sync_playwright

    print("\n**In Chromium, nothing cached**\n")
    print(
        "| page | first contentful paint, median (worst) ms | chart answers, median (worst) ms | kB |"
    )
    print("|---|---|---|---|")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for path in (
            "/",
            f"/series?id={BIG}",
            f"/series?id={BIG}&range=all",
            "/reports",
            "/health",
        ):
            _painted(browser, bench.url, path, rounds)
        browser.close()


def _painted(browser: Any, url: str, path: str, rounds: int) -> None:
    paint, ready, size, foreign = [], [], 0, set()
    for _ in range(rounds):
        context = browser.new_context()
        page = context.new_page()
        page.add_init_script(FIRST_READY)
        page.on(
            "request", lambda one: foreign.add(one.url) if not one.url.startswith(url) else None
        )
        page.goto(url + path)
        if path.startswith("/series"):
            page.wait_for_selector("#chart.drawn")
            ready.append(page.evaluate("window.ready"))
        page.wait_for_timeout(300)
        paint.append(page.evaluate(FIRST_PAINT))
        size = page.evaluate(
            """[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
               .reduce((sum, one) => sum + one.encodedBodySize, 0)"""
        )
        context.close()
    assert not foreign, foreign
    chart = f"{median(ready):.0f} ({max(ready):.0f})" if ready else ""
    print(f"| `{path}` | {median(paint):.0f} ({max(paint):.0f}) | {chart} | {size / 1000:.0f} |")


def wall(bench: Bench, web: psutil.Process, viewers: int, seconds: int) -> None:
    """Let many pages listen to ten readings a second; print the processor time that the web app took."""
    heard = [0]
    thread = threading.Thread(
        target=lambda: asyncio.run(_listening(bench.port, viewers, seconds + 4, heard))
    )
    thread.start()
    time.sleep(3)
    sender = bench.sender()
    idle = _cpu(web)
    began, sent = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = json.dumps({"value": sent, "ts": at})
        sender.publish(f"wall/s{sent % 10}", body)
        sent += 1
        time.sleep(max(0, began + sent / 10 - time.perf_counter()))
    spent, elapsed = _cpu(web) - idle, time.perf_counter() - began
    thread.join()
    sender.loop_stop()
    print(
        f"\n**Live wall**: {viewers} viewers, {sent / elapsed:.1f} readings/s for {elapsed:.0f} s:"
    )
    print(
        f"{spent / elapsed:.3f} of a core (goal 0.10); {heard[0] / viewers / sent:.1%} of readings reached a viewer."
    )


async def _listening(port: int, viewers: int, seconds: float, heard: list[int]) -> None:
    await asyncio.gather(*(_viewer(port, seconds, heard) for _ in range(viewers)))


async def _viewer(port: int, seconds: float, heard: list[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    ids = "&".join(f"id=wall/s{n}" for n in range(10))
    writer.write(f"GET /live?{ids} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n".encode())
    try:
        async with asyncio.timeout(seconds):
            while line := await reader.readline():
                if line.startswith(b"data: [["):
                    heard[0] += len(json.loads(line[6:]))
    except TimeoutError:
        pass
    writer.close()


def pixels(bench: Bench, readings: int) -> None:
    """Publish readings to an open chart while a consumer stores them; print publication and commit to pixel."""
    from playwright.sync_api import sync_playwright

    from horizonte.store.connection import connect

    with bench.running("stream"), sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        sender = bench.sender()
        time.sleep(5)
        _publish(sender, 0.0)
        time.sleep(2)
        now = time.time()
        page.goto(f"{bench.url}/series?id={SECONDLY}&from={now - 300:.0f}&to={now + 300:.0f}")
        page.wait_for_selector("#chart.drawn")
        page.wait_for_selector(".live-state.on")
        page.evaluate(PIXELS)
        sent = [(_publish(sender, float(n + 1)), time.sleep(1.0))[0] for n in range(readings)]
        time.sleep(2)
        seen = {int(n): at / 1000 for n, at in page.evaluate("window.seen").items()}
        browser.close()
        sender.loop_stop()
    with connect(bench.found.database) as conn:
        stored = dict(
            conn.execute(
                """SELECT y::int, extract(epoch FROM recorded_at)::float8 FROM observation
                   WHERE unique_id = %s AND y > 0""",
                (SECONDLY,),
            ).fetchall()
        )
    told = [(seen[n] - sent[n - 1]) * 1000 for n in sorted(seen) if n <= len(sent)]
    late = [(seen[n] - stored[n]) * 1000 for n in sorted(seen) if n in stored]
    print(
        f"\n**To the pixel**, {len(told)} of {readings} readings, one a second, a consumer storing them:"
    )
    print(
        f"from publication median {median(told):.0f} ms, p95 {_p95(told):.0f} ms, worst {max(told):.0f} ms;"
    )
    print(
        f"from its commit median {median(late):.0f} ms, p95 {_p95(late):.0f} ms (goal 250); below 0"
        " the chart was first, as it hears the broker itself."
    )


def _publish(sender: Any, value: float) -> float:
    now = datetime.now(UTC)
    body = json.dumps({"value": value, "ts": now.strftime("%Y-%m-%dT%H:%M:%SZ")})
    sender.publish("live/one", body, qos=1)
    return now.timestamp()


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


def _load() -> str:
    return "load of {} cores {:.1f}, {:.1f}, {:.1f}".format(os.cpu_count(), *os.getloadavg())


def run(asked: argparse.Namespace, folder: Path) -> None:
    """Measure what is asked for."""
    from horizonte.embedded import process, services

    only = asked.only.split(",")
    bench = Bench(folder)
    try:
        print(f"{datetime.now(UTC):%Y-%m-%d %H:%M}Z, {_load()}")
        if {"zoom", "paint"} & set(only):
            bench.fill([BIG], timedelta(minutes=1), asked.points, "big")
        if {"overview", "paint"} & set(only):
            names = [f"many/s{n}" for n in range(asked.series)]
            bench.fill(names, timedelta(hours=1), 24 * 60, "many")
        with bench.running("web") as web:
            process.wait_until(lambda: _alive(bench.url), seconds=60)
            if "zoom" in only:
                zooms(bench, asked.points, asked.rounds)
            if "overview" in only:
                overview(bench, 20)
            if "paint" in only:
                paints(bench, 7)
            if "wall" in only:
                wall(bench, web, asked.viewers, asked.seconds)
            if "pixel" in only:
                pixels(bench, asked.seconds)
        print(f"\nAt the end: {_load()}")
    finally:
        services.down()


def _alive(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def main() -> None:
    """Read the arguments and measure in a folder that is removed at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=5_000_000)
    parser.add_argument("--series", type=int, default=1_000)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--only", default=",".join(PARTS))
    with tempfile.TemporaryDirectory(prefix="web-") as folder:
        run(parser.parse_args(), Path(folder))


if __name__ == "__main__":
    main()
