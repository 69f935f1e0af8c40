"""Migrations and connections: once, forward, by whoever comes first, or a clear refusal."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from tests.integration.conftest import fresh_database

from horizonte import config, paths
from horizonte.errors import StoreFault
from horizonte.store.connection import connect
from horizonte.store.migrate import Migration, migrate, shipped

TABLES = {"series", "observation", "ingest_batch", "dead_letter", "annotation", "forecast_run",
          "vintage", "forecast", "evaluation", "model_version", "promotion"}  # fmt: skip


@pytest.fixture
def empty(server_url: str) -> Iterator[str]:
    """The URL of a database of this test alone."""
    with fresh_database(server_url) as url:
        yield url


def test_first_use_creates_every_table_and_second_does_nothing(empty: str) -> None:
    """A connection migrates an empty database and finds it done afterwards, in UTC."""
    with connect(empty) as conn:
        found = {r[0] for r in conn.execute("SELECT tablename FROM pg_tables").fetchall()}
        assert found >= TABLES
        assert migrate(conn) == []
        assert conn.execute("SHOW timezone").fetchone() == ("UTC",)


def test_every_column_is_in_the_data_dictionary(empty: str) -> None:
    """Each table and each of its columns stands in docs/data-dictionary.md."""
    text = (paths.project_root() / "docs/data-dictionary.md").read_text("utf-8")
    with connect(empty) as conn:
        columns = conn.execute("""SELECT table_name, column_name FROM information_schema.columns
                                  WHERE table_schema IN ('public', 'prepared')
                                    AND table_name <> 'schema_migration'""").fetchall()
    assert len(columns) > 50
    assert [pair for pair in columns if not all(f"{word}`" in text for word in pair)] == []


def test_concurrent_processes_apply_each_migration_once(empty: str) -> None:
    """Processes that meet an empty database at once all succeed, and each file ran once."""
    code = (
        "import sys; from horizonte.store.connection import connect; connect(sys.argv[1]).close()"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, empty], stderr=subprocess.PIPE)
                 for _ in range(3)]  # fmt: skip
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    with connect(empty) as conn:
        versions = conn.execute("SELECT version FROM schema_migration ORDER BY 1").fetchall()
    assert [v for (v,) in versions] == [m.version for m in shipped()]


def test_edited_migration_is_refused(empty: str) -> None:
    """A migration whose text changed after it was applied raises StoreFault with the way out."""
    with psycopg.connect(empty, autocommit=True) as conn:
        migrate(conn, [Migration(1, "first", "CREATE TABLE one ()")])
        with pytest.raises(StoreFault, match=r"0001_first.*new migration"):
            migrate(conn, [Migration(1, "first", "CREATE TABLE two ()")])


def test_failed_migration_leaves_no_trace(empty: str) -> None:
    """A migration that breaks half-way is rolled back, those before it stay."""
    good, bad = (
        Migration(1, "good", "CREATE TABLE good ()"),
        Migration(2, "bad", "CREATE TABLE half (); oops"),
    )
    with psycopg.connect(empty, autocommit=True) as conn:
        with pytest.raises(psycopg.errors.SyntaxError):
            migrate(conn, [good, bad])
        assert migrate(conn, [good, Migration(2, "bad", "CREATE TABLE half ()")]) == ["bad"]


def test_marker_runs_a_migration_outside_a_transaction(empty: str) -> None:
    """``-- no-transaction`` lets a statement run that PostgreSQL refuses inside one."""
    first = Migration(1, "table", "CREATE TABLE one (n int)")
    index = Migration(2, "index", "-- no-transaction\nCREATE INDEX CONCURRENTLY one_n ON one (n)")
    with psycopg.connect(empty, autocommit=True) as conn:
        assert migrate(conn, [first, index]) == ["table", "index"]


def test_database_ahead_of_the_code_still_serves(
    empty: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Older code beside a newer schema warns and goes on: replicas are replaced one by one."""
    with psycopg.connect(empty, autocommit=True) as conn:
        migrate(conn, [Migration(1, "first", "SELECT 1"), Migration(2, "second", "SELECT 1")])
        assert migrate(conn, [Migration(1, "first", "SELECT 1")]) == []
    assert "ahead of the code" in caplog.text


def test_setting_names_the_database(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a URL, connect takes HORIZONTE_DATABASE."""
    monkeypatch.setenv("HORIZONTE_DATABASE", empty)
    config.settings.cache_clear()
    with connect() as conn:
        assert conn.info.dbname == urlsplit(empty).path[1:]
    monkeypatch.undo()
    config.settings.cache_clear()


def test_unreachable_database_says_what_to_do() -> None:
    """Nobody listening is a StoreFault that names the place and the fix, no password."""
    with pytest.raises(StoreFault, match="horizonte up") as caught:
        connect("postgresql://user:hidden@127.0.0.1:9/none")
    assert "hidden" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
