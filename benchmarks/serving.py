"""Serving, beside bare Starlette and stock BentoML in one run: rates, latencies, first requests.

    python benchmarks/serving.py [--seconds 5] [--rounds 3] [--restarts 20]

Needs `wrk`, the sample's champion and a home whose forecast service is stopped: the database is
copied, so nothing of the run stays.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from _load import Latency, one, open_loop, wrk
from horizonte import config
from horizonte.embedded import process, services
from horizonte.serve import run

SERIES, HOLIDAY = "vic/demand_mw", "vic/holiday"
ASKED = json.dumps({"series": SERIES}).encode()
SERVER = "host='127.0.0.1', port=int(sys.argv[1]), log_config=None, access_log=False"
BARE = f"""
import sys, uvicorn
from pathlib import Path
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
BODY = Path(sys.argv[2]).read_bytes()
async def stored(request): return Response(BODY, media_type="application/json")
app = Starlette(routes=[Route("/forecasts/{{unique_id:path}}", stored)])
uvicorn.run(app, {SERVER}, server_header=False)
"""
STOCK = """
import json, os
from pathlib import Path
import bentoml
from fastapi import FastAPI
from fastapi.responses import Response
BODY = Path(os.environ["BODY"]).read_bytes()
WHOLE = json.loads(BODY)
app = FastAPI()
@app.get("/empty")
async def empty(): return Response(BODY, media_type="application/json")
@app.get("/small")
def small(): return {}
@bentoml.service(workers=1, threads=4, logging={"access": {"enabled": False}})
@bentoml.asgi_app(app, path="/")
class Stock:
    @bentoml.api
    def forecast(self, series: str) -> dict: return WHOLE
"""
POST = 'wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\nwrk.body = \'{}\'\n'


def main() -> None:
    """Measure and print two Markdown tables."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seconds", type=float, default=5)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--restarts", type=int, default=20)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as name, copied_database(Path(name)):
        folder = Path(name)
        ours = run.start()
        body = urllib.request.urlopen(f"{ours}/forecasts/{SERIES}").read()  # noqa: S310
        (folder / "body.json").write_bytes(body)
        (folder / "stock.py").write_text(STOCK)
        with peers(folder) as urls:
            rates = measured({**urls, "ours": ours}, folder, given)
        print(table_of_rates(rates, len(body)))
        print(table_of_latencies(ours, statistics.median(rates["stored"]), given))
        run.stop()
        print(first_requests(given.restarts))


@contextmanager
def copied_database(folder: Path) -> Iterator[None]:
    """Serve a copy of the home's database from a home in ``folder``."""
    home, found = config.settings().home_folder(), services.up(link_project=False)
    url = config.settings().database or found.database
    name = f"serving_{os.getpid()}"
    copy = urlsplit(url)._replace(path=f"/{name}").geturl()
    with psycopg.connect(urlsplit(url)._replace(path="/postgres").geturl(), autocommit=True) as db:
        db.execute(f'CREATE DATABASE {name} TEMPLATE "{urlsplit(url).path[1:]}"')
        (folder / "home").mkdir()
        (folder / "home/models").symlink_to(home / "models")
        os.environ.update(HORIZONTE_HOME=str(folder / "home"), HORIZONTE_DATABASE=copy)
        os.environ.update(HORIZONTE_S3=found.s3.url(), HORIZONTE_PORT="0")
        config.settings.cache_clear()
        try:
            yield
        finally:
            run.stop()
            db.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def peers(folder: Path) -> Iterator[dict[str, str]]:
    """Run bare Starlette, stock BentoML, and our service under ``bentoml serve``."""
    ports = process.free_ports(3)
    bento = [sys.executable, "-m", "bentoml", "serve", "--host", "127.0.0.1", "--port"]
    argvs = [
        [sys.executable, "-c", BARE, str(ports[0]), str(folder / "body.json")],
        [*bento, str(ports[1]), "stock:Stock"],
        [*bento, str(ports[2]), "horizonte.serve.service:service"],
    ]
    env = {**os.environ, **run.QUIET, "BODY": str(folder / "body.json")}
    started = []
    try:
        for number, argv in enumerate(argvs):
            own = {**env, "BENTOML_HOME": str(folder / f"bento{number}")}
            with (folder / f"{number}.log").open("wb") as log:
                started.append(subprocess.Popen(argv, cwd=folder, env=own, stdout=log, stderr=log))
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        for url, path in zip(urls, ("/forecasts/x", "/small", "/readyz"), strict=True):
            answers(url + path)
        yield dict(zip(("bare", "stock", "bento"), urls, strict=True))
    finally:
        for child in started:
            child.terminate()
        for child in started:
            child.wait(30)


