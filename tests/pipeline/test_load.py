"""Stage ``load``: its account of the files, in any database."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from tests.conftest import Project

from horizonte import clock, config
from horizonte.embedded import services
from horizonte.pipeline import files, load
from horizonte.store import prepared
from horizonte.store.connection import connect


@pytest.fixture
def second(project: Project, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database beside the one that the project was loaded into."""
    monkeypatch.setenv("HORIZONTE_HOME", project.env["HORIZONTE_HOME"])
    config.settings.cache_clear()
    url = services.endpoints().database
    name = f"second_{uuid4().hex[:8]}"
    with connect(url) as conn:
        conn.execute(f"CREATE DATABASE {name}")
    return url.rsplit("/", 1)[0] + f"/{name}"


def test_account_is_the_same_in_another_database(project: Project, second: str) -> None:
    """Loading into an empty database gives the account that the first one gave, byte for byte."""
    before = (project.root / files.LOAD).read_bytes()
    with connect(second) as conn:
        load.run(conn, root=project.root, now=clock.now())
        assert len(prepared.read(conn)), "the prepared database is filled"
    assert (project.root / files.LOAD).read_bytes() == before


def test_account_holds_hashes_and_counts_only(project: Project) -> None:
    """Nothing of the account depends on the time, the place or the database."""
    account = json.loads((project.root / files.LOAD).read_text())
    assert set(account) == {
        "data/sample/vic_demand_30min.csv",
        "data/sample/pedestrian_hourly.xlsx",
    }
    assert all(set(entry) == {"source", "sha256", "rows", "refused"} for entry in account.values())
