"""What is wrong here, and what to do about it: every part asked for real, one line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial

from horizonte import paths
from horizonte.doctor import home, stored
from horizonte.doctor.broker import broker
from horizonte.doctor.finding import PATIENCE, Check, Finding, heard
from horizonte.ingest.sources import load_sources
from horizonte.store.connection import Connection, connect

__all__ = ["Finding", "examine"]


def examine(now: datetime) -> list[Finding]:
    """Return what every part of this home says for itself at ``now``; starts nothing."""
    return heard(_checks(now))


def _checks(now: datetime) -> dict[str, Check]:
    from horizonte.doctor import forecasts  # the web app asks the others, and holds no model

    return {
        "services": home.embedded,
        "disk": home.disk,
        "broker": broker,
        "consumers": home.consumers,
        "database": partial(_database, now),
        "forecast service": home.service,
        "issuer": partial(_asking, forecasts.issuer),
        "forecasts": partial(_asking, forecasts.forecasts),
        "monitoring": partial(_asking, stored.monitoring),
        "retraining": partial(_asking, partial(stored.retraining, now)),
    }


def _database(now: datetime) -> Iterator[Finding]:
    with _patient() as conn:
        sources = load_sources(paths.project_root() / "sources.yaml")
        yield from stored.database(conn, sources.values(), now)


def _asking(check: Callable[[Connection], Iterator[Finding]]) -> Iterator[Finding]:
    with _patient() as conn:
        yield from check(conn)


@contextmanager
def _patient() -> Iterator[Connection]:
    """Connect to a database that may be locked: no query of ours waits for ever."""
    with connect() as conn:
        conn.execute(f"SET statement_timeout = '{PATIENCE}'".encode())
        yield conn
