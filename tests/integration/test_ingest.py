"""Files into a real store: counted, idempotent, all or nothing, every refusal kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from horizonte.errors import DataFault
from horizonte.ingest.files import ingest, read
from horizonte.ingest.sources import Source, load_sources
from horizonte.store import ledger, observations
from horizonte.store.connection import Connection, connect

ROOT = Path(__file__).parents[2]
NOW = datetime(2024, 6, 1, tzinfo=UTC)
TEXT = "t,a,b\n2024-01-01T00:00Z,1,5\n2024-01-01T01:00Z,2,x\n2024-01-01T02:00Z,3,\n"


@pytest.fixture(scope="module")
def conn(database_url: str) -> Iterator[Connection]:
    """A connection to this module's own database."""
    with connect(database_url) as opened:
        yield opened


def _source(name: str, **changes: Any) -> Source:
    settings = {"name": name, "freq": "PT1H", "timestamp": "t", "series": {"a": {}, "b": {}}}
    return Source.model_validate({**settings, **changes})


def _counts(result: Any) -> tuple[int, int, int, int, int]:
    return (result.rows_read, result.accepted, result.unchanged, result.corrected, result.refused)


def _letters(conn: Connection, batch_id: int) -> list[tuple[Any, ...]]:
    frame = ledger.dead_letters(conn, batch_id)[["file", "row", "column", "value", "reason"]]
    return [tuple(line) for line in frame.itertuples(index=False)]


def test_counts_and_dead_letters(conn: Connection, tmp_path: Path) -> None:
    """Accepted and refused readings add up, and a refusal is a dead letter with its place."""
    path = tmp_path / "f.csv"
    path.write_text(TEXT)
    result = ingest(conn, path, source=_source("one"), now=NOW)
    assert _counts(result) == (5, 4, 0, 0, 1)
    assert _letters(conn, result.batch_id) == [("f.csv", 3, "C", "x", "not a number")]
    stored = observations.current(conn, ["one/a", "one/b"])
    assert stored["y"].tolist() == [1.0, 2.0, 3.0, 5.0]


def test_twice_does_nothing(conn: Connection, tmp_path: Path) -> None:
    """The same content again, under any name, changes nothing and opens no batch."""
    path = tmp_path / "f.csv"
    path.write_text(TEXT)
    first = ingest(conn, path, source=_source("two"), now=NOW)
    known = len(ledger.batches(conn))
    again = ingest(conn, path.rename(tmp_path / "g.csv"), source=_source("two"), now=NOW)
    assert _counts(again) == (5, 0, 4, 0, 1)
    assert (again.batch_id, again.sha256) == (first.batch_id, first.sha256)
    assert len(ledger.batches(conn)) == known


def test_again_after_a_new_declaration(conn: Connection, tmp_path: Path) -> None:
    """Content that is read anew on purpose adds what it now gives."""
    path = tmp_path / "f.csv"
    path.write_text(TEXT.replace("x", '"2,5"'))
    ingest(conn, path, source=_source("three"), now=NOW)
    result = ingest(conn, path, source=_source("three", decimal=","), now=NOW, again=True)
    assert _counts(result) == (5, 1, 4, 0, 0)


def test_correction(conn: Connection, tmp_path: Path) -> None:
    """Another value for a known instant is a correction, available from its arrival on."""
    path = tmp_path / "f.csv"
    path.write_text(TEXT)
    source = _source("four", clock="wall")
    ingest(conn, path, source=source, now=NOW)
    path.write_text(TEXT.replace(",2,", ",2.5,"))
    result = ingest(conn, path, source=source, now=NOW)
    assert _counts(result) == (5, 0, 3, 1, 1)
    before = observations.as_of(conn, pd.Timestamp(NOW) - pd.Timedelta("1s"), ["four/a"])
    after = observations.as_of(conn, pd.Timestamp(NOW), ["four/a"])
    assert (before["y"].tolist(), after["y"].tolist()) == ([1.0, 2.0, 3.0], [1.0, 2.5, 3.0])


def test_correction_on_a_recorded_clock(conn: Connection, tmp_path: Path) -> None:
    """A recorded source's correction arrives at its newest available_at, this file included."""
    path = tmp_path / "f.csv"
    path.write_text(TEXT)
    source = _source("five", clock="recorded")
    ingest(conn, path, source=source, now=NOW)
    path.write_text(TEXT.replace(",2,", ",2.5,") + "2024-01-02T00:00Z,9,\n")
    ingest(conn, path, source=source, now=NOW)
    newest = pd.Timestamp("2024-01-02T01:00Z")
    assert ledger.source_now(conn, "five") == newest
    before = observations.as_of(conn, newest - pd.Timedelta("1s"), ["five/a"])
    after = observations.as_of(conn, newest, ["five/a"])
    assert (before["y"].tolist(), after["y"].tolist()) == ([1.0, 2.0, 3.0], [1.0, 2.5, 3.0, 9.0])


def test_structural_error(conn: Connection, tmp_path: Path) -> None:
    """A file refused as a whole stores nothing but the ledger row that says why."""
    path = tmp_path / "f.csv"
    path.write_text(TEXT.replace("t,a,b", "t,a,c"))
    with pytest.raises(DataFault, match="column 'b'"):
        ingest(conn, path, source=_source("six"), now=NOW)
    batch = ledger.batches(conn).iloc[-1]
    assert (batch["source"], batch["status"], batch["refused"]) == ("six", "refused", 1)
    assert "column 'b'" in _letters(conn, int(batch["id"]))[0][4]
    known = conn.execute("SELECT count(*) FROM observation WHERE source = 'six'").fetchone()
    assert known == (0,)


def test_truncated_in_the_middle(conn: Connection, tmp_path: Path) -> None:
    """A file that turns out broken after many good rows leaves none of them."""
    path = tmp_path / "f.csv.gz"
    whole = (ROOT / "data/sample/mast_10min.csv.gz").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    source = load_sources(ROOT / "sources.yaml")["mast"]
    with pytest.raises(DataFault, match="complete gzip"):
        ingest(conn, path, source=source, now=NOW)
    known = conn.execute("SELECT count(*) FROM observation WHERE source = 'mast'").fetchone()
    assert known == (0,)


def test_sample(conn: Connection) -> None:
    """Every reading of a sample workbook comes back from the store as the file has it."""
    source = load_sources(ROOT / "sources.yaml")["pedestrian"]
    path = ROOT / source.files[0]
    result = ingest(conn, path, source=source, now=NOW)
    assert _counts(result) == (66_037, 66_037, 0, 0, 0)
    keys = ["unique_id", "ds"]
    stored = observations.current(conn, [source.unique_id(key) for key in source.series])
    parsed = read(path, source).rows
    pd.testing.assert_frame_equal(
        stored.sort_values(keys, ignore_index=True)[[*keys, "y"]],
        parsed.sort_values(keys, ignore_index=True),
    )
