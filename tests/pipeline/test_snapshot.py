"""Stage ``snapshot``: what the store held at the pin, whatever happens beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from tests.conftest import Project

from horizonte import config
from horizonte.contracts import REVISION
from horizonte.errors import StoreFault
from horizonte.ingest import registration
from horizonte.pipeline import files, snapshot
from horizonte.store import ledger, observations
from horizonte.store.connection import Connection, connect

OUTS = (files.SNAPSHOT, files.SERIES, files.ANNOTATIONS)


@pytest.fixture
def store(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """The store that the project was loaded into."""
    monkeypatch.setenv("HORIZONTE_HOME", project.env["HORIZONTE_HOME"])
    config.settings.cache_clear()
    with connect() as conn:
        yield conn
    config.settings.cache_clear()


@pytest.fixture
def copy(project: Project, tmp_path: Path) -> Path:
    """A project with the same parameters and account, and no snapshot yet."""
    for name in ("params.yaml", str(files.SOURCES), str(files.LOAD)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(project.root / name, tmp_path / name)
    return tmp_path


def test_later_rows_change_no_byte(project: Project, store: Connection, copy: Path) -> None:
    """Rows that became available after the pin leave the snapshot as it was, byte for byte."""
    late = pd.DataFrame(
        {
            "unique_id": "vic/demand_mw",
            "y": 1.0,
            "ds": pd.date_range("2019-01-01", periods=48, freq="30min", tz="UTC"),
        }
    )
    batch = ledger.open_batch(store, source="vic", kind="request", name="late", sha256=None)
    ledger.close_batch(store, batch, observations.append(store, late, batch=batch))
    snapshot.run(store, root=copy)
    for out in OUTS:
        assert (copy / out).read_bytes() == (project.root / out).read_bytes(), out


def test_what_clients_registered_is_left_out(
    project: Project, store: Connection, copy: Path
) -> None:
    """An upload under a source of its own, however long ago its readings, changes no byte."""
    given = {"name": "guest", "freq": "PT15M", "clock": "recorded", "series": {"load": {}}}
    registration.register(store, registration.declaration(given), project={})
    ds = pd.date_range("2016-01-01", periods=48, freq="15min", tz="UTC")
    rows = pd.DataFrame({"unique_id": "guest/load", "ds": ds, "y": 1.0})
    batch = ledger.open_batch(store, source="guest", kind="request", name="guest", sha256=None)
    ledger.close_batch(store, batch, observations.append(store, rows, batch=batch))
    snapshot.run(store, root=copy)
    for out in OUTS:
        assert (copy / out).read_bytes() == (project.root / out).read_bytes(), out


def test_every_revision_is_there(project: Project) -> None:
    """The snapshot holds REVISION: every row with the instant at which it could be known."""
    rows = REVISION.read(project.root / files.SNAPSHOT)
    assert rows["unique_id"].nunique() == 7
    known = rows[rows["unique_id"] == "vic/holiday"]
    assert (known["available_at"] < known["ds"]).all()


def test_a_missing_batch_is_named(store: Connection, copy: Path) -> None:
    """A file that load accounts for and this store does not hold is refused by its name."""
    account = json.loads((copy / files.LOAD).read_text())
    account["data/sample/other.csv"] = {"source": "vic", "sha256": "0" * 64}
    (copy / files.LOAD).write_text(json.dumps(account))
    with pytest.raises(StoreFault, match=r"other\.csv"):
        snapshot.run(store, root=copy)
