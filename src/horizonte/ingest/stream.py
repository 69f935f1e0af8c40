"""The consumer: readings from the broker, committed, then acknowledged; nothing else in between.

Three threads: the network fills a bounded queue, this one commits and acknowledges, a third lets
the prepared database follow. Whatever dies, what was not committed was not acknowledged.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import psycopg

from horizonte.errors import Fault
from horizonte.ingest.broker import Flow
from horizonte.ingest.intake import Intake, Message
from horizonte.ingest.queue import Waiting
from horizonte.ingest.subscriber import Subscriber
from horizonte.ingest.watch import Watch
from horizonte.params import Rules
from horizonte.store import prepared
from horizonte.store.connection import Connection

logger = logging.getLogger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
LAG_EVERY = 10  # messages of a batch whose lag is observed
Held = list[tuple[Message, Any]]
Connect = Callable[[], Connection]


@dataclass
class Consumer:
    """One consumer of the broker; ``run`` returns after ``stop``, with everything drained."""

    subscriber: Subscriber
    waiting: Waiting[Any]
    intake: Intake
    flow: Flow
    watch: Watch
    connect: Connect
    rules: Rules

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._conn: Connection | None = None

    def run(self, client_id: str) -> None:
        """Consume until ``stop``; raise ServiceFault when the broker refuses a subscription."""
        follower = Follower(self.connect, self.rules, self.watch)
        follower.start()
        self.subscriber.start(client_id, self.flow.window)
        while not self._stop.is_set() or len(self.waiting):
            self.watch.queued.set(len(self.waiting))
            held = self.waiting.take(self.flow.batch, seconds=self.flow.seconds)
            self.watch.received.inc(len(held))
            if held and not self._commit(held):
                break  # the messages after it must not overtake it: a correction may be among them
            if held:
                _acknowledge(held)
                if len(self.waiting) < len(held):  # a backlog goes first
                    follower.wake()
            if self.subscriber.failed is not None:
                self.stop()
        self.subscriber.finish()
        follower.finish()
        self._drop_connection()
        if self.subscriber.failed is not None:
            raise self.subscriber.failed

    def stop(self) -> None:
        """Read nothing more, commit and acknowledge what is held, then let ``run`` return."""
        self.subscriber.stop()
        self._stop.set()

    def _commit(self, held: Held) -> bool:
        """Commit ``held``, however long the database is away; False when stopped meanwhile."""
        pause = FIRST_PAUSE
        while True:
            try:
                self._store([message for message, _ in held])
            except (psycopg.Error, Fault, OSError) as why:
                self._drop_connection()
                self.watch.retries.inc()
                logger.warning("commit failed, tried again in %.1f s: %s", pause, why)
                if self._stop.wait(pause * random.uniform(0.5, 1.0)):  # noqa: S311 (jitter)
                    return False  # unacknowledged: the broker sends them again
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                return True

    def _store(self, messages: list[Message]) -> None:
        if self._conn is None or self._conn.closed:
            self._conn = self.connect()
        try:
            done = self.intake.commit(self._conn, messages)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception:
            # Whatever this batch holds that nobody thought of: alone it stops nobody else.
            logger.exception("batch of %d messages could not be stored as one", len(messages))
            done = self.intake.commit_each(self._conn, messages)
        now = time.time()
        for message in messages[::LAG_EVERY]:
            self.watch.lag.observe(now - message.arrived / 1e9)
        for source, (rows, accepted) in done.items():
            self.watch.done(source, rows, accepted, now)
        self.watch.missing.set(self.intake.gaps.missing)

    def _drop_connection(self) -> None:
        if self._conn is not None:
            with suppress(psycopg.Error):
                self._conn.close()
        self._conn = None


class Follower(threading.Thread):
    """Lets the prepared database follow whatever was committed, by whomever."""

    # Also without being woken: there may be a backlog, and files and others commit too.
    IDLE_SECONDS = 5.0
    # Rests between two turns: many small commits are cleaned at once, and commits go first.
    REST_SECONDS, REST_TURNS, LONGEST_REST = 0.5, 6.0, 8.0

    def __init__(self, connect: Connect, rules: Rules, watch: Watch) -> None:
        super().__init__(name="prepared", daemon=True)
        self._connect, self._rules, self._watch = connect, rules, watch
        self._news, self._ended = threading.Event(), threading.Event()

    def wake(self) -> None:
        """Say that there is something to follow."""
        self._news.set()

    def finish(self) -> None:
        """Follow once more, then end."""
        self._ended.set()
        self._news.set()
        self.join(30)

    def run(self) -> None:
        """Follow until ``finish``; a database that is away is waited for."""
        conn, pause = None, FIRST_PAUSE
        while True:
            last, began = self._ended.is_set(), time.monotonic()
            self._news.clear()
            try:
                conn = conn if conn is not None and not conn.closed else self._connect()
                failed = prepared.follow(conn, self._rules).failed
                self._watch.stale.inc(len(failed))
                pause = FIRST_PAUSE
            except Exception as why:  # noqa: BLE001 (this thread ends with the consumer only)
                logger.warning("prepared database cannot follow yet: %s", why)
                self._ended.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            if last:
                break
            rest = self.REST_TURNS * (time.monotonic() - began)
            self._ended.wait(min(max(rest, self.REST_SECONDS), self.LONGEST_REST))
            self._news.wait(self.IDLE_SECONDS)
        if conn is not None:
            with suppress(psycopg.Error):
                conn.close()


def _acknowledge(held: Held) -> None:
    for link, own in groupby(held, key=lambda one: one[1][0]):
        link.acknowledge(number for _, (_, number) in own)
