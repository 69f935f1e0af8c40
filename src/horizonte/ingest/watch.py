"""What the consumer counts, and whether readings still flow: liveness of data, not of a socket."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from horizonte.errors import ConfigFault
from horizonte.ingest.tally import Tally


class Watch(Tally):
    """The consumer's metrics, in a registry of their own; ``steps`` as ``Tally`` takes them."""

    def __init__(self, steps: Mapping[str, float] | None = None) -> None:
        self.registry = CollectorRegistry()
        super().__init__("stream", self.registry, steps)
        own: dict[str, Any] = {"registry": self.registry, "namespace": "horizonte_stream"}
        self.reconnects = Counter("reconnects_total", "connections lost or not made", **own)
        self.forgotten = Counter("sessions_forgotten_total", "sessions the broker lost", **own)
        self.connected = Gauge("connected", "1 while subscribed", **own)
        self.missing = Gauge("sequence_missing", "numbers missing from sequences", **own)
        self.queued = Gauge("queued", "messages received and not yet committed", **own)
        self.retries = Counter("commit_retries_total", "commits tried again", **own)
        self.stale = Counter("prepare_failed_total", "series that could not be cleaned", **own)
        self.online = False
        self.connected.set_function(lambda: float(self.online))

    def expect(self, sources: Iterable[str], *, now: float) -> None:
        """Count the silence of ``sources`` from ``now`` on."""
        for source in sources:
            self.saw(source, now)

    def deaf(self, *, seconds: float, now: float) -> str | None:
        """Return why no reading can be expected: the broker is away, or sources are silent."""
        return (
            self.silent(seconds=seconds, now=now) if self.online else "not connected to the broker"
        )


class Watched(Protocol):
    """Whatever counts in a registry and knows why it may hear nothing."""

    registry: CollectorRegistry

    def deaf(self, *, seconds: float, now: float) -> str | None:
        """Return why nothing new can be expected; None when all is well."""
        ...


def serve(watch: Watched, *, port: int, silent_seconds: float) -> tuple[int, ThreadingHTTPServer]:
    """Serve /metrics and /livez on loopback; return the port and the server.

    ``/livez`` answers 503 with the reason when ``Watch.deaf`` gives one: a consumer that is up
    but hears nothing is not alive. Raises ConfigFault for a port that cannot be had.
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

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except (OSError, OverflowError) as why:
        allowed = f"a free port of 127.0.0.1, or 0 for any ({why})"
        raise ConfigFault("--port", port, allowed, "give another, up to 65535") from None
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return int(server.server_address[1]), server
