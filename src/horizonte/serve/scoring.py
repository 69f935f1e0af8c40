"""Live accuracy as metrics, measured anew every few minutes by the process that issues."""

from __future__ import annotations

import logging
import time

import pandas as pd
from prometheus_client import Gauge

from horizonte.monitor.accuracy import accuracy
from horizonte.serve import predict
from horizonte.serve.champion import Champion
from horizonte.store import mature
from horizonte.store.connection import Connection

logger = logging.getLogger(__name__)
EVERY_SECONDS = 300.0
MOST_ROWS = 2000  # shown one by one
LABELS = ["unique_id", "model_version", "bucket"]
GAUGES = {
    "n": Gauge("horizonte_live_scored_rows", "mature forecast rows of 28 days", LABELS),
    "mae": Gauge("horizonte_live_mae", "mean absolute error, in the series' unit", LABELS),
    "bias": Gauge("horizonte_live_bias", "mean error; positive: too high", LABELS),
    "coverage_80": Gauge("horizonte_live_coverage_80", "share inside the 80 % interval", LABELS),
    "coverage_90": Gauge("horizonte_live_coverage_90", "share inside the 90 % interval", LABELS),
    "width_80": Gauge("horizonte_live_width_80", "mean width of the 80 % interval", LABELS),
    "naive_mae": Gauge("horizonte_live_naive_mae", "of the seasonal naive, same rows", LABELS),
}


class Gauges:
    """Keeps the gauges up to date, at most once in five minutes."""

    def __init__(self) -> None:
        """Begin with nothing shown."""
        self._next = 0.0

    def update(self, conn: Connection, champion: Champion) -> None:
        """Measure what the targets of ``champion`` were told, unless that was done just now."""
        if time.monotonic() < self._next:
            return
        began = time.monotonic()
        show(accuracy(mature.read(conn, predict.served(champion))))
        self._next = time.monotonic() + EVERY_SECONDS
        logger.debug("live accuracy measured in %.2f s", time.monotonic() - began)


def show(found: pd.DataFrame) -> None:
    """Set the gauges to ``found``; a version that has no mature rows any more is shown no more."""
    for name, gauge in GAUGES.items():
        gauge.clear()
        shown = found[[*LABELS, name]].dropna().head(MOST_ROWS)
        for *labels, value in shown.itertuples(index=False, name=None):
            gauge.labels(*labels).set(value)
