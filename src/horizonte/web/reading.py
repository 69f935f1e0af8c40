"""The database as pages read it: read-only, bounded in time, and absent without harm."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg

from horizonte.config import Settings
from horizonte.embedded import services
from horizonte.errors import Fault, StoreFault
from horizonte.store.connection import Connection

logger = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
CONNECT_SECONDS, QUERY_SECONDS = 3, 20
KEPT = 8  # idle connections
_OPTIONS = (
    "-c default_transaction_read_only=on -c timezone=UTC "
    f"-c statement_timeout={QUERY_SECONDS}s -c idle_in_transaction_session_timeout=60s"
)


class Missing(Exception):
    """A part that could not be had: ``part`` is a key below ``missing``; why, in words."""

    def __init__(self, part: str, why: str) -> None:
        super().__init__(part, why)
        self.part, self.why = part, why


class Database:
    """Connections that are kept; never migrates, so a user that may only SELECT is enough."""

    def __init__(self, setting: Settings) -> None:
        """Take the settings; nothing is connected yet."""
        self._setting = setting
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    def read(
        self, ask: Callable[Concatenate[Connection, P], T], *args: P.args, **given: P.kwargs
    ) -> T:
        """Return ``ask(connection, …)``; raise Missing when the database cannot answer."""
        try:
            with self.connection() as conn:
                return ask(conn, *args, **given)
        except (psycopg.Error, StoreFault) as why:
            logger.warning("database cannot answer: %s", why)
            raise Missing("database", _first_line(why)) from None

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection; one that failed is not used again."""
        conn = self._taken()
        try:
            yield conn
        except BaseException:
            conn.close()
            raise
        with self._lock:
            if len(self._idle) < KEPT:
                self._idle.append(conn)
                return
        conn.close()

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            for conn in self._idle:
                conn.close()
            self._idle.clear()

    def _taken(self) -> Connection:
        while True:
            with self._lock:
                conn = self._idle.pop() if self._idle else None
            if conn is None:
                return self._connect()
            if _answers(conn):
                return conn

    def _connect(self) -> Connection:
        given: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "options": _OPTIONS}
        url = self._setting.database or _embedded()
        return psycopg.connect(url, autocommit=True, application_name="horizonte web", **given)


def _embedded() -> str:
    try:
        return str(services.endpoints().database)
    except Fault as why:
        raise StoreFault("database", "none", "known here", str(why)) from None


def _answers(conn: Connection) -> bool:
    """Say whether an idle connection still works: servers restart."""
    try:
        conn.execute("SELECT")
    except psycopg.Error:
        conn.close()
        return False
    return True


def _first_line(why: Exception) -> str:
    return (str(why).strip().splitlines() or [type(why).__name__])[0][:300]
