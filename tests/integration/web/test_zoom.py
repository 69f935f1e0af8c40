"""Wide windows of a long series, from memory, compared with what the database holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.integration.web.conftest import END, RULES, facts

from horizonte.config import Settings
from horizonte.embedded import process
from horizonte.store import ledger, observations, prepared
from horizonte.store import series as registry
from horizonte.store.charted import Stretch
from horizonte.store.connection import Connection, connect
from horizonte.web import series, zoom
from horizonte.web.reading import Database
from horizonte.web.zoom import Zooms

NAME, STEP = "plant/minutes", pd.Timedelta(minutes=1)
HOURS = timedelta(hours=6)


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[Database]:
    """The web app's database; in it 120,000 minutes, a day of them missing."""
    with connect(database_url) as conn:
        registry.register(conn, facts(NAME, freq="PT1M"))
        ds = pd.date_range(end=END - STEP, periods=120_000, freq=STEP)
        y = 100 + np.random.default_rng(1).normal(0, 5, len(ds))
        gap = (ds >= END - pd.Timedelta(days=40)) & (ds < END - pd.Timedelta(days=39))
        add(conn, pd.DataFrame({"unique_id": NAME, "ds": ds, "y": y})[~gap])
    made = Database(Settings(database=database_url))
    yield made
    made.close()


def add(conn: Connection, rows: pd.DataFrame) -> None:
    """Load readings and clean them."""
    batch = ledger.open_batch(conn, source="plant", kind="request", name="test", sha256=None)
    ledger.close_batch(conn, batch, observations.append(conn, rows, batch=batch))
    assert not prepared.follow(conn, RULES).failed


def shown(database: Database, zooms: Zooms) -> pd.DataFrame:
    """All of the series in places of six hours, as a chart gets it."""

    def ask(conn: Connection) -> list[dict[str, Any]]:
        known = series.facts(conn, NAME, END.to_pydatetime())
        whole = Stretch(NAME, known.extent.first, known.extent.last)
        return zooms.buckets(conn, known, whole, HOURS)

    return pd.DataFrame(database.read(ask)).set_index("ds")


def wanted(url_of: Database) -> pd.DataFrame:
    """The same from every row of the clean grid."""
    rows = url_of.read(
        lambda conn: conn.execute(
            "SELECT ds, y, quality <> 'ok' FROM prepared.observation WHERE unique_id = %s", (NAME,)
        ).fetchall()
    )
    grid = pd.DataFrame(rows, columns=["ds", "y", "flagged"]).set_index("ds")
    groups = grid.groupby(grid.index.floor(HOURS))
    found = groups["y"].agg(["mean", "min", "max"]).assign(flagged=groups["flagged"].sum())
    found.index += HOURS / 2
    found.columns = ["y", "low", "high", "flagged"]
    return found[found["y"].notna()]


def test_kept_places_are_those_of_the_grid(database: Database) -> None:
    """Mean, extremes and flags of each six hours; the missing day is no place; twice the same."""
    zooms = Zooms(database)
    for _ in range(2):
        found = shown(database, zooms)
        pd.testing.assert_frame_equal(found, wanted(database), check_dtype=False, check_freq=False)
        assert list(zooms._kept) == [NAME]


def test_a_new_reading_is_there_at_once(database: Database, database_url: str) -> None:
    """The newest places are asked of the database each time."""
    zooms = Zooms(database)
    shown(database, zooms)
    with connect(database_url) as conn:
        add(conn, pd.DataFrame({"unique_id": NAME, "ds": [END], "y": [777.0]}))
    assert shown(database, zooms)["high"].iloc[-1] == 777.0


def test_a_correction_of_old_readings_follows(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was kept is read anew, beside its readers, once the series has changed."""
    zooms = Zooms(database)
    old = END - pd.Timedelta(days=60)
    shown(database, zooms)
    with connect(database_url) as conn:
        add(conn, pd.DataFrame({"unique_id": NAME, "ds": [old], "y": [-500.0]}))
    assert shown(database, zooms)["low"].min() > 0  # kept for a while
    monkeypatch.setattr(zoom, "LATE", 0.0)
    assert process.wait_until(lambda: shown(database, zooms)["low"].min() == -500.0, seconds=30)
