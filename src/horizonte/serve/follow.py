"""Following the promotion pointer: one thread, one reference that is swapped when it moves."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import psycopg

from horizonte.errors import Fault, ModelFault, StoreFault
from horizonte.serve import swaps
from horizonte.serve.champion import Champion
from horizonte.serve.faults import NoChampion, NotReady
from horizonte.serve.listen import Listener
from horizonte.serve.shelf import Shelf
from horizonte.store import promotions
from horizonte.store.connection import Connection

logger = logging.getLogger(__name__)
POLL_SECONDS = 1.0
PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0)
_UNREACHABLE = ("reachable", "start it (horizonte up), or correct HORIZONTE_DATABASE")


@dataclass(frozen=True)
class Serving:
    """The champion that answers now, since when, and by which promotion."""

    champion: Champion
    promotion: promotions.Promotion
    ready_since: datetime


@dataclass(frozen=True)
class Doors:
    """What the follower is given: how to connect, to make a champion, and to warm it."""

    connect: Callable[[], Connection]
    obtain: Callable[[str], Champion]
    warm: Callable[[Connection, Champion], None]
    now: Callable[[], datetime]


class Follower:
    """Keeps ``serving`` at the newest promotion whose model could be loaded and has forecast.

    A model that is refused leaves the old one in place; the reason is in ``refused`` until a
    pointer can be followed again. Told of a promotion, and looking every second besides, so a
    lost notification delays a swap and never loses it. A second thread makes ready what may be
    promoted next: the newest registered version, and the previous champion.
    """

    def __init__(self, doors: Doors) -> None:
        """Take what the threads will use; ``start`` runs them."""
        self.serving: Serving | None = None
        self.refused: Fault | None = NotReady("champion", "loading", "loaded yet", "wait a moment")
        self._doors = doors
        self._shelf = Shelf(self._make)
        self._loading: dict[str, float] = {}  # seconds that each version took
        self._failures = 0
        self._given_up: tuple[int, float] = (0, 0.0)  # a refused promotion, and when to try again
        self._bad: set[str] = set()  # candidates that no second look would mend
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="champion", daemon=True)
        self._next = Listener(promotions.REGISTERED, connect=doors.connect, look=self.prepare)

    def start(self) -> None:
        """Begin to follow, in threads of its own."""
        self._thread.start()
        self._next.start()

    def stop(self) -> None:
        """Stop following and wait for the threads to end."""
        self._stopped.set()
        self._next.stop()
        self._thread.join(timeout=10)

    def at_hand(self) -> list[Champion]:
        """Return the champions that are ready and do not serve."""
        serving = self.serving
        return [one for one in self._shelf.held() if serving is None or one is not serving.champion]

    def look(self, conn: Connection) -> None:
        """Swap to the promoted model if it is another one; raise what keeps it from serving."""
        promotion = promotions.current_promotion(conn)
        if promotion is None:
            self.refused = NoChampion(
                "promotion",
                None,
                "a promoted model",
                "train and publish one: dvc repro, then horizonte publish",
            )
        elif self.serving is None or self.serving.promotion.id != promotion.id:
            self._swap(conn, promotion)
        else:
            self._accept()

    def prepare(self, conn: Connection) -> None:
        """Make ready what may be promoted next; what is refused is said, and stops nothing."""
        serving = self.serving
        if serving is None:
            return  # first things first
        wanted = [v for v in promotions.candidates(conn) if v not in self._bad]
        self._shelf.keep([serving.champion.version, *wanted])
        for version in wanted:
            try:
                self._shelf.get(conn, version)
            except Fault as why:
                swaps.refused(type(why).__name__)
                logger.error("candidate model is refused: %s", why)  # noqa: TRY400 (no trace)
                if isinstance(why, ModelFault):
                    self._bad.add(version)
        swaps.AT_HAND.set(len(self._shelf.versions()))

    def _swap(self, conn: Connection, promotion: promotions.Promotion) -> None:
        old = self.serving
        if promotion.id == self._given_up[0] and time.monotonic() < self._given_up[1]:
            return
        champion = self._shelf.get(conn, promotion.sha256)
        same = old is not None and old.champion.version == champion.version
        now = self._doors.now()
        since = old.ready_since if old is not None and same else now
        self.serving = Serving(champion, promotion, since)
        self._accept()
        if old is not None:
            swaps.swapped((now - promotion.recorded_at).total_seconds())
        swaps.serves(champion.version, self._loading.get(champion.version, 0.0))
        logger.info("champion is %s: %s", champion.version, promotion.why)

    def _accept(self) -> None:
        self.refused, self._given_up, self._failures = None, (0, 0.0), 0
        swaps.REFUSED.set(0)

    def _make(self, conn: Connection, version: str) -> Champion:
        began = time.perf_counter()
        champion = self._doors.obtain(version)
        self._doors.warm(conn, champion)
        self._loading[version] = time.perf_counter() - began
        logger.info("model %s is ready after %.2f s", version, self._loading[version])
        return champion

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with self._doors.connect() as conn:
                    conn.execute(f"LISTEN {promotions.CHANNEL}")
                    self._follow(conn)
            except Fault as why:
                self._keep(why)
            except (psycopg.Error, OSError) as why:
                self._keep(StoreFault("database", type(why).__name__, *_UNREACHABLE))
            self._stopped.wait(self._pause())

    def _follow(self, conn: Connection) -> None:
        """Look whenever the pointer may have moved, until told to stop or disconnected."""
        while not self._stopped.is_set():
            try:
                self.look(conn)
            except (psycopg.Error, OSError):
                raise
            except Fault as why:
                self._refuse(conn, why)
            except Exception:  # the thread must outlive what nobody foresaw
                logger.exception("cannot follow the champion")
                self._refuse(
                    conn,
                    ModelFault("champion", "an unforeseen failure", "loadable", "see the log"),
                )
            list(conn.notifies(timeout=POLL_SECONDS, stop_after=1))

    def _refuse(self, conn: Connection, why: Fault) -> None:
        """Keep who serves; try this promotion again after a pause, another at once."""
        promotion = promotions.current_promotion(conn)
        if promotion is not None:
            self._given_up = (promotion.id, time.monotonic() + self._pause())
        self._keep(why)
        swaps.refused(type(why).__name__)

    def _pause(self) -> float:
        self._failures += 1
        return PAUSES[min(self._failures, len(PAUSES)) - 1]

    def _keep(self, why: Fault) -> None:
        """Remember why the pointer cannot be followed; who serves goes on serving."""
        self.refused = why
        swaps.REFUSED.set(1)
        logger.error("cannot follow the champion: %s", why)
