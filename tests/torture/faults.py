"""The faults: signals to real processes, at moments drawn from a seed."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
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
    "database_away_long": 1,
    "kill_while_database_away": 3,
    "restart_broker": 6,
    "stall_broker": 3,
}


LONG_RUN = 200  # faults from which on the database is also away for minutes


class Faults:
    """Injects faults one after the other, and counts them by kind."""

    def __init__(
        self, places: Places, seed: int, *, kill_broker: bool = False, only: Sequence[str] = ()
    ) -> None:
        self.places, self.random, self.only = places, random.Random(seed), only
        self.counts: Counter[str] = Counter()
        self.weights = dict(WEIGHTS)
        if not places.mosquitto:  # the embedded broker forgets everything when it ends
            del self.weights["restart_broker"], self.weights["stall_broker"]
        if kill_broker:
            self.weights["kill_broker"] = 10

    def run(self, count: int) -> None:
        assert process.wait_until(self.places.settled, seconds=90), "nothing is stored"
        for kind in self._drawn(count):
            self.places.gaps.look()
            # Mostly against a consumer at work, sometimes against one that is only starting.
            if self.random.random() > 0.15:
                process.wait_until(self.places.consumer.ready, seconds=30)
            getattr(self, kind)()
            self.counts[kind] += 1
            time.sleep(self.random.uniform(0.0, 0.6))

    def _drawn(self, count: int) -> list[str]:
        """Return the kinds in order; a long run has the database away for long at least once."""
        weights = {
            kind: w for kind, w in self.weights.items() if not self.only or kind in self.only
        }
        long = weights.pop("database_away_long", 0) if count < LONG_RUN and not self.only else 0
        kinds = self.random.choices(list(weights), list(weights.values()), k=count)
        if not (long or self.only or "database_away_long" in kinds):
            kinds[count // 2] = "database_away_long"
        return kinds

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

    def database_away_long(self) -> None:
        self._restart(Signals.SIGINT, self.random.uniform(60, 150))

    def kill_while_database_away(self) -> None:
        self.places.database.end(Signals.SIGQUIT)
        time.sleep(self.random.uniform(0.2, 2))
        self.places.consumer.signal(Signals.SIGKILL)
        time.sleep(self.random.uniform(0.2, 2))
        self.places.database.start()

    def restart_broker(self) -> None:
        self._broker(Signals.SIGTERM)

    def kill_broker(self) -> None:
        """Kill it and wait until the consumer is back: numbers that come after show what is lost."""
        consumer, start = self.places.consumer, self.places.consumer.starts
        before = consumer.subscriptions()
        self._broker(Signals.SIGKILL)
        process.wait_until(
            lambda: consumer.subscriptions() > before or consumer.starts > start, seconds=60
        )
        time.sleep(3)  # for numbers beyond what was lost

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
