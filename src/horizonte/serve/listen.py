"""A thread that looks whenever a channel is told, and every few seconds, until stopped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import psycopg

from horizonte.errors import Fault
from horizonte.store.connection import Connection

logger = logging.getLogger(__name__)
POLL_SECONDS = 15
PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0)


class Listener:
    """Calls ``look`` with a connection of its own: at once, when told, and every 15 s.

    A lost notification or a broken connection delays a look and never loses it; what goes wrong
    is logged, and tried again after a pause.
    """

    def __init__(
        self, channel: str, *, connect: Callable[[], Connection], look: Callable[[Connection], None]
    ) -> None:
        """Take the channel and what to call; ``start`` runs the thread."""
        self._channel, self._connect, self._look = channel, connect, look
        self._failures = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=channel, daemon=True)

    def start(self) -> None:
        """Begin to listen, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and wait for the thread to end."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with self._connect() as conn:
                    conn.execute(f"LISTEN {self._channel}")
                    self._follow(conn)
            except (Fault, psycopg.Error, OSError) as why:
                logger.warning("%s: cannot look, keeping what is known: %s", self._channel, why)
            except Exception:  # the thread must outlive what nobody foresaw
                logger.exception("%s: cannot look, keeping what is known", self._channel)
            self._stopped.wait(PAUSES[min(self._failures, len(PAUSES) - 1)])
            self._failures += 1

    def _follow(self, conn: Connection) -> None:
        while not self._stopped.is_set():
            self._look(conn)
            self._failures = 0
            self._heard(conn)

    def _heard(self, conn: Connection) -> None:
        """Wait until told or the poll's turn, a second at a time so that stop is prompt."""
        for _ in range(POLL_SECONDS):
            if self._stopped.is_set() or list(conn.notifies(timeout=1.0, stop_after=1)):
                list(conn.notifies(timeout=0))  # one look answers all that were told by now
                return
