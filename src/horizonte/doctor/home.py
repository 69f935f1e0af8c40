"""The processes of this home: embedded services, consumers, pulls, the forecast service, the disk."""

from __future__ import annotations

import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator

from horizonte import paths
from horizonte.config import settings
from horizonte.doctor.finding import Finding, State
from horizonte.embedded import services
from horizonte.ingest.broker import Flow
from horizonte.ingest.consume import PULLS
from horizonte.ingest.consume import consumers as running_consumers
from horizonte.ingest.sources import load_sources
from horizonte.serve import run as forecast_service

FREE_BYTES = 2 << 30
FULL = 0.9  # of what can wait


def embedded() -> Iterator[Finding]:
    """Say how each service that may be embedded is."""
    for row in services.status():
        good = row.state in ("running", "external")
        state: State = "ok" if good else "warning" if row.detail == services.NEVER else "fault"
        fix = "" if good else "run `horizonte up`, which also heals"
        yield Finding(row.name, state, f"{row.state}: {row.detail}", fix)


def disk() -> Iterator[Finding]:
    """Say how much space is left for the project."""
    free = shutil.disk_usage(paths.project_root()).free
    fix = "" if free >= FREE_BYTES else "free some, or move HORIZONTE_HOME"
    yield Finding("disk", "ok" if free >= FREE_BYTES else "fault", f"{free >> 20:,} MiB free", fix)


def consumers() -> Iterator[Finding]:
    """Say how each consumer and each pull of this home is, and whether one is missing."""
    declared = load_sources(paths.project_root() / "sources.yaml")
    wanted = [s.name for s in declared.values() if s.topics]
    home = settings().home_folder()
    for row in running_consumers(home, folder=PULLS):
        status, said = _asked(f"{row['url']}/livez")
        fix = "" if status == 200 else "look at the endpoint and at the log of the pull"
        yield Finding(f"pull {row['client_id']}", "ok" if status == 200 else "fault", said, fix)
    running = running_consumers(home)
    if wanted and not running:
        seen = f"nobody consumes the topics of {', '.join(wanted)}"
        yield Finding("consumers", "warning", seen, "run `horizonte stream`")
    for row in running:
        status, said = _asked(f"{row['url']}/livez")
        fix = "" if status == 200 else "look at the devices, the broker and the consumer's log"
        yield Finding(f"consumer {row['client_id']}", "ok" if status == 200 else "fault", said, fix)
        yield from flow_of(row["client_id"], _asked(f"{row['url']}/metrics")[1])


def service() -> Iterator[Finding]:
    """Say whether the forecast service of this home forecasts."""
    found = forecast_service.running()
    if found is None:
        yield Finding("forecast service", "warning", "not running", "run `horizonte serve`")
        return
    status, said = _asked(f"{found.url}/readyz")
    fix = "" if status == 200 else f"read {forecast_service.log_file()}"
    seen = f"{found.url} {'forecasts' if status == 200 else said}"
    yield Finding("forecast service", "ok" if status == 200 else "fault", seen, fix)


def flow_of(name: str, metrics: str) -> Iterator[Finding]:
    """Say what the ``/metrics`` of a consumer tell of its queue and its session."""
    values = {
        found[1]: float(found[2])
        for found in re.finditer(r"^horizonte_stream_(\w+) ([\d.e+-]+)$", metrics, re.MULTILINE)
    }
    flow = Flow.of(settings())
    # A batch is out of the queue while it is committed, and the broker sends no more than fits.
    if values.get("queued", 0) >= FULL * (flow.window - flow.batch):
        seen = (
            f"its queue is full: {values['queued']:.0f} messages wait for the database "
            f"({values.get('commit_retries_total', 0):.0f} commits tried again)"
        )
        fix = "start the database or look at its load and locks; nothing acknowledged is lost"
        yield Finding(f"consumer {name}", "fault", seen, fix)
    if values.get("sessions_forgotten_total"):
        fix = "let the broker keep sessions (Mosquitto: persistence true)"
        yield Finding(f"consumer {name}", "fault", "the broker forgot its session", fix)


def _asked(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 (our own, loopback)
            return answer.status, answer.read().decode().strip()
    except urllib.error.HTTPError as why:
        return why.code, why.read(2000).decode(errors="replace").strip()
    except OSError as why:
        return 0, str(why)
