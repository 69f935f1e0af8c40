"""Real servers for the integration tests: one PostgreSQL and one S3 for the whole session."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pandas as pd
import psycopg
import pytest
from psycopg import sql
from tests.series import declared

from horizonte import config
from horizonte.embedded import services
from horizonte.embedded.endpoints import Endpoints, S3Settings
from horizonte.store import ledger, observations, series
from horizonte.store.connection import Connection, connect

GIVEN = "HORIZONTE_TEST_DATABASE"


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of embedded services that this session's tests share; stopped at its end."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        _enter(patch, home)
        yield home
        _enter(patch, home)
        services.down()
    config.settings.cache_clear()


@pytest.fixture(scope="session")
def server_url(request: pytest.FixtureRequest) -> str:
    """A PostgreSQL server: the one that HORIZONTE_TEST_DATABASE names, or the embedded one."""
    if given := os.environ.get(GIVEN):
        return given
    request.getfixturevalue("servers")
    return services.up(("postgres",), link_project=False).database


@pytest.fixture(scope="module")
def database_url(server_url: str) -> Iterator[str]:
    """A fresh, empty database for one test module, dropped after it."""
    with fresh_database(server_url) as url:
        yield url


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """Make an empty database on a server, and drop it at the end."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def bucket(servers: Path) -> S3Settings:
    """A real bucket on a real S3 endpoint, shared by the session: use keys of your own."""
    return services.up(("s3",), link_project=False).s3


@pytest.fixture
def enter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], Path]]:
    """Makes a folder the home of this test; what was started in it is stopped afterwards."""
    entered: list[Path] = []

    def at(home: Path) -> Path:
        _enter(monkeypatch, home)
        entered.append(home)
        return home

    yield at
    for home in entered:
        _enter(monkeypatch, home)
        services.down()
    monkeypatch.undo()
    config.settings.cache_clear()


@pytest.fixture(scope="session")
def rented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home, of mode 0700, for tests that mistreat its services; stopped at the session's end."""
    home = tmp_path_factory.mktemp("embedded")
    yield home
    with pytest.MonkeyPatch.context() as patch:
        _enter(patch, home)
        services.down()
    config.settings.cache_clear()


@pytest.fixture
def found(rented: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoints]:
    """The endpoints of the rented home, up, with one row and one object in its services."""
    _enter(monkeypatch, rented)
    found = services.up(link_project=False)
    with psycopg.connect(found.database) as conn:
        conn.execute("create table if not exists kept (x int primary key)")
        conn.execute("insert into kept values (1) on conflict do nothing")
    _client(found.s3).put_object(Bucket=found.s3.bucket, Key="kept", Body=b"1")
    yield found
    monkeypatch.undo()
    config.settings.cache_clear()


@pytest.fixture
def kept() -> Callable[[Endpoints], bool]:
    """Tells whether the row and the object of ``found`` are still there."""

    def both(found: Endpoints) -> bool:
        with psycopg.connect(found.database) as conn:
            rows = conn.execute("select x from kept").fetchall()
        answer = _client(found.s3).get_object(Bucket=found.s3.bucket, Key="kept")
        return rows == [(1,)] and answer["Body"].read() == b"1"

    return both


def _enter(patch: pytest.MonkeyPatch, home: Path) -> None:
    patch.setenv("HORIZONTE_HOME", str(home))
    for name in ("HORIZONTE_DATABASE", "HORIZONTE_S3", "HORIZONTE_MQTT"):
        patch.delenv(name, raising=False)
    config.settings.cache_clear()


def _client(s3: S3Settings) -> Any:  # boto3 makes its classes as it runs
    import boto3

    keys = {"aws_access_key_id": s3.key, "aws_secret_access_key": s3.secret}
    return boto3.client("s3", endpoint_url=s3.endpoint, region_name=s3.region, **keys)


@pytest.fixture
def store(database_url: str) -> Iterator[Connection]:
    """A connection to the module's database, migrated; tests keep apart by their unique_ids."""
    with connect(database_url) as conn:
        yield conn


@pytest.fixture
def declare(store: Connection) -> Callable[..., None]:
    """Register series: ``declare("a", "b", source="s")`` is hourly, past-only, without limits."""

    def run(*ids: str, **facts: object) -> None:
        series.register(store, declared(*ids, **facts))

    return run


@pytest.fixture
def load(store: Connection) -> Callable[..., ledger.Counts]:
    """Append rows as one closed batch: ``load(frame, source="s", kind="stream", arrival=…)``."""

    def run(
        rows: pd.DataFrame,
        *,
        source: str | None = None,
        kind: str = "request",
        arrival: pd.Timestamp | None = None,
        conn: Connection = store,
    ) -> ledger.Counts:
        source = source or rows["unique_id"].iloc[0]
        batch = ledger.open_batch(conn, source=source, kind=kind, name="test", sha256=None)
        counts = observations.append(conn, rows, batch=batch, arrival=arrival)
        ledger.close_batch(conn, batch, counts)
        return counts

    return run
