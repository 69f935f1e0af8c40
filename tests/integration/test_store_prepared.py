"""The prepared database: kept up in parts, always equal to cleaning everything."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import psycopg
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
KINDS = ["ignore", "shutdown", "sensor_replaced", "planned_event"]
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


def followed(conn: Connection, name: str) -> int:
    """Let the prepared database follow; return how many rows of ``name`` that changed."""
    return prepared.follow(conn, RULES, [name]).changed.get(name, 0)


def test_prepared_is_clean_of_the_current_observations(
    store: Connection, declare: Declare, load: Load
) -> None:
    """After a first load and refresh the table is what cleaning gives; a rebuild finds no work."""
    declare("fresh", lower=0.0)
    rows = history("fresh", 2000).drop(index=[5, 6, *range(300, 400)])
    load(rows)
    assert followed(store, "fresh") == 2000
    found = prepared.read(store, ["fresh"])
    assert PREPARED.check(found).equals(found)
    pd.testing.assert_frame_equal(found, in_full(store, "fresh"))
    assert {"ok", "imputed", "missing"} <= set(found["quality"])
    assert prepared.rebuild(store, RULES, ["fresh"]) == 0


@pytest.mark.parametrize(("seed", "jitter"), [(0, 0), (1, 0), (2, 0), (3, 40), (4, 3_599)])
def test_incremental_equals_full(
    store: Connection, declare: Declare, load: Load, seed: int, jitter: int
) -> None:
    """Batches, late rows, corrections, gaps, notes and withdrawals end at the full clean."""
    name, rng, noted = f"inc{seed}", np.random.default_rng(seed), list[dict[str, object]]()
    declare(name, lower=0.0)
    whole = history(name, 6000)
    whole["ds"] += pd.to_timedelta(rng.integers(0, jitter + 1, 6000), "s")
    for turn in range(16):
        kind = rng.integers(6) if turn else 0
        if kind == 4:
            start = whole["ds"].iloc[rng.integers(6000)]
            noted.append({
                "unique_id": name, "starts_at": start, "ends_at": start + pd.Timedelta("5h"),
                "kind": str(rng.choice(KINDS)), "note": "", "available_at": start,
                "withdrawn": False,
            })  # fmt: skip
            known.add(store, pd.DataFrame(noted[-1:]))
        elif kind == 5 and noted:
            known.add(store, pd.DataFrame([noted.pop(0)]).assign(withdrawn=True))
        else:
            first = int(rng.integers(5900))
            rows = whole.iloc[first : first + int(rng.choice([1, 3, 40, 800]))]
            wrong = {1: 500.0, 2: -5.0, 3: 11.0}.get(int(kind))
            load(rows if wrong is None else rows.assign(y=wrong))
        followed(store, name)
    pd.testing.assert_frame_equal(prepared.read(store, [name]), in_full(store, name))


def test_small_change_rewrites_little(store: Connection, declare: Declare, load: Load) -> None:
    """One new reading at the end of a long series writes one row, not the series."""
    declare("little")
    load(history("little", 5000))
    followed(store, "little")
    load(history("little", 5001).iloc[-1:])
    assert followed(store, "little") <= 3


def test_a_jittering_sensor_rewrites_little(
    store: Connection, declare: Declare, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reading of a long series off the grid cleans the cells around it, not the series."""
    declare("jitter")
    rows = history("jitter", 20_001)
    rows["ds"] += pd.to_timedelta(np.random.default_rng(3).integers(1, 3_000, len(rows)), "s")
    load(rows.iloc[:-1])
    followed(store, "jitter")
    cleaned, inner = [], prepared.clean_between

    def counted(*given: object, **named: object) -> pd.DataFrame:
        cleaned.append(inner(*given, **named))
        return cleaned[-1]

    monkeypatch.setattr(prepared, "clean_between", counted)
    load(rows.iloc[-1:])
    assert followed(store, "jitter") <= 3
    load(rows.iloc[10_000:10_001].assign(y=12.0))
    assert followed(store, "jitter") <= 3
    assert len(cleaned) == 2
    cells = params.load(paths.project_root() / paths.MARKER).clean.spike_window / pd.Timedelta("1h")
    assert max(map(len, cleaned)) < 12 * cells < 20_000 / 2
    pd.testing.assert_frame_equal(prepared.read(store, ["jitter"]), in_full(store, "jitter"))


def test_nothing_touched_changes_nothing(store: Connection, declare: Declare, load: Load) -> None:
    """Where nothing was appended, or the same again, there is nothing to follow."""
    declare("still")
    load(history("still", 50))
    followed(store, "still")
    load(history("still", 50))
    assert prepared.follow(store, RULES, ["still"]) == prepared.Followed({}, {})


def test_what_a_killed_follower_took_is_taken_up_again(
    store: Connection, database_url: str, declare: Declare, load: Load
) -> None:
    """A follower that dies in the middle leaves its stretch to the next one."""
    declare("killed")
    load(history("killed", 100))
    dying = psycopg.connect(database_url)
    dying.execute("DELETE FROM prepared.stale WHERE unique_id = 'killed'")
    dying.close()
    assert followed(store, "killed") == 100


def test_a_series_that_cannot_be_cleaned_stops_no_other(
    store: Connection, declare: Declare, load: Load
) -> None:
    """It is named, waits for the next call, and the others are cleaned."""
    for name in ("broken", "sound"):
        declare(name)
        load(history(name, 30))
    store.execute("UPDATE series SET freq = 'nonsense' WHERE unique_id = 'broken'")
    found = prepared.follow(store, RULES, ["broken", "sound"])
    assert (list(found.failed), found.changed) == (["broken"], {"sound": 30})
    store.execute("UPDATE series SET freq = 'PT1H' WHERE unique_id = 'broken'")
    assert followed(store, "broken") == 30
