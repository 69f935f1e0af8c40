"""The prepared database: kept up in parts, always equal to cleaning everything."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from horizonte import params, paths
from horizonte.contracts import PREPARED
from horizonte.prepare.clean import clean
from horizonte.store import annotations as known
from horizonte.store import ledger, observations, prepared, series
from horizonte.store.connection import Connection

Load = Callable[..., ledger.Counts]
Declare = Callable[..., None]
RULES = params.load(paths.project_root() / paths.MARKER).clean
EVER = pd.Timestamp("2200-01-01", tz="UTC")


def history(name: str, hours: int, start: str = "2023-01-01") -> pd.DataFrame:
    ds = pd.date_range(start, periods=hours, freq="h", tz="UTC")
    rng = np.random.default_rng(1)
    y = 10 + np.sin(np.arange(hours) / 24 * 2 * np.pi) + rng.normal(0, 0.1, hours)
    return pd.DataFrame({"unique_id": name, "ds": ds, "y": y})


def in_full(conn: Connection, name: str) -> pd.DataFrame:
    rows = observations.current(conn, [name])
    notes = known.read(conn, EVER, [name])
    return PREPARED.check(
        clean(rows, series=series.read(conn, [name]), rules=RULES, annotations=notes)
    )


def test_prepared_is_clean_of_the_current_observations(
    store: Connection, declare: Declare, load: Load
) -> None:
    """After a first load and refresh the table is what cleaning gives; a rebuild finds no work."""
    declare("fresh", lower=0.0)
    rows = history("fresh", 2000).drop(index=[5, 6, *range(300, 400)])
    assert prepared.refresh(store, load(rows).touched, RULES) == 2000
    found = prepared.read(store, ["fresh"])
    assert PREPARED.check(found).equals(found)
    pd.testing.assert_frame_equal(found, in_full(store, "fresh"))
    assert {"ok", "imputed", "missing"} <= set(found["quality"])
    assert prepared.rebuild(store, RULES, ["fresh"]) == 0


@pytest.mark.parametrize("seed", range(4))
def test_incremental_equals_full(
    store: Connection, declare: Declare, load: Load, seed: int
) -> None:
    """Any sequence of batches, late rows, corrections, gaps and notes ends at the full clean."""
    name, rng = f"inc{seed}", np.random.default_rng(seed)
    declare(name, lower=0.0)
    whole = history(name, 6000)
    for turn in range(12):
        kind = rng.integers(5) if turn else 0
        if kind == 4:
            start = whole["ds"].iloc[rng.integers(6000)]
            touched = pd.DataFrame([{
                "unique_id": name, "starts_at": start, "ends_at": start + pd.Timedelta("5h"),
                "kind": "ignore", "note": "", "available_at": start,
            }])  # fmt: skip
            known.add(store, touched)
        else:
            first = int(rng.integers(5900))
            rows = whole.iloc[first : first + int(rng.choice([1, 3, 40, 800]))]
            wrong = {1: 500.0, 2: -5.0, 3: 11.0}.get(int(kind))
            touched = load(rows if wrong is None else rows.assign(y=wrong)).touched
        prepared.refresh(store, touched, RULES)
    pd.testing.assert_frame_equal(prepared.read(store, [name]), in_full(store, name))


def test_small_change_rewrites_little(store: Connection, declare: Declare, load: Load) -> None:
    """One new reading at the end of a long series writes one row, not the series."""
    declare("little")
    prepared.refresh(store, load(history("little", 5000)).touched, RULES)
    new = history("little", 5001).iloc[-1:]
    assert prepared.refresh(store, load(new).touched, RULES) <= 3


def test_nothing_touched_changes_nothing(store: Connection) -> None:
    """An append without news refreshes nothing."""
    assert prepared.refresh(store, ledger.Counts().touched, RULES) == 0
