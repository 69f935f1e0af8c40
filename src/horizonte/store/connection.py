"""One way into the database: reachable, in UTC, migrated, or a fault that says what to do."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import psycopg
from psycopg import conninfo
from psycopg.pq import TransactionStatus

from horizonte.config import settings
from horizonte.errors import StoreFault
from horizonte.store.migrate import migrate

Connection = psycopg.Connection[tuple[Any, ...]]
CONNECT_SECONDS = 10
OLDEST_SERVER = 140000


def connect(url: str | None = None) -> Connection:
    """Return an open connection to ``url``, else to the setting, else to the embedded server.

    The session is in UTC and the schema is up to date. It is in autocommit: every function of
    the store is atomic by itself, and ``with conn.transaction():`` around several makes them
    one. Raises StoreFault when the server cannot be reached or is too old.
    """
    target = url or settings().database or _embedded()
    try:
        conn = psycopg.connect(
            target, autocommit=True, connect_timeout=CONNECT_SECONDS, application_name="horizonte"
        )
    except psycopg.Error as why:
        raise _unreachable(target, why) from None
    try:
        ensure_schema(conn)
    except BaseException:
        conn.close()
        raise
    return conn


def ensure_schema(conn: Connection) -> list[str]:
    """Set the session to UTC, apply what migrations are missing and return their names."""
    if conn.info.server_version < OLDEST_SERVER:
        raise StoreFault(
            "database server",
            conn.info.server_version,
            "PostgreSQL 14 or newer",
            "upgrade the server or unset HORIZONTE_DATABASE for the embedded one",
        )
    conn.execute("SET TIME ZONE 'UTC'")
    applied = migrate(conn)
    conn.execute(_NO_SKIP_SCAN)
    conn.execute(
        """INSERT INTO store_identity (identity) SELECT %s
                    WHERE NOT EXISTS (SELECT FROM store_identity WHERE identity = %s)
                    ON CONFLICT DO NOTHING""",
        (identity(conn),) * 2,
    )
    return applied


def atomic(conn: Connection) -> AbstractContextManager[object]:
    """Return a transaction, or nothing inside an open one: that one is whole or not at all.

    A savepoint would cost two more waits for the server. Whoever holds the open one must let
    what fails inside end it.
    """
    idle = conn.info.transaction_status is TransactionStatus.IDLE
    return conn.transaction() if idle else nullcontext()


def identity(conn: Connection) -> str:
    """Return what tells this database from every other: cluster and database number."""
    row = conn.execute("""SELECT format('%s.%s', system_identifier, oid)
                          FROM pg_control_system(), pg_database
                          WHERE datname = current_database()""").fetchone()
    assert row is not None
    return str(row[0])


def _embedded() -> str:
    from horizonte.embedded import services

    return str(services.endpoints().database)


def _unreachable(target: str, why: psycopg.Error) -> StoreFault:
    return StoreFault(
        "database",
        shown(target),
        f"reachable ({str(why).strip().splitlines()[0]})",
        "start the server, correct HORIZONTE_DATABASE, or unset it and run `horizonte up`",
    )


def shown(target: str) -> str:
    """Return a connection string or URL as it may be logged: without its password."""
    try:
        parts = conninfo.conninfo_to_dict(target)
    except psycopg.Error:
        return "unreadable connection string"
    return " ".join(f"{key}={value}" for key, value in parts.items() if key != "password")


# Newest-of-each over nearly distinct keys: TimescaleDB's skip scan made it eleven times slower.
_NO_SKIP_SCAN = """SELECT set_config('timescaledb.enable_skipscan', 'off', false)
    FROM pg_extension WHERE extname = 'timescaledb'"""
