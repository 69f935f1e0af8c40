"""What this process counts, in the default registry; other modules call the functions here."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from prometheus_client import REGISTRY, Counter, Histogram, generate_latest

from horizonte.store.telemetry import Sample

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30)
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
REQUESTS = Counter("horizonte_requests", "requests answered", ["route", "method", "status"])
SECONDS = Histogram("horizonte_request_seconds", "time to the answer", ["route"], buckets=BUCKETS)
PROBLEMS = Counter("horizonte_problems", "requests refused or failed", ["kind"])
FORECASTS = Counter("horizonte_forecasts", "forecasts answered", ["model_version", "origin"])
DEGRADED = Counter("horizonte_forecasts_degraded", "of them, worse than usual", ["reason"])
WRITTEN = Counter("horizonte_request_log_written", "request rows stored")
DROPPED = Counter("horizonte_request_log_dropped", "request rows lost: the database was away")


class _Children(NamedTuple):
    requests: Counter
    seconds: Histogram


def answered(route: str, method: str, status: int, seconds: float) -> None:
    """Count one answered request."""
    children = _children(route, method if method in METHODS else "other", status)
    children.requests.inc()
    children.seconds.observe(seconds)


def expect(route: str, method: str, status: int) -> None:
    """Have at hand, at nought, what ``answered`` counts of such a request."""
    _children(route, method if method in METHODS else "other", status)


def refused(kind: str) -> None:
    """Count one problem."""
    PROBLEMS.labels(kind).inc()


def forecast(model_version: str, origin: str, degraded: str | None) -> None:
    """Count one forecast that was answered, and the kinds of reason why it may be worse."""
    _forecasts(model_version, origin).inc()
    if degraded:
        for reason in degraded.split("; "):
            _degraded(reason.partition(":")[0][:60]).inc()


def exposition() -> bytes:
    """Return every metric as Prometheus reads it."""
    return generate_latest(REGISTRY)


def samples() -> list[Sample]:
    """Return every value of the registry, but for the buckets of histograms and creation times.

    Both would be most of the rows; how long requests took is in the request log, one by one.
    """
    return [
        Sample(one.name, dict(one.labels), float(one.value))
        for family in REGISTRY.collect()
        for one in family.samples
        if not one.name.endswith(("_bucket", "_created"))
    ]


@lru_cache(maxsize=4096)
def _children(route: str, method: str, status: int) -> _Children:
    return _Children(REQUESTS.labels(route, method, str(status)), SECONDS.labels(route))


@lru_cache(maxsize=256)
def _forecasts(model_version: str, origin: str) -> Counter:
    return FORECASTS.labels(model_version, origin)


@lru_cache(maxsize=256)
def _degraded(reason: str) -> Counter:
    return DEGRADED.labels(reason)
