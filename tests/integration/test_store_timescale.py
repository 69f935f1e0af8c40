"""TimescaleDB, where the server has it: the same store on hypertables."""

from __future__ import annotations

import sys

import pytest

from horizonte.store.connection import Connection

TABLES = {"observation", "forecast"}


@pytest.mark.timescale
def test_hypertables_where_the_extension_is(
    store: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the extension, observation and forecast are hypertables."""
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


def test_unique_indexes_contain_the_time_column(store: Connection) -> None:
    """Every unique index of a table that may become a hypertable includes ds."""
    found = store.execute(
        """SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
           WHERE indisunique AND indrelid IN ('observation'::regclass, 'forecast'::regclass)"""
    ).fetchall()
    assert len(found) == len(TABLES)
    assert all("ds" in definition for _, definition in found)