def answers(url: str) -> None:
    """Return when ``url`` answers 200."""
    deadline = time.monotonic() + 60
    while True:
        try:
            one(url)
        except (OSError, AssertionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def measured(
    urls: dict[str, str], folder: Path, given: argparse.Namespace
) -> dict[str, list[float]]:
    """Return requests per second of each, one figure per round, in turn."""
    ours, stock = folder / "ours.lua", folder / "stock.lua"
    ours.write_text(POST.format(ASKED.decode()))
    stock.write_text(POST.format(json.dumps({"series": SERIES})))
    path = f"/forecasts/{SERIES}"
    cases = {
        "bare": (urls["bare"] + path, None),
        "stored": (urls["ours"] + path, None),
        "empty": (urls["stock"] + "/empty", None),
        "stored in bento": (urls["bento"] + path, None),
        "small": (urls["stock"] + "/small", None),
        "version in bento": (urls["bento"] + "/version", None),
        "stock api": (urls["stock"] + "/forecast", stock),
        "post": (urls["ours"] + "/forecast", ours),
    }
    found: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(given.rounds):
        for name, (url, script) in cases.items():
            found[name].append(wrk(url, seconds=given.seconds, script=script))
    return found


ROWS = (
    ("bare Starlette, same bytes, same uvicorn", "bare", "bare", ""),
    ("GET stored, horizonte serve, logged and stored", "stored", "bare", "≥ 0.50"),
    ("empty FastAPI route in BentoML, same bytes", "empty", "bare", ""),
    ("GET stored, bentoml serve", "stored in bento", "empty", "≥ 0.83"),
    ("empty FastAPI route in BentoML, {}", "small", "small", ""),
    ("GET /version, bentoml serve", "version in bento", "small", "≥ 0.83"),
    ("stock @bentoml.api, same object", "stock api", "bare", ""),
    ("POST /forecast stored, horizonte serve", "post", "stock api", ""),
)


def table_of_rates(rates: dict[str, list[float]], size: int) -> str:
    """Return the medians, and of each the median of its ratios to its peer in the same round."""
    lines = [
        f"{size:,} bytes an answer, 16 connections\n",
        "| what | requests/s | ratio | to | goal |",
        "|---|---|---|---|---|",
    ]
    for says, name, peer, goal in ROWS:
        pairs = zip(rates[name], rates[peer], strict=True)
        ratio = statistics.median(a / b for a, b in pairs)
        lines.append(
            f"| {says} | {statistics.median(rates[name]):,.0f} | {ratio:.2f} | {peer} | {goal} |"
        )
    return "\n".join(lines) + "\n"


def table_of_latencies(ours: str, rate: float, given: argparse.Namespace) -> str:
    """Return p50 and p99 of stored at half load, and of stored and computed one by one."""
    stored = open_loop(f"{ours}/forecasts/{SERIES}", rate=rate / 2, seconds=4 * given.seconds)
    post = [one(f"{ours}/forecast", body=ASKED) for _ in range(200)]
    supposed = what_if(ours)
    computed = [one(f"{ours}/forecast", body=supposed) for _ in range(100)]
    rows = (
        (f"GET stored at {rate / 2:,.0f} requests/s, open loop", stored, "p99 ≤ 15"),
        ("POST /forecast stored, one by one", Latency.of(post), ""),
        ("POST /forecast computed (what if), one by one", Latency.of(computed), "p99 ≤ 200"),
    )
    lines = ["| what | p50 ms | p99 ms | requests | goal |", "|---|---|---|---|---|"]
    lines += [f"| {s} | {t.p50:.1f} | {t.p99:.1f} | {t.count:,} | {g} |" for s, t, g in rows]
    return "\n".join(lines) + "\n"


def what_if(ours: str) -> bytes:
    """Return a question that is never answered from record: tomorrow supposed to be a holiday."""
    said = urllib.request.urlopen(f"{ours}/forecasts/{SERIES}").read()  # noqa: S310
    ahead = [{"ds": row["ds"], "value": 1} for row in json.loads(said)["rows"]]
    return json.dumps({"series": SERIES, "known_future": {HOLIDAY: ahead}}).encode()


def paused(url: str, *, body: bytes | None) -> float:
    """Return the seconds of one request after half a second in which nobody asked."""
    time.sleep(0.5)
    return one(url, body=body)


def first_requests(restarts: int) -> str:
    """Return how much longer the first requests after a start take than those after them.

    Steady ones come one after the other, and once more each after the pause that a first one has
    had: an idle processor is slow to begin, whoever asks.
    """
    paths = {"GET stored": (f"/forecasts/{SERIES}", None), "POST stored": ("/forecast", ASKED)}
    ratios: dict[str, list[tuple[float, float]]] = {n: [] for n in (*paths, "POST computed")}
    seconds = []
    for _ in range(restarts):
        began = time.perf_counter()
        url = run.start()
        seconds.append(time.perf_counter() - began)
        computed = {"POST computed": ("/forecast", what_if(url))}
        for name, (path, body) in (paths | computed).items():
            first = one(url + path, body=body)
            steady = statistics.median(one(url + path, body=body) for _ in range(20))
            rested = statistics.median(paused(url + path, body=body) for _ in range(5))
            ratios[name].append((first / steady, first / rested))
        run.stop()
    lines = [
        f"| first request of {restarts} restarts ÷ | steady | worst | steady, after a pause | goal |",
        "|---|---|---|---|---|",
    ]
    for name, pairs in ratios.items():
        steady, rested = (sorted(ratio) for ratio in zip(*pairs, strict=True))
        middle = statistics.median
        lines.append(
            f"| {name} | {middle(steady):.2f} | {steady[-1]:.2f} | {middle(rested):.2f} | ≤ 1.2 |"
        )
    return "\n".join([*lines, f"\nReady after {statistics.median(seconds):.1f} s (median)."])


if __name__ == "__main__":
    main()
