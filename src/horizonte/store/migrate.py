"""Forward-only migrations: numbered SQL files, each applied once, whoever comes first."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files

import psycopg

from horizonte.errors import StoreFault

NO_TRANSACTION = "-- no-transaction"
_LOCK = 4_614_110_870_001  # any constant: every process of every copy must agree on it
_LEDGER = """CREATE TABLE IF NOT EXISTS schema_migration (
    version integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now())"""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Migration:
    """One ``NNNN_name.sql``; the marker line ``-- no-transaction`` runs it outside one."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Return the hash of the text, by which a later edit is noticed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped() -> list[Migration]:
    """Return the migrations that come with this code, in order."""
    found = sorted(
        f.name for f in (files(__package__) / "sql").iterdir() if f.name.endswith(".sql")
    )
    texts = ((name, (files(__package__) / "sql" / name).read_text("utf-8")) for name in found)
    return [Migration(int(name[:4]), name[5:-4], text) for name, text in texts]


def migrate(conn: psycopg.Connection, migrations: list[Migration] | None = None) -> list[str]:
    """Bring the database up to ``migrations`` and return the names applied now.

    Safe from any number of processes at once. Raises StoreFault when an applied migration
    was edited since. A database ahead of the code is left alone, with a warning.
    """
    wanted = shipped() if migrations is None else migrations
    if not _pending(wanted, _applied(conn)):
        return []
    with _alone(conn):
        conn.execute(_LEDGER)
        pending = _pending(wanted, _applied(conn))
        for migration in pending:
            _apply(conn, migration)
    return [migration.name for migration in pending]


@contextmanager
def _alone(conn: psycopg.Connection) -> Iterator[None]:
    conn.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def _applied(conn: psycopg.Connection) -> dict[int, str]:
    found = conn.execute("SELECT to_regclass('schema_migration')").fetchone()
    if found is None or found[0] is None:
        return {}
    return dict(conn.execute("SELECT version, sha256 FROM schema_migration").fetchall())


def _pending(wanted: list[Migration], applied: dict[int, str]) -> list[Migration]:
    for migration in wanted:
        if applied.get(migration.version, migration.sha256) != migration.sha256:
            raise StoreFault(
                f"migration {migration.version:04d}_{migration.name}",
                migration.sha256[:12],
                f"the text applied, {applied[migration.version][:12]}",
                "restore the file and put the change into a new migration",
            )
    ahead = set(applied) - {migration.version for migration in wanted}
    if ahead:
        _log.warning("database is ahead of the code by migrations %s", sorted(ahead))
    return [migration for migration in wanted if migration.version not in applied]


def _apply(conn: psycopg.Connection, migration: Migration) -> None:
    _log.info("applying migration %04d_%s", migration.version, migration.name)
    if NO_TRANSACTION in migration.sql.splitlines():
        _run(conn, migration)
    else:
        with conn.transaction():
            _run(conn, migration)


def _run(conn: psycopg.Connection, migration: Migration) -> None:
    conn.execute(migration.sql.encode())
    conn.execute(
        "INSERT INTO schema_migration (version, name, sha256) VALUES (%s, %s, %s)",
        (migration.version, migration.name, migration.sha256),
    )
