"""What a pull on an interval counts, and whether its endpoint still answers."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter

from horizonte.ingest.pull import Stored
from horizonte.ingest.sources import Source
from horizonte.ingest.tally import Tally, steps_of

MISSED = 3  # pulls in a row without an answer after which it is not alive


class PullWatch(Tally):
    """The metrics of pulling one source, in a registry of their own."""

    def __init__(self, source: Source, *, every: float, now: float) -> None:
        self.registry = CollectorRegistry()
        super().__init__("pull", self.registry, steps_of({source.name: source}))
        self.failed = Counter(
            "failed_total", "pulls that ended with an error",
            registry=self.registry, namespace="horizonte_pull",
        )  # fmt: skip
        self.source, self.every = source.name, every
        self.saw(source.name, now)

    def told(self, stored: Stored | None) -> None:
        """Count a page, committed; None for one that brought nothing."""
        now = time.time()
        self.received.inc()
        self.saw(self.source, now)
        if stored is not None:
            self.lag.observe(max(0.0, now - stored.arrived.timestamp()))
            self.done(self.source, stored.rows, stored.accepted, now)

    def deaf(self, *, seconds: float, now: float) -> str | None:
        """Return why nothing new can be expected: the endpoint has not answered for too long.

        That is ``seconds``, or MISSED intervals where those are longer.
        """
        quiet = max(seconds, MISSED * self.every)
        found = self.silent(seconds=quiet, now=now)
        return found and f"{found}; the endpoint does not answer, or not as declared"
