"""Following the promotion pointer: one thread, one reference that is swapped when it moves."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import psycopg

from horizonte.errors import Fault, ModelFault, StoreFault
from horizonte.serve.champion import Champion
from horizonte.serve.faults import NoChampion, NotReady
from horizonte.store import promotions
from horizonte.store.connection import Connection

logger = logging.getLogger(__name__)
POLL_SECONDS = 15.0
PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0)


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
    pointer can be followed again. Listens to the channel and looks again every 15 s, so a lost
    notification or a broken connection delays a swap and never loses it.
    """

    def __init__(self, doors: Doors) -> None:
        """Take what the thread will use; ``start`` runs it."""
        self.serving: Serving | None = None
        self.refused: Fault | None = NotReady("champion", "loading", "loaded yet", "wait a moment")
        self._doors = doors
        self._failures = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="champion", daemon=True)

    def start(self) -> None:
        """Begin to follow, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following and wait for the thread to end."""
        self._stopped.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with self._doors.connect() as conn:
                    conn.execute(f"LISTEN {promotions.CHANNEL}")
                    self._follow(conn)
            except Fault as why:
                self._keep(why)
            except (psycopg.Error, OSError) as why:
                self._keep(
                    StoreFault(
                        "database",
                        type(why).__name__,
                        "reachable",
                        "start it (horizonte up), or correct HORIZONTE_DATABASE",
                    )
                )
            except Exception:  # the thread must outlive what nobody foresaw
                logger.exception("cannot follow the champion")
                self._keep(
                    ModelFault("champion", "an unforeseen failure", "loadable", "see the log")
                )
            self._stopped.wait(PAUSES[min(self._failures, len(PAUSES) - 1)])
            self._failures += 1

    def _keep(self, why: Fault) -> None:
        """Remember why the pointer cannot be followed; who serves goes on serving."""
        self.refused = why
        logger.warning("cannot follow the champion: %s", why)

    def _follow(self, conn: Connection) -> None:
        """Look at the pointer whenever it may have moved, until told to stop."""
        while not self._stopped.is_set():
            self.look(conn)
            self._failures = 0
            self._heard(conn)

    def _heard(self, conn: Connection) -> None:
        """Wait for a notification or the poll's turn, a second at a time so that stop is prompt."""
        for _ in range(int(POLL_SECONDS)):
            if self._stopped.is_set() or list(conn.notifies(timeout=1.0, stop_after=1)):
                return

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
            return
        old = self.serving
        if old is None or old.champion.version != promotion.sha256:
            champion = self._doors.obtain(promotion.sha256)
            self._doors.warm(conn, champion)
            self.serving = Serving(champion, promotion, self._doors.now())
            logger.info("champion is %s: %s", champion.version, promotion.why)
        elif old.promotion.id != promotion.id:
            self.serving = Serving(old.champion, promotion, old.ready_since)
        self.refused = None
