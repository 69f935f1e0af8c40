"""Live forecasts are issued once, when something new is known, by one process of a database."""

from __future__ import annotations

import collections
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event

import psycopg
from prometheus_client import Counter, Gauge, Histogram

from horizonte.errors import Fault
from horizonte.serve import inputs, predict, vintages
from horizonte.serve.champion import Champion
from horizonte.serve.follow import Follower, Serving
from horizonte.serve.inputs import Knowledge
from horizonte.serve.present import Told
from horizonte.serve.rehearsal import Rehearsals
from horizonte.serve.vintages import Made
from horizonte.store import changes, seen
from horizonte.store.changes import Standing
from horizonte.store.connection import Connection

logger = logging.getLogger(__name__)
LOCK = seen.ISSUER
POLL_SECONDS = 5.0
TOGETHER = 50  # targets, between which a request that computes gets its turn
TURN_SECONDS = 1.0  # between two tries to take over
SLICE_SECONDS = 0.05  # between two looks at the follower
DEBOUNCE_SECONDS = 0.2  # what comes together is forecast together
ACTIVE = Gauge("horizonte_issuer_active", "1 in the process that issues, 0 in those that wait")
ISSUED = Counter("horizonte_issued_forecasts", "live forecasts issued", ["source"])
FAILED = Counter("horizonte_issue_failures", "passes over a source that failed", ["source"])
SECONDS = Histogram("horizonte_issue_seconds", "one pass over what was due")


@dataclass(frozen=True)
class Known:
    """What is known now: on each source's clock, and how often each target's input changed."""

    sources: Mapping[str, Knowledge]
    counted: Mapping[str, int]


def due(standings: Iterable[Standing], known: Known, version: str) -> list[Standing]:
    """Return the targets whose newest live vintage is not by ``version`` from all that is known.

    A target of a source without rows is not due.
    """
    return [s for s in standings if s.source in known.sources and not current(s, known, version)]


def current(standing: Standing, known: Known, version: str) -> bool:
    """Return whether a new forecast would only repeat the newest one."""
    now = known.sources.get(standing.source)
    if now is None:
        return False
    seen = (standing.model_version, standing.as_of, standing.changes)
    return seen == (version, now.as_of, known.counted.get(standing.unique_id))


def standing(conn: Connection, targets: Sequence[str]) -> tuple[list[Standing], Known]:
    """Return the newest vintage of each target, and what is known now, as of one moment."""
    with inputs.one_view(conn):
        found = changes.standings(conn, targets)
        sources = inputs.knowledge(conn, {s.source for s in found})
        return found, Known(sources, changes.read(conn, targets))


def settle(conn: Connection, champion: Champion, ready: Mapping[str, Made]) -> dict[str, int]:
    """Store what was made before ``champion`` was promoted and still holds; return it per source."""
    made = vintages.take(conn, champion, ready) if ready else {}
    counts = dict(collections.Counter(ready[name].source for name in made))
    for source, count in counts.items():
        ISSUED.labels(source).inc(count)
        logger.info("issued %d rehearsed forecasts of source %s", count, source)
    return counts


def issue(conn: Connection, champion: Champion, *, only: str | None = None) -> dict[str, int]:
    """Issue what is due and return how many per source; ``only`` limits it to one source.

    A source that fails is logged and stops no other. Raises psycopg.Error when the database
    goes away.
    """
    found, known = standing(conn, predict.served(champion))
    by_source: dict[str, list[str]] = {}
    for one in due(found, known, champion.version):
        if only in (None, one.source):
            by_source.setdefault(one.source, []).append(one.unique_id)
    return {source: _of_source(conn, champion, source, ids) for source, ids in by_source.items()}


def _of_source(conn: Connection, champion: Champion, source: str, ids: Sequence[str]) -> int:
    try:
        made: dict[str, Told] = {}
        for start in range(0, len(ids), TOGETHER):
            made |= vintages.compute(conn, champion, ids[start : start + TOGETHER])
    except (psycopg.OperationalError, OSError):
        raise
    except Exception:
        FAILED.labels(source).inc()
        logger.exception("forecasts of source %s could not be issued", source)
        return 0
    count = sum(one.origin == "computed" for one in made.values())
    ISSUED.labels(source).inc(count)
    logger.info("issued %d forecasts of source %s", count, source)
    return count


class Issuer:
    """Issues while it holds the database's lock; others wait, and one takes over when it ends."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        follower: Follower,
        *,
        only: str | None = None,
        also: Callable[[Connection, Champion], None] = lambda *_: None,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take a started follower; ``also`` is called after each pass, ``told`` of what was issued."""
        self._connect, self._follower = connect, follower
        self._only, self._also, self._told = only, also, told
        self._rehearsals = Rehearsals(only)

    def run(self, stop: Event) -> None:
        """Issue until ``stop`` is set, through whatever the database does meanwhile."""
        while not stop.is_set():
            try:
                with self._connect() as conn:
                    if _alone(conn, stop):
                        ACTIVE.set(1)
                        self._follow(conn, stop)
            except (Fault, psycopg.Error, OSError) as why:
                logger.error("cannot issue forecasts: %s", why)  # noqa: TRY400 (no trace)
            finally:
                ACTIVE.set(0)
            stop.wait(TURN_SECONDS)

    def _follow(self, conn: Connection, stop: Event) -> None:
        conn.execute(f"LISTEN {changes.CHANNEL}")
        while not stop.is_set():
            serving = self._follower.serving
            if serving is not None:
                self._pass(conn, serving.champion)
                at_hand, now = self._follower.at_hand(), serving.champion.version
                self._rehearsals.turn(conn, at_hand, serving=now)
            self._wait(conn, serving, stop)

    def _pass(self, conn: Connection, champion: Champion) -> None:
        began = time.perf_counter()
        ready = self._rehearsals.of(champion.version)
        stored = settle(conn, champion, ready), issue(conn, champion, only=self._only)
        for source, count in (pair for counts in stored for pair in counts.items()):
            self._told(f"{source}: {count} forecasts issued by model {champion.version[:12]}")
        SECONDS.observe(time.perf_counter() - began)
        self._also(conn, champion)

    def _wait(self, conn: Connection, serving: Serving | None, stop: Event) -> None:
        """Return when told of something, on another champion, or when the poll's turn comes."""
        deadline = time.monotonic() + POLL_SECONDS
        while not stop.is_set() and time.monotonic() < deadline:
            now = self._follower.serving
            if _version(now) != _version(serving):
                return
            if list(conn.notifies(timeout=SLICE_SECONDS, stop_after=1)):
                stop.wait(DEBOUNCE_SECONDS)
                list(conn.notifies(timeout=0))
                return


def _alone(conn: Connection, stop: Event) -> bool:
    """Wait for the turn of this process; return whether it came before ``stop``."""
    while not stop.is_set():
        row = conn.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()
        if row is not None and row[0]:
            return True
        stop.wait(TURN_SECONDS)
    return False


def _version(serving: Serving | None) -> str | None:
    return serving.champion.version if serving else None


def issuing(conn: Connection) -> bool:
    """Return whether some process holds the lock now."""
    return seen.held(conn, LOCK)
