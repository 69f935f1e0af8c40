"""The way of request rows and metric samples to the database: behind the answers, never in them."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

import psycopg

from horizonte.errors import Fault
from horizonte.serve import alarms, metrics
from horizonte.store import alarms as alarm_rows
from horizonte.store import telemetry
from horizonte.store.connection import Connection
from horizonte.store.telemetry import RequestRow, Sample

logger = logging.getLogger(__name__)
MOST_ROWS = 100_000  # held while the database is away; beyond it the oldest go
MOST_SAMPLES = 120
BATCH = 2_000
FLUSH_SECONDS = 1.0
SAMPLE_SECONDS = 60.0
PAUSES = (1.0, 2.0, 5.0, 10.0)


class Recorder:
    """Holds rows in memory and copies them every second, from a thread and a connection of its own.

    The database away, rows wait; when ``MOST_ROWS`` wait the oldest are dropped and counted.
    """

    def __init__(self, process: str, *, now: Callable[[], datetime]) -> None:
        """Take the name of this process; ``start`` runs the thread."""
        self.process = process
        self._now = now
        self._rows: deque[RequestRow] = deque()
        self._samples: deque[tuple[datetime, list[Sample]]] = deque(maxlen=MOST_SAMPLES)
        self._conn: Connection | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Return how many rows are not stored yet."""
        return len(self._rows)

    def add(self, row: RequestRow) -> None:
        """Take one row; returns at once."""
        if len(self._rows) >= MOST_ROWS:
            self._rows.popleft()
            metrics.DROPPED.inc()
        self._rows.append(row)

    def start(self, connect: Callable[[], Connection], *, every: float = SAMPLE_SECONDS) -> None:
        """Begin to write; ``every`` seconds a sample of all metrics is taken."""
        self._thread = threading.Thread(
            target=self._run, args=(connect, every), name="recorder", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, if the database takes it, and end."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        if self._rows:
            logger.warning("%d request rows were not stored", len(self._rows))

    def _run(self, connect: Callable[[], Connection], every: float) -> None:
        failures, due = 0, time.monotonic()
        while not self._stopped.wait(PAUSES[min(failures, len(PAUSES) - 1)]):
            if time.monotonic() >= due:
                due = time.monotonic() + every
                self._samples.append((self._now(), metrics.samples()))
            failures = 0 if self._turn(connect) else failures + 1
        if not self._turn(connect):
            self._turn(connect)  # the connection may have been the fault
        self._close()

    def _turn(self, connect: Callable[[], Connection]) -> bool:
        """Write what waits; return whether nothing is left to be tried again."""
        try:
            self._write(connect)
        except (Fault, psycopg.Error, OSError) as why:
            logger.warning("request log: %d rows wait for the database: %s", self.waiting, why)
        except Exception:  # the thread must outlive what nobody foresaw
            logger.exception("request log: cannot write")
        else:
            return True
        self._close()
        return False

    def _write(self, connect: Callable[[], Connection]) -> None:
        if self._conn is None:
            self._conn = connect()
        while batch := self._take():
            self._store(self._conn, batch)
        while self._samples:
            alarms.show(alarm_rows.raised(self._conn))
            at, found = self._samples[0]
            telemetry.write_samples(self._conn, found, at=at, process=self.process)
            self._samples.popleft()
            telemetry.prune(self._conn, "request_log", now=at)
            telemetry.prune(self._conn, "metric_sample", now=at)

    def _take(self) -> list[RequestRow]:
        return [self._rows.popleft() for _ in range(min(BATCH, len(self._rows)))]

    def _store(self, conn: Connection, batch: Sequence[RequestRow]) -> None:
        try:
            telemetry.write_requests(conn, batch)
            metrics.WRITTEN.inc(len(batch))
        except psycopg.DataError:  # the same rows would be refused for ever
            metrics.DROPPED.inc(len(batch))
            logger.exception("request log: %d rows cannot be stored", len(batch))
        except BaseException:
            self._rows.extendleft(reversed(batch))
            raise

    def _close(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None
