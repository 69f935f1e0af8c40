"""The whole product on the sample data, one step after the other, each timed and explained."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from horizonte import clock, jobs, paths
from horizonte.config import settings
from horizonte.embedded import services
from horizonte.errors import ServiceFault
from horizonte.pipeline import load
from horizonte.retrain.publish import publish
from horizonte.serve import run as service
from horizonte.store import keys, ledger
from horizonte.store.connection import connect
from horizonte.web import detached as web

ASKED = {"series": ["vic/demand_mw"], "horizon": 4, "levels": [80]}
KNOWN_SECONDS = 10.0  # in which a service has heard of a new key
FIX = "stop the service (horizonte down) if it runs with other settings, else read its log"
Answer = TypeVar("Answer")
out = Console(soft_wrap=True, highlight=False)


def run(*, detach: bool) -> None:
    """Go from nothing (or from what is there) to a served forecast; raise Fault at what fails.

    Writes the seconds of each step to ``demo.json`` in the home. Serves until Ctrl-C unless
    ``detach``; the services then stay until ``horizonte down``.
    """
    root = paths.project_root()
    seconds: dict[str, float] = {}
    _step("services", "Start the embedded PostgreSQL and S3", _services, seconds)
    _step(
        "pipeline",
        "Load the sample, train, evaluate, report: dvc repro",
        lambda: _repro(root),
        seconds,
    )
    _step(
        "push",
        "Version data and models in the bucket: dvc push",
        lambda: _dvc(root, "push"),
        seconds,
    )
    _step("publish", "Make the trained model the champion", lambda: _publish(root), seconds)
    _step("forecast", "Issue and store a forecast of every target", jobs.forecast, seconds)
    url = _step("serve", "Start the forecast service", service.start, seconds)
    answer = _step("ask", f"Ask it for a forecast: POST {url}/forecast", lambda: ask(url), seconds)
    out.print_json(json.dumps(answer))
    pages = _step("web", "Start the web app", web.start, seconds)
    (settings().home_folder() / "demo.json").write_text(json.dumps(seconds, indent=1))
    _what_to_open(root, url, pages)
    if not detach:
        try:
            service.wait()
        finally:
            web.stop()


def ask(url: str, asked: Mapping[str, object] = ASKED) -> dict[str, object]:
    """Return the running service's answer to one small question, by default about the sample.

    Where the service asks for keys, with one that is made for this question and then revoked.
    Raises ServiceFault when it is refused.
    """
    if settings().auth == "off":
        return _answered(url, asked, {})
    with _key() as token:
        return _answered(url, asked, {"Authorization": f"Bearer {token}"})


def _answered(url: str, asked: Mapping[str, object], key: dict[str, str]) -> dict[str, object]:
    request = urllib.request.Request(  # noqa: S310 (our own loopback address)
        f"{url}/forecast", json.dumps(asked).encode(), {"Content-Type": "application/json", **key}
    )
    deadline = time.monotonic() + KNOWN_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
                return dict(json.load(response))
        except urllib.error.HTTPError as why:  # the service may not have heard of the key yet
            if not key or why.code != HTTPStatus.UNAUTHORIZED or time.monotonic() > deadline:
                said = why.read().decode(errors="replace")[:400]
                raise ServiceFault(
                    f"POST {url}/forecast", f"HTTP {why.code}: {said}", "an answer", FIX
                ) from None
            time.sleep(0.1)


@contextmanager
def _key() -> Iterator[str]:
    """Make a key to read with, and revoke it afterwards; left behind, it expires by itself."""
    with connect() as conn:
        until = clock.now() + timedelta(seconds=10 * KNOWN_SECONDS)
        token = keys.create(conn, ["read"], note="the demo's own question", expires_at=until)
        try:
            yield token
        finally:
            keys.revoke(conn, token.split("_")[1], why="the demo has its answer")


def _step(name: str, says: str, do: Callable[[], Answer], seconds: dict[str, float]) -> Answer:
    out.print(f"[bold]▸ {says}[/bold]")
    began = time.perf_counter()
    result = do()
    seconds[name] = round(time.perf_counter() - began, 2)
    out.print(f"  done in {seconds[name]:.1f} s", style="dim")
    return result


def _services() -> None:
    services.up(("postgres", "s3"))


def _dvc(root: Path, command: str) -> None:
    done = subprocess.run([sys.executable, "-m", "dvc", command], cwd=root, check=False)
    if done.returncode:
        raise ServiceFault(
            f"dvc {command}",
            f"exit code {done.returncode}",
            "a success",
            "read the stage's error above, mend it and run again",
        )


def _repro(root: Path) -> None:
    """Run the pipeline; a store that its cache left empty (it came by ``dvc pull``) is loaded too."""
    _dvc(root, "repro")
    with connect() as conn:
        if ledger.batches(conn).empty:
            load.run(conn, root=root, now=clock.now())


def _publish(root: Path) -> str:
    with connect() as conn:
        return publish(conn, root / "data/models/model", s3=services.endpoints().s3, why="demo")


def _what_to_open(root: Path, url: str, pages: str) -> None:
    out.print("\n[bold]What to open[/bold]")
    for what, where in (
        ("web app", pages),
        ("API documentation", f"{url}/docs"),
        ("reports", (root / "data/reports/index.html").as_uri()),
        ("JupyterLab", "make lab"),
        ("your own spreadsheet", "horizonte quick FILE --horizon 48"),
        ("stop everything", "make down"),
    ):
        out.print(f"  {what:<22}{where}")
