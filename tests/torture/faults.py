"""The faults: signals to real processes, at moments drawn from a seed."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from signal import Signals

import psycopg
from tests.torture.places import Places

from horizonte.embedded import process

BATCHES = "SELECT coalesce(max(id), 0) FROM ingest_batch"
WRITING = """SELECT count(*) FROM pg_stat_activity WHERE application_name = 'horizonte'
    AND backend_xid IS NOT NULL AND datname = current_database()"""
CUT = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'horizonte' AND datname = current_database()"""
WEIGHTS = {
    "kill_at_random": 12,
    "kill_while_writing": 16,
    "kill_after_commit": 20,
    "stop_in_order": 6,
    "stall_consumer": 8,
    "cut_connections": 12,
    "database_fast": 7,
    "database_immediate": 7,
    "database_away": 3,
    "kill_while_database_away": 3,
    "restart_broker": 6,
    "stall_broker": 3,
}


class Faults:
    """Injects faults one after the other, and counts them by kind."""

    def __init__(self, places: Places, seed: int, *, kill_broker: bool = False) -> None:
        self.places, self.random = places, random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.weights = dict(WEIGHTS)
        if not places.mosquitto:  # the embedded broker forgets everything when it ends
            del self.weights["restart_broker"], self.weights["stall_broker"]
        if kill_broker:
            self.weights["kill_broker"] = 10

    def run(self, count: int) -> None:
        for _ in range(count):
            kind = self.random.choices(list(self.weights), list(self.weights.values()))[0]
            # Mostly against a consumer at work, sometimes against one that is only starting.
            if self.random.random() > 0.15:
                process.wait_until(self.places.consumer.ready, seconds=30)
            getattr(self, kind)()
            self.counts[kind] += 1
            time.sleep(self.random.uniform(0.0, 0.6))

    def kill_at_random(self) -> None:
        time.sleep(self.random.uniform(0, 0.7))
        self.places.consumer.signal(Signals.SIGKILL)

    def kill_while_writing(self) -> None:
        self._watch(WRITING, lambda _, now: now > 0)
        self.places.consumer.signal(Signals.SIGKILL)

    def kill_after_commit(self) -> None:
        self._watch(BATCHES, lambda before, now: now > before)
        self.places.consumer.signal(Signals.SIGKILL)

    def stop_in_order(self) -> None:
        self.places.consumer.signal(Signals.SIGTERM)

    def stall_consumer(self) -> None:
        self.places.consumer.signal(Signals.SIGSTOP)
        time.sleep(self.random.uniform(0.5, 3))
        self.places.consumer.signal(Signals.SIGCONT)

    def cut_connections(self) -> None:
        self._watch(WRITING, lambda _, now: now > 0, then=CUT)

    def database_fast(self) -> None:
        self._watch(WRITING, lambda _, now: now > 0)
        self._restart(Signals.SIGINT, 0)

    def database_immediate(self) -> None:
        self._watch(WRITING, lambda _, now: now > 0)
        self._restart(Signals.SIGQUIT, 0)

    def database_away(self) -> None:
        self._restart(Signals.SIGINT, self.random.uniform(2, 6))

    def kill_while_database_away(self) -> None:
        self.places.database.end(Signals.SIGQUIT)
        time.sleep(self.random.uniform(0.2, 2))
        self.places.consumer.signal(Signals.SIGKILL)
        time.sleep(self.random.uniform(0.2, 2))
        self.places.database.start()

    def restart_broker(self) -> None:
        self._broker(Signals.SIGTERM)

    def kill_broker(self) -> None:
        self._broker(Signals.SIGKILL)

    def stall_broker(self) -> None:
        assert self.places.mosquitto
        child = self.places.mosquitto.child
        assert child
        child.send_signal(Signals.SIGSTOP)
        time.sleep(self.random.uniform(0.5, 2))
        child.send_signal(Signals.SIGCONT)

    def _broker(self, number: Signals) -> None:
        assert self.places.mosquitto
        self.places.mosquitto.stop(number)
        time.sleep(self.random.uniform(0, 1))
        self.places.mosquitto.start()

    def _restart(self, number: Signals, away: float) -> None:
        self.places.database.end(number)
        time.sleep(away)
        self.places.database.start()

    def _watch(self, query: str, found: Callable[[int, int], bool], then: str = "") -> None:
        """Look without a pause until the database shows what is waited for, a second at most."""
        deadline = time.monotonic() + 1.5
        with (
            suppress(psycopg.OperationalError),
            psycopg.connect(self.places.database.url, autocommit=True) as conn,
        ):
            before = self._number(conn, query)
            while time.monotonic() < deadline and not found(before, self._number(conn, query)):
                pass
            if then:
                conn.execute(then)

    @staticmethod
    def _number(conn: psycopg.Connection, query: str) -> int:
        row = conn.execute(query).fetchone()
        assert row
        return int(row[0])
