"""What one serving process keeps at hand for its edge: latest vintages, counters, the request log."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from horizonte import clock
from horizonte.serve import lines, metrics, stored
from horizonte.serve.exchange import Exchange, route_of
from horizonte.serve.latest import Latest, machine_time
from horizonte.serve.lines import Lines
from horizonte.serve.recorder import Recorder
from horizonte.serve.stored import Reply
from horizonte.store.connection import Connection
from horizonte.store.telemetry import RequestRow

PREFIX = "/forecasts/"
ROUTE = "/forecasts/{unique_id}"
QUIET = {"/livez", "/readyz", "/healthz", "/metrics"}
MOST_SERIES = 200  # whose age is shown one by one
LONGEST_PATH = 200
CLIENT_LEFT = 499  # what nginx calls it: nobody was there to answer


class Desk(Collector):
    """Sees every request begin and end: counts it, logs it, and has it stored."""

    def __init__(self) -> None:
        """Begin with empty hands; ``start`` takes up the work."""
        self.latest = Latest()
        self.recorder = Recorder(f"{socket.gethostname()}:{os.getpid()}", now=clock.now)
        self._lines = Lines()
        self._in_flight = 0

    def start(self, connect: Callable[[], Connection]) -> None:
        """Follow the latest vintages and write the log, each with a connection of its own."""
        REGISTRY.register(self)
        self.latest.start(connect)
        self.recorder.start(connect)

    def stop(self) -> None:
        """Write what waits and end."""
        self.latest.stop()
        self.recorder.stop()
        REGISTRY.unregister(self)

    def begins(self) -> None:
        """Take note that one more request is in flight."""
        self._in_flight += 1

    def at_hand(self, exchange: Exchange) -> Reply | None:
        """Return the vintage on record, when it is asked for without conditions on its form."""
        scope = exchange.scope
        if scope["query_string"] or scope["method"] != "GET":
            return None
        path, view = scope["path"], self.latest.view
        found = view.entries.get(path[len(PREFIX) :]) if path.startswith(PREFIX) else None
        if found is None:
            return None
        vintage, about = found.vintage, exchange.about
        exchange.route = ROUTE
        about.series, about.series_count = vintage.unique_id, 1
        about.model_version, about.origin = vintage.model_version, "stored"
        about.degraded = vintage.degraded
        metrics.forecast(vintage.model_version, "stored", vintage.degraded)
        known = next((v for k, v in scope["headers"] if k == b"if-none-match"), None)
        return stored.reply(found, now=view.now(found, machine_time()), if_none_match=known)

    def ended(self, exchange: Exchange, seconds: float) -> None:
        """Count, log and keep a request that was answered in ``seconds``."""
        self._in_flight -= 1
        row = self.row(exchange, seconds)
        metrics.answered(row.route, row.method, row.status, seconds)
        if exchange.problem:
            metrics.refused(exchange.problem)
        if row.path in QUIET:
            return
        self.recorder.add(row)
        self._lines.add(row)

    def collect(self) -> Iterator[Metric]:
        """Yield what is true at the moment of asking."""
        checked = self.latest.checked
        for name, value, says in (
            ("in_flight", self._in_flight, "requests being answered"),
            ("request_log_waiting", self.recorder.waiting, "request rows not stored yet"),
            ("stored_forecasts", len(self.latest.view.entries), "latest vintages in memory"),
            (
                "stored_forecasts_checked_seconds",
                -1 if checked is None else time.monotonic() - checked,
                "since the database was last asked for newer ones; -1: never",
            ),
        ):
            yield GaugeMetricFamily(f"horizonte_{name}", says, value=value)
        yield self._ages()

    def _ages(self) -> Metric:
        ages = GaugeMetricFamily(
            "horizonte_forecast_age_seconds",
            f"from as_of to now on the clock of the source; at most {MOST_SERIES} series",
            labels=["unique_id"],
        )
        view, machine = self.latest.view, machine_time()
        for name in sorted(view.entries)[:MOST_SERIES]:
            found = view.entries[name]
            ages.add_metric([name], (view.now(found, machine) - found.as_of) / 1e6)
        return ages

    def row(self, exchange: Exchange, seconds: float) -> RequestRow:
        """Return what is kept of a request that was answered in ``seconds``."""
        about, scope = exchange.about, exchange.scope
        return RequestRow(
            int(exchange.at * 1e6),
            exchange.id,
            scope["method"],
            route_of(exchange),
            scope["path"][:LONGEST_PATH],
            exchange.status or CLIENT_LEFT,
            round(seconds * 1000, 3),
            exchange.sent,
            about.series,
            about.series_count,
            about.model_version,
            about.origin,
            about.degraded,
            about.key_id,
            self.recorder.process,
        )


class Hot:
    """Does what a desk does and keeps nothing: for questions that nobody outside asked."""

    def __init__(self, desk: Desk) -> None:
        """Take the desk."""
        self._desk = desk
        self.at_hand = desk.at_hand

    def begins(self) -> None:
        """Take no note."""

    def ended(self, exchange: Exchange, seconds: float) -> None:
        """Do once more what the first note of its kind costs, and keep none."""
        row = self._desk.row(exchange, seconds)
        metrics.expect(row.route, row.method, row.status)
        lines.line(row)
