"""The broker asked for real: whether it takes this user, and how much it lets wait."""

from __future__ import annotations

import time
from collections.abc import Iterator

from horizonte.config import settings
from horizonte.doctor.finding import Finding, State
from horizonte.embedded import services
from horizonte.ingest import broker as brokers
from horizonte.ingest import window as windows
from horizonte.ingest.broker import Broker, Flow


def broker() -> Iterator[Finding]:
    """Say whether the broker accepts a client, and whether its window fits a batch of ours."""
    if any(row.name == "mqtt" and row.detail == services.NEVER for row in services.status()):
        return  # said among the services
    flow = Flow.of(settings())
    place = Broker.of(settings(), services.endpoints().mqtt)
    made, answers = brokers.client(place, client_id="", persistent=False), []
    made.on_connect = lambda *given: answers.append(given[3])
    try:
        brokers.connect(made, place, persistent=False)
        deadline = time.monotonic() + 5
        while not answers and time.monotonic() < deadline:
            made.loop(0.1)
    except OSError as why:
        yield Finding("broker", "fault", f"{place} cannot be reached: {why}", "start or correct it")
        return
    finally:
        made.disconnect()
    if not answers or answers[0].is_failure:
        seen = f"{place} {'does not answer' if not answers else f'refuses: {answers[0]}'}"
        yield Finding("broker", "fault", seen, "correct user and password in HORIZONTE_MQTT")
        return
    yield Finding("broker", "ok", f"{place} accepts this user")
    if settings().mqtt is not None:  # that of the embedded one is known, and its batch fits
        yield _window(place, flow)


def _window(broker: Broker, flow: Flow) -> Finding:
    try:
        found = windows.measure(broker, flow)
    except windows.Unmeasured as why:
        return Finding("broker window", "ok", f"could not be measured: {why}")
    seen = f"{found} messages wait for their acknowledgement, a batch of {flow.batch:,} needs "
    seen += f"{2 * flow.batch:,}: it, and the next one while it is written"
    if found.below(2 * flow.batch):
        state: State = "fault" if found.below(flow.batch) else "warning"
        return Finding("broker window", state, seen, windows.advice(flow, found))
    return Finding("broker window", "ok", seen)
