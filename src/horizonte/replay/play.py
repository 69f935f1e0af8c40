"""Replay a source: its recording on a faster clock, to the broker or as a test API."""

from __future__ import annotations

import logging
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pandas as pd

from horizonte import clock, config
from horizonte.embedded import process, services
from horizonte.errors import ConfigFault
from horizonte.ingest.broker import Broker, client_id
from horizonte.ingest.feeds import Topic
from horizonte.replay import faults as kinds
from horizonte.replay import http, payload, recording, schedule, shift
from horizonte.replay.http import Served, Trouble
from horizonte.replay.publisher import Counts, Envelope, Publisher
from horizonte.replay.recording import Recording

logger = logging.getLogger(__name__)


def run(
    source_name: str,
    *,
    speed: float = 1.0,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
    now: bool = False,
    faults: kinds.Faults | None = None,
    seed: int = 0,
    root: Path | None = None,
) -> Counts:
    """Publish the source's recorded readings to the configured broker, as its devices would.

    Plays ``start <= ds < end`` (default: all of it), after a shift to the wall clock where
    ``now`` says so. SIGTERM and Ctrl-C stop it after what is on its way is acknowledged.
    Raises a Fault for an unknown source, one without topics, or a broker that refuses us.
    """
    found = recording.load(source_name, root=root)
    addresses(found)
    readings = cut(found, start=start, end=end, now=clock.now() if now else None)
    planned = schedule.plan(readings, step=found.step, speed=speed, faults=faults, seed=seed)
    setting = config.settings()
    broker = Broker.of(setting, services.endpoints().mqtt)
    name = f"{client_id(setting)}-replay-{secrets.token_hex(4)}"
    logger.info("replay of %s: %d messages to %s", source_name, len(planned), broker)
    with stopping() as stop:
        counts = Publisher(broker, client_id=name).run(envelopes(found, planned), stop=stop)
    logger.info("replay of %s ended: %s", source_name, counts)
    return counts


def serve_http(
    source_name: str,
    *,
    port: int = 0,
    speed: float = 1.0,
    start: pd.Timestamp | None = None,
    now: bool = False,
    faults: kinds.Faults | None = None,
    trouble: Trouble = http.NONE,
    root: Path | None = None,
) -> None:
    """Serve the source's recording on loopback until Ctrl-C or SIGTERM, as ``http.app`` says.

    What is due before ``start`` is there at once, the rest comes on a clock ``speed`` times as
    fast. With ``now`` the recording is moved by whole weeks and ``start`` is the wall clock.
    Port 0 takes a free one. Raises a Fault for a source without a recording.
    """
    import uvicorn

    found, wall = recording.load(source_name, root=root), pd.Timestamp(clock.now())
    readings = found.readings
    if now:
        last = readings["ds"].max() + found.step
        readings = readings.assign(ds=readings["ds"] + shift.weeks_to(last, wall))
        start = start or wall - found.step
    port = port or process.free_ports(1)[0]
    ready = served(replace(found, readings=readings), speed=speed, start=start, faults=faults)
    logger.info("readings of %s at http://127.0.0.1:%d/readings", source_name, port)
    application = http.app(replace(ready, trouble=trouble))
    with stopping():  # uvicorn repeats the signal once it has shut down
        uvicorn.run(application, host=process.LOOPBACK, port=port, log_level="warning")


def served(
    found: Recording,
    *,
    speed: float,
    start: pd.Timestamp | None = None,
    faults: kinds.Faults | None = None,
) -> Served:
    """Return the recording as an API whose clock starts now, at ``start`` of the recording."""
    planned = schedule.plan(found.readings, step=found.step, speed=speed, faults=faults)
    first = found.readings["ds"].min()
    passed = 0.0 if start is None else max(0.0, (start - first).total_seconds() / speed)
    keys = {found.source.unique_id(key): key for key in found.source.series}
    begin = time.monotonic()
    return Served(
        planned.assign(at_seconds=planned["at_seconds"] - passed),
        keys,
        elapsed=lambda: time.monotonic() - begin,
        began=clock.now(),
        fields=found.source.endpoint or http.PLAIN,
    )


def cut(
    found: Recording,
    *,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
    now: datetime | None = None,
) -> pd.DataFrame:
    """Return the readings to play; with ``now`` they are shifted to end there, then cut."""
    readings = found.readings
    if now is not None:
        readings = shift.to_now(readings, now=pd.Timestamp(now), step=found.step)
    return schedule.window(readings, start=start, end=end)


def envelopes(found: Recording, planned: pd.DataFrame) -> Iterator[Envelope]:
    """Yield the planned messages as the source's topics carry them."""
    places = addresses(found)
    for message in schedule.messages(planned):
        rule, topic, key = places[message.unique_id]
        yield Envelope(message.at_seconds, topic, payload.render(rule, key, [message]))


def addresses(found: Recording) -> dict[str, tuple[Topic, str, str]]:
    """Return rule, topic and key of every series; raise ConfigFault for a source without topics."""
    if not found.source.topics:
        raise ConfigFault(
            f"sources.yaml: {found.source.name}.topics",
            [],
            "at least one topic",
            "declare on which topics its devices publish",
        )
    return payload.addresses(found.source)


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Give an event that SIGTERM and Ctrl-C set, where this is the main thread."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
