"""What the consumer counts, and whether readings still flow: liveness of data, not of a socket."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pandas as pd
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from horizonte.ingest.live import Accepted

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 600, 3600, 86_400)


class Watch:
    """The consumer's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own: dict[str, Any] = {"registry": self.registry, "namespace": "horizonte_stream"}
        by: dict[str, Any] = {**own, "labelnames": ["source"]}
        self.received = Counter("received_total", "messages from the broker", **own)
        self.committed = Counter("committed_total", "first versions stored", **by)
        self.corrected = Counter("corrected_total", "corrections stored", **by)
        self.unchanged = Counter("duplicate_total", "readings that changed nothing", **by)
        self.refused = Counter("refused_total", "dead letters", **by)
        self.late = Counter("late_total", "readings older than one already stored", **by)
        self.lag = Histogram("lag_seconds", "arrival to commit", buckets=SECONDS, **own)
        self.event_lag = Gauge("event_lag_seconds", "newest ds to its commit", **by)
        self.last = Gauge("last_message_seconds", "when the last message came, since 1970", **by)
        self.reconnects = Counter("reconnects_total", "connections lost or not made", **own)
        self.forgotten = Counter("sessions_forgotten_total", "sessions the broker lost", **own)
        self.connected = Gauge("connected", "1 while subscribed", **own)
        self.missing = Gauge("sequence_missing", "numbers missing from sequences", **own)
        self.queued = Gauge("queued", "messages received and not yet committed", **own)
        self.narrow = Gauge(
            "narrow_window", "messages after which the broker waits; 0: none", **own
        )
        self.retries = Counter("commit_retries_total", "commits tried again", **own)
        self.stale = Counter("prepare_failed_total", "series that could not be cleaned", **own)
        self.online = False
        self.connected.set_function(lambda: float(self.online))
        self._newest: dict[str, pd.Timestamp] = {}
        self._seen: dict[str, float] = {}

    def expect(self, sources: Iterable[str], *, now: float) -> None:
        """Count the silence of ``sources`` from ``now`` on."""
        for source in sources:
            self._saw(source, now)

    def done(self, source: str, rows: pd.DataFrame, accepted: Accepted, now: float) -> None:
        """Count what became of ``rows`` (unique_id, ds) of ``source``, committed at ``now``."""
        counts = accepted.counts
        self.committed.labels(source).inc(counts.accepted)
        self.corrected.labels(source).inc(counts.corrected)
        self.unchanged.labels(source).inc(counts.unchanged)
        self.refused.labels(source).inc(accepted.refused)
        self._saw(source, now)
        if rows.empty:
            return
        newest = rows["ds"].max()
        before = self._newest.get(source)
        if before is not None:
            self.late.labels(source).inc(int((rows["ds"] < before).sum()))
        self._newest[source] = newest if before is None else max(before, newest)
        self.event_lag.labels(source).set(now - self._newest[source].timestamp())

    def deaf(self, *, seconds: float, now: float) -> str | None:
        """Return why no reading can be expected: the broker is away, or sources are silent."""
        if not self.online:
            return "not connected to the broker"
        silent = sorted(name for name, at in self._seen.items() if now - at > seconds)
        return f"no message for {seconds:.0f} s of {', '.join(silent)}" if silent else None

    def _saw(self, source: str, now: float) -> None:
        self._seen[source] = now
        self.last.labels(source).set(now)


def serve(watch: Watch, *, port: int, silent_seconds: float) -> tuple[int, ThreadingHTTPServer]:
    """Serve /metrics and /livez on loopback; return the port and the server.

    ``/livez`` answers 503 with the reason when ``Watch.deaf`` gives one: a consumer that is up
    but hears nothing is not alive.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            why = None
            if self.path == "/metrics":
                body = generate_latest(watch.registry)
            else:
                why = watch.deaf(seconds=silent_seconds, now=time.time())
                body = f"{why or 'ok'}\n".encode()
            self.send_response(200 if why is None else 503)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: a probe every few seconds is no news."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return int(server.server_address[1]), server
