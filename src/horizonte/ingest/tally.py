"""What every door counts of the readings that come through it: the same names, whichever the door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from horizonte import freq
from horizonte.ingest.live import Accepted
from horizonte.ingest.sources import Source

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 600, 3600, 86_400)


def steps_of(sources: Mapping[str, Source]) -> dict[str, float]:
    """Return the seconds of each source's grid step."""
    return {name: freq.step(source.freq).total_seconds() for name, source in sources.items()}


class Tally:
    """The metrics of one door (stream, pull or push), as ``horizonte_<door>_…`` in ``registry``.

    ``steps`` says how many seconds a reading of a source may be older than its newest one before
    it is late: a grid step.
    """

    def __init__(
        self, door: str, registry: CollectorRegistry, steps: Mapping[str, float] | None = None
    ) -> None:
        own: dict[str, Any] = {"registry": registry, "namespace": f"horizonte_{door}"}
        by: dict[str, Any] = {**own, "labelnames": ["source"]}
        self.steps = dict(steps or {})
        self.received = Counter("received_total", "messages, pages or requests that came", **own)
        self.committed = Counter("committed_total", "first versions stored", **by)
        self.corrected = Counter("corrected_total", "corrections stored", **by)
        self.unchanged = Counter("duplicate_total", "readings that changed nothing", **by)
        self.refused = Counter("refused_total", "dead letters", **by)
        self.late = Counter("late_total", "readings over a step older than one that came", **by)
        self.lag = Histogram("lag_seconds", "arrival to commit", buckets=SECONDS, **own)
        self.event_lag = Gauge("event_lag_seconds", "newest ds to its commit", **by)
        self.last = Gauge("last_message_seconds", "when the last one came, since 1970", **by)
        self.newest: dict[str, float] = {}  # ds in seconds since 1970, by source
        self.seen: dict[str, float] = {}

    def done(self, source: str, rows: pd.DataFrame, accepted: Accepted, now: float) -> None:
        """Count what became of ``rows`` (unique_id, ds) of ``source``, committed at ``now``."""
        counts = accepted.counts
        self.committed.labels(source).inc(counts.accepted)
        self.corrected.labels(source).inc(counts.corrected)
        self.unchanged.labels(source).inc(counts.unchanged)
        self.refused.labels(source).inc(accepted.refused)
        self.saw(source, now)
        ds = pd.DatetimeIndex(rows["ds"]).as_unit("ns").asi8 / 1e9
        told = accepted.outcome.to_numpy()  # where nobody asked, repeats count too
        new = np.isin(told, ("accepted", "corrected")) if len(told) == len(ds) else True
        ds = ds[(ds <= now) & new]  # what is known ahead makes nothing else late
        if not len(ds):
            return
        before = np.maximum.accumulate(np.append(self.newest.get(source, -np.inf), ds))
        late = ds < before[:-1] - self.steps.get(source, 0.0)
        self.late.labels(source).inc(int(late.sum()))
        self.newest[source] = float(before[-1])
        self.event_lag.labels(source).set(now - self.newest[source])

    def saw(self, source: str, now: float) -> None:
        """Note that something of ``source`` came at ``now``."""
        self.seen[source] = now
        self.last.labels(source).set(now)

    def silent(self, *, seconds: float, now: float) -> str | None:
        """Return which sources nothing came of for so long; None where all are heard."""
        names = sorted(name for name, at in self.seen.items() if now - at > seconds)
        return f"no message for {seconds:.0f} s of {', '.join(names)}" if names else None
