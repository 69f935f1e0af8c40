"""Monitoring as a command: once, or on an interval until it is told to stop."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterator
from threading import Event

import psycopg
from prometheus_client import CollectorRegistry, Counter, Gauge

from horizonte import clock, freq, paths
from horizonte.errors import ConfigFault, DataFault, Fault
from horizonte.ingest import watch as watching
from horizonte.loop import helped, monitor
from horizonte.loop.monitor import Outcome
from horizonte.serve import alarms, published, webhook
from horizonte.store import verdicts
from horizonte.store.connection import connect
from horizonte.store.verdicts import Verdict

logger = logging.getLogger(__name__)
PATIENCE = 3.0  # intervals without a run, after which /livez fails


class Watch:
    """What a monitoring process counts, and whether it still runs."""

    def __init__(self, *, every: float, now: float) -> None:
        """Begin at ``now``, seconds since 1970; ``every`` seconds a run is due."""
        self.registry = CollectorRegistry()
        own = {"registry": self.registry, "namespace": "horizonte_monitor"}
        self.runs = Counter("runs_total", "monitorings that ended well", **own)  # type: ignore[arg-type]
        self.failed = Counter("failures_total", "monitorings that failed", **own)  # type: ignore[arg-type]
        self.last = Gauge("last_run_seconds", "when the last ended well, since 1970", **own)  # type: ignore[arg-type]
        self._every, self._last = every, now

    def ran(self, now: float) -> None:
        """Note a run that ended well."""
        self.runs.inc()
        self.last.set(now)
        self._last = now

    def deaf(self, *, seconds: float, now: float) -> str | None:
        """Return that no run has ended well for too long, or None."""
        late = now - self._last
        return None if late <= seconds else f"no monitoring has ended well for {late:.0f} s"


def once() -> str:
    """Monitor the champion and return what came of it, for people."""
    root = paths.project_root()
    with connect() as conn:
        lines = helped.look(conn, root)
        lines.append(_said(monitor.run(conn, root=root, bucket=published.bucket)))
        lines += [f"alarm {r.state}: {r.sentence_en}" for r in alarms.look(conn, now=clock.now())]
        try:
            webhook.deliver(conn)
        except Fault as why:
            lines.append(f"alarms were not told: {why}")
    return "\n".join(lines)


def run(*, every: str, port: int, told: Callable[[str], None]) -> None:
    """Monitor each ``every`` (ISO-8601) until SIGTERM or SIGINT; a run that began is ended.

    A run that fails is said and tried again at the next turn. Raises ConfigFault for an
    interval that is none.
    """
    seconds = interval(every)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    watch = Watch(every=seconds, now=time.time())
    port, server = watching.serve(watch, port=port, silent_seconds=PATIENCE * seconds + 600)
    told(f"monitoring every {every}; metrics at http://127.0.0.1:{port}/metrics")
    while not stop.is_set():
        began = time.monotonic()
        try:
            told(once())
            watch.ran(time.time())
        except (Fault, psycopg.Error, OSError) as why:
            watch.failed.inc()
            logger.error("monitoring failed: %s", why)  # noqa: TRY400 (no trace)
        stop.wait(max(0.0, seconds - (time.monotonic() - began)))
    server.shutdown()


def interval(every: str) -> float:
    """Return the seconds of ``every``; raise ConfigFault, which names the option."""
    try:
        return freq.step(every).total_seconds()
    except DataFault as why:
        raise ConfigFault("--every", every, why.allowed, why.fix) from None


def listed(limit: int) -> Iterator[str]:
    """Return the newest verdicts, one line each, newest first."""
    with connect() as conn:
        found = verdicts.listed(conn, limit)
    for row in found.to_dict("records"):
        yield (
            f"{row['id']} {row['as_of']:%Y-%m-%d %H:%M}Z {row['model_version'][:12]} "
            f"{row['action']}: {row['sentence_en']}"
        )


def replayed(number: int) -> tuple[bool, str]:
    """Return whether verdict ``number`` is decided the same again, and the sentence that says so."""
    with connect() as conn:
        stored = verdicts.get(conn, number)
    found = monitor.again(stored)
    same = (found.action, list(found.triggers), list(found.brakes)) == (
        stored.action,
        stored.triggers,
        stored.brakes,
    )
    told = "the same" if same else f"{found.action}, where the ledger says {stored.action}"
    return same, f"verdict {number} decided again: {told}: {found.sentence_en}"


def _said(done: Outcome) -> str:
    verdict: Verdict = done.verdict
    known = "" if done.new else " (nothing new since)"
    lines = [f"verdict {verdict.id}: {verdict.action}{known}", verdict.sentence_en]
    if done.scores:
        lines.append(f"{done.scores} scores noted")
    lines.append(f"pages: data/{verdict.report}")
    return "\n".join(lines)
