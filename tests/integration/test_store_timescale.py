"""TimescaleDB, where the server has it: the same store on hypertables."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pandas as pd
import pytest

from horizonte.store import ledger, observations, pins
from horizonte.store.connection import Connection

EVER = pd.Timestamp("2200-01-01", tz="UTC")
TABLES = {"observation", "forecast", "request_log", "metric_sample"}


@pytest.mark.timescale
def test_hypertables_where_the_extension_is(
    store: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the extension, what grows with time is kept in hypertables."""
    row = store.execute(
        "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"
    ).fetchone()
    if row is None:
        pytest.skip("TimescaleDB: not run")
    with capsys.disabled():
        sys.stderr.write(f"\nTimescaleDB: {row[0]}\n")
    names = store.execute(
        "SELECT hypertable_name FROM timescaledb_information.hypertables"
    ).fetchall()
    assert {name for (name,) in names} == TABLES


@pytest.mark.timescale
def test_late_rows_and_corrections_reach_compressed_chunks(
    store: Connection, declare: Callable[..., None], load: Callable[..., ledger.Counts]
) -> None:
    """Compressed chunks are read unchanged, and take new, equal and corrected rows as others do."""
    if not store.execute("SELECT FROM pg_extension WHERE extname = 'timescaledb'").fetchall():
        pytest.skip("TimescaleDB: not run")
    declare("packed")
    ds = pd.date_range("2024-01-01", periods=5000, freq="h", tz="UTC")
    rows = pd.DataFrame({"unique_id": "packed", "ds": ds, "y": 1.0})
    load(rows.drop(index=7))
    pin = pins.take(store, EVER)
    before = observations.revisions(store, pin)
    store.execute("""ALTER TABLE observation SET (timescaledb.compress,
        timescaledb.compress_segmentby = 'unique_id',
        timescaledb.compress_orderby = 'ds, revision DESC')""")
    store.execute("SELECT compress_chunk(chunk) FROM show_chunks('observation') AS chunk")
    assert observations.revisions(store, pin).equals(before)
    late = rows.assign(y=[2.0 if i == 9 else 1.0 for i in rows.index])
    for expected in [(1, 4998, 1), (0, 5000, 0)]:
        counts = load(late)
        assert (counts.accepted, counts.unchanged, counts.corrected) == expected
    assert observations.current(store, ["packed"])["y"].tolist() == late["y"].tolist()
    assert observations.revisions(store, pin).equals(before)


def test_unique_indexes_contain_the_time_column(store: Connection) -> None:
    """Every unique index of a table that may become a hypertable includes ds."""
    found = store.execute(
        """SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
           WHERE indisunique AND indrelid IN ('observation'::regclass, 'forecast'::regclass)"""
    ).fetchall()
    assert len(found) == 2  # observation, forecast; the others have none
    assert all("ds" in definition for _, definition in found)
