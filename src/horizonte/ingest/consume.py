"""``horizonte stream``: a consumer made of the settings, ended by a signal, known to its home."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from horizonte import params, paths
from horizonte.config import settings
from horizonte.embedded import services, state
from horizonte.errors import ConfigFault
from horizonte.ingest import broker as brokers
from horizonte.ingest import watch as watching
from horizonte.ingest import window
from horizonte.ingest.broker import Broker, Flow
from horizonte.ingest.intake import Intake
from horizonte.ingest.queue import Waiting
from horizonte.ingest.sources import load_sources
from horizonte.ingest.stream import Consumer
from horizonte.ingest.subscriber import Subscriber
from horizonte.ingest.tally import steps_of
from horizonte.ingest.watch import Watch
from horizonte.store.connection import connect

logger = logging.getLogger(__name__)
FOLDER, PULLS = "stream", "pull"


def consume(
    *,
    client_id: str | None = None,
    share: str | None = None,
    port: int = 0,
    silent_seconds: float = 900.0,
    told: Callable[[str], None] = print,
) -> None:
    """Consume the declared topics until SIGTERM or Ctrl-C, then drain and return.

    ``share`` is the name of a shared subscription: consumers of one name divide the messages,
    each with a ``client_id`` of its own. Metrics and liveness are served on ``port`` of
    loopback (0: a free one). Raises ConfigFault where nothing could be consumed, ServiceFault
    where the broker's window is smaller than a batch.
    """
    setting, root = settings(), paths.project_root()
    sources = load_sources(root / "sources.yaml")
    intake = Intake(sources.values())
    if not intake.router.filters:
        raise ConfigFault(
            "sources.yaml", None, "a source with topics", "declare topics; see docs/live.md"
        )
    flow, watch = Flow.of(setting), Watch(steps_of(sources))
    watch.expect((name for name, source in sources.items() if source.topics), now=time.time())
    waiting: Waiting[Any] = Waiting(most=flow.window)
    watch.queued.set_function(lambda: float(len(waiting)))
    broker = Broker.of(setting, services.endpoints().mqtt)
    if setting.mqtt is not None:
        _check_window(broker, flow)
    prefix = f"$share/{share}/" if share else ""
    filters = [prefix + name for name in intake.router.filters]
    consumer = Consumer(
        Subscriber(broker, filters, waiting, watch),
        waiting,
        intake,
        flow,
        watch,
        connect,
        params.load(root / paths.MARKER).clean,
    )
    name = client_id or brokers.client_id(setting)
    for number in (signal.SIGTERM, signal.SIGINT):
        # In a thread: the one that is interrupted may hold the very lock that stopping takes.
        signal.signal(number, lambda *_: threading.Thread(target=consumer.stop).start())
    port, server = watching.serve(watch, port=port, silent_seconds=silent_seconds)
    url = f"http://127.0.0.1:{port}"
    told(f"consuming {', '.join(filters)} from {broker} as {name}; metrics at {url}/metrics")
    with known(setting.home_folder(), name, url):
        consumer.run(name)
    server.shutdown()
    told("drained and stopped")


def _check_window(broker: Broker, flow: Flow) -> None:
    """Raise ServiceFault where no batch would ever fill; a broker that is away is waited for."""
    try:
        found = window.enough(broker, flow)
    except window.Unmeasured as why:
        logger.info("window of the broker could not be measured: %s", why)
        return
    if found.below(2 * flow.batch):
        advice = window.advice(flow, found)
        logger.warning("window of %s: %s messages; %s", broker, found, advice)


def consumers(home: Path, *, folder: str = FOLDER) -> list[dict[str, Any]]:
    """Return the consumers (or PULLS) of ``home`` that run: client_id (source), pid, url."""
    found = []
    for path in sorted((home / folder).glob("*.json")):
        try:
            row = json.loads(path.read_text())
            if abs(psutil.Process(row["pid"]).create_time() - row["created"]) < 2:
                found.append(row)
        except (OSError, ValueError, KeyError, psutil.Error):
            continue
    return found


@contextmanager
def known(home: Path, name: str, url: str, *, folder: str = FOLDER) -> Iterator[None]:
    """Keep a note of this consumer in the home while it runs."""
    safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in name)[:100]
    path = home / folder / f"{safe}.json"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    created = psutil.Process().create_time()
    row = {"client_id": name, "pid": os.getpid(), "created": created, "url": url}
    state.replace_private(path, json.dumps(row))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
