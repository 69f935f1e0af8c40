"""Appending: what becomes of new, equal, different, repeated and redelivered values."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd
import psycopg
import pytest

from horizonte.contracts import OBSERVATION, REVISION
from horizonte.errors import DataFault, NotFound
from horizonte.store import arrivals, ledger, observations
from horizonte.store.connection import Connection, connect
from horizonte.store.pins import Pin

EVER = Pin(pd.Timestamp("2200-01-01", tz="UTC"))
Load = Callable[..., ledger.Counts]
Declare = Callable[..., None]


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def rows(name: str, values: list[float], start: str = "2024-01-01", **more: object) -> pd.DataFrame:
    ds = pd.date_range(start, periods=len(values), freq="h", tz="UTC")
    return pd.DataFrame({"unique_id": name, "ds": ds, "y": values, **more})


def tally(counts: ledger.Counts) -> tuple[int, int, int]:
    return counts.accepted, counts.unchanged, counts.corrected


def test_same_value_again_changes_nothing(store: Connection, declare: Declare, load: Load) -> None:
    """A second load of equal rows is unchanged and leaves one revision each."""
    declare("again")
    assert tally(load(rows("again", [1, 2, 3]))) == (3, 0, 0)
    second = load(rows("again", [1, 2, 3]))
    assert tally(second) == (0, 3, 0)
    assert second.touched.empty
    assert len(observations.revisions(store, EVER, ["again"])) == 3


def test_different_value_is_next_revision(store: Connection, declare: Declare, load: Load) -> None:
    """A correction is revision 1, available when it arrived, and current from then on."""
    declare("corrected")
    load(rows("corrected", [1, 2, 3]))
    late = at("2024-02-01 10:00")
    assert tally(load(rows("corrected", [1, 9, 3]), arrival=late)) == (0, 2, 1)
    revisions = observations.revisions(store, EVER, ["corrected"])
    assert REVISION.check(revisions).equals(revisions)
    assert revisions["revision"].tolist() == [0, 0, 1, 0]
    assert revisions["available_at"].tolist()[2] == late
    assert observations.current(store, ["corrected"])["y"].tolist() == [1, 9, 3]
    before = observations.as_of(store, late - pd.Timedelta("1us"), ["corrected"])
    assert before["y"].tolist() == [1, 2, 3]
    assert OBSERVATION.check(before).equals(before)


def test_first_version_is_available_after_its_interval_and_lag(
    store: Connection, declare: Declare, load: Load
) -> None:
    """Past-only: ds + freq + publication lag; known ahead: that long before ds."""
    declare("lagged", publication_lag_seconds=90.0)
    declare("ahead", known_ahead_hours=24.0)
    load(rows("lagged", [1]))
    load(rows("ahead", [1]))
    revisions = observations.revisions(store, EVER, ["ahead", "lagged"]).set_index("unique_id")
    assert revisions.loc["lagged", "available_at"] == at("2024-01-01 01:01:30")
    assert revisions.loc["ahead", "available_at"] == at("2023-12-31")


def test_recorded_clock_dates_a_correction_by_the_batch_itself(
    store: Connection, declare: Declare, load: Load
) -> None:
    """Without an arrival a correction is available from the source's newest available_at on."""
    declare("recorded")
    load(rows("recorded", [1, 2]))
    load(rows("recorded", [5, 2, 3, 4]))
    revisions = observations.revisions(store, EVER, ["recorded"])
    assert revisions["available_at"][1] == at("2024-01-01 04:00")
    assert ledger.source_now(store, "recorded") == at("2024-01-01 04:00")


def test_clock_does_not_follow_values_known_ahead(
    store: Connection, declare: Declare, load: Load
) -> None:
    """A calendar loaded years ahead does not move its source's now."""
    declare("clock/y", "clock/holiday", source="clock")
    declare("clock/holiday", source="clock", known_ahead_hours=1.0)
    load(rows("clock/y", [1]), source="clock")
    load(rows("clock/holiday", [1], start="2031-01-01"), source="clock")
    assert ledger.source_now(store, "clock") == at("2024-01-01 01:00")
    assert ledger.source_now(store, "nobody") is None


def test_correction_is_never_available_before_its_predecessor(
    store: Connection, declare: Declare, load: Load
) -> None:
    """A clock that went backwards cannot put a later revision before an earlier one."""
    declare("backwards")
    for value, arrival in [(1, None), (2, at("2024-03-01")), (3, at("2024-02-01"))]:
        load(rows("backwards", [value]), arrival=arrival)
    revisions = observations.revisions(store, EVER, ["backwards"])
    assert revisions["available_at"].is_monotonic_increasing
    assert observations.as_of(store, at("2024-03-01"), ["backwards"])["y"].tolist() == [3]


def test_redelivery_after_a_correction_is_unchanged(
    store: Connection, declare: Declare, load: Load
) -> None:
    """A delivery key seen before changes nothing, even when its value is no longer the newest."""
    declare("mqtt")
    first = rows("mqtt", [1], delivery_key=["k1"])
    load(first, kind="stream")
    assert tally(load(rows("mqtt", [2], delivery_key=["k2"]), kind="stream")) == (0, 0, 1)
    assert tally(load(first, kind="stream")) == (0, 1, 0)
    assert observations.current(store, ["mqtt"])["y"].tolist() == [2]


def test_redelivery_of_what_changed_nothing_is_unchanged(
    store: Connection, declare: Declare, load: Load
) -> None:
    """An equal value's delivery is remembered too, alone or collapsed within its batch."""
    declare("mqtt2")
    load(rows("mqtt2", [1], delivery_key=["a"]), kind="stream")
    twice = pd.concat(
        [rows("mqtt2", [1], delivery_key=["b"]), rows("mqtt2", [1], delivery_key=["c"])]
    )
    assert tally(load(twice, kind="stream")) == (0, 2, 0)
    load(rows("mqtt2", [2], delivery_key=["d"]), kind="stream")
    assert tally(load(twice, kind="stream")) == (0, 2, 0)
    assert tally(load(rows("mqtt2", [1], delivery_key=["e"]), kind="stream")) == (0, 0, 1)


def test_equal_duplicates_in_a_batch_collapse(declare: Declare, load: Load) -> None:
    """Repeated equal rows are stored once and counted as unchanged."""
    declare("twice")
    doubled = pd.concat([rows("twice", [1, 2]), rows("twice", [1, 2])])
    assert tally(load(doubled)) == (2, 2, 0)


def test_conflicting_duplicates_in_a_batch_are_refused(
    store: Connection, declare: Declare, load: Load
) -> None:
    """Two values for one instant raise DataFault and store nothing of the batch."""
    declare("conflict")
    with pytest.raises(DataFault, match=r"conflict at 2024-01-01T01:00.*one value per instant"):
        load(pd.concat([rows("conflict", [1, 2]), rows("conflict", [1, 3])]))
    assert observations.current(store, ["conflict"]).empty


def test_one_file_may_not_say_two_things_in_two_parts(store: Connection, declare: Declare) -> None:
    """A file appended in parts is held to one value per instant across them."""
    declare("parts")
    batch = ledger.open_batch(store, source="parts", kind="file", name="f.csv", sha256="parts")
    observations.append(store, rows("parts", [1, 2]), batch=batch)
    with pytest.raises(DataFault, match="one value per instant and file"):
        observations.append(store, rows("parts", [1, 3]), batch=batch)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (rows("bad", [1, np.nan]), "finite"),
        (rows("bad", [np.inf]), "finite"),
        (rows("bad", [1]).assign(ds=pd.Timestamp("2024-01-01")), "an instant in every row"),
        (rows("bad", [1]).drop(columns="y"), "present as columns"),
    ],
)
def test_what_cannot_be_stored_is_named(
    declare: Declare, load: Load, bad: pd.DataFrame, message: str
) -> None:
    """Missing columns, naive times and values that are no number raise DataFault."""
    declare("bad")
    with pytest.raises(DataFault, match=message):
        load(bad)


@pytest.mark.parametrize("end", ["observations", "vintages", "vintages/3"])
def test_a_name_that_is_an_address_is_not_registered(declare: Declare, end: str) -> None:
    """/series/a/observations could otherwise mean the readings of a, or the series itself."""
    with pytest.raises(DataFault, match=f"a/{end}"):
        declare(f"a/{end}")


def test_unregistered_series_is_refused(load: Load) -> None:
    """A series nobody declared raises NotFound with its name."""
    with pytest.raises(NotFound, match="stranger"):
        load(rows("stranger", [1]))


@pytest.mark.parametrize("probed", [0, 20_000])
def test_counts_and_touched_of_a_mixed_batch(
    store: Connection, declare: Declare, load: Load, monkeypatch: pytest.MonkeyPatch, probed: int
) -> None:
    """New, equal and different rows of several series are told apart, by probe or by range."""
    monkeypatch.setattr(arrivals, "PROBED_ROWS", probed)
    a, b, c = (f"mixed{probed}/{x}" for x in "abc")
    declare(a, b, c, source="mixed")
    load(pd.concat([rows(a, [1, 2, 3]), rows(b, [1, 2], start="2024-06-01")]), source="mixed")
    batch = pd.concat(
        [
            rows(
                a, [0, 1, 5, 3, 4], start="2023-12-31 23:00"
            ),  # before, same, corrected, same, after
            rows(b, [1, 2], start="2024-06-01"),  # all the same
            rows(c, [7]),
        ]
    )
    counts = load(batch.sample(frac=1, random_state=0), source="mixed")
    assert tally(counts) == (3, 4, 1)
    assert counts.touched["unique_id"].tolist() == [a, c]
    assert counts.touched["starts_at"].tolist() == [at("2023-12-31 23:00"), at("2024-01-01")]
    assert observations.current(store, [a])["y"].tolist() == [0, 1, 5, 3, 4]


def test_gaps_are_filled_between_stored_rows(
    store: Connection, declare: Declare, load: Load
) -> None:
    """Late rows that fall into a gap are first versions, not corrections."""
    declare("gap")
    load(pd.concat([rows("gap", [1]), rows("gap", [4], start="2024-01-01 03:00")]))
    assert tally(load(rows("gap", [2, 3], start="2024-01-01 01:00"))) == (2, 0, 0)
    assert observations.current(store, ["gap"])["y"].tolist() == [1, 2, 3, 4]


def test_reads_are_bounded_and_ordered(store: Connection, declare: Declare, load: Load) -> None:
    """The start is included, the end is not, series come in order of their bytes."""
    declare("B", "a", "é", source="B")
    load(pd.concat([rows(name, [1, 2, 3]) for name in ("é", "a", "B")]), source="B")
    found = observations.current(
        store, ["é", "a", "B"], at("2024-01-01 01:00"), at("2024-01-01 02:00")
    )
    assert found["unique_id"].tolist() == ["B", "a", "é"]
    assert set(found["y"]) == {2}
    assert observations.current(store, []).empty
    assert OBSERVATION.check(observations.current(store, [])).empty


def test_concurrent_appends_lose_and_double_nothing(database_url: str, declare: Declare) -> None:
    """Six writers of the same keys leave revisions 0..n without a hole or a repeat."""
    names = [f"race/{i}" for i in range(5)]
    declare(*names, source="race")
    faults: list[BaseException] = []

    def write(value: float) -> None:
        try:
            with connect(database_url) as conn:
                batch = ledger.open_batch(conn, source="race", kind="stream", name="t", sha256=None)
                for turn in range(5):
                    order = names if value % 2 else names[::-1]
                    frame = pd.concat([rows(n, [value + turn] * 20) for n in order])
                    observations.append(conn, frame, batch=batch)
        except BaseException as fault:  # noqa: BLE001 (reported below)
            faults.append(fault)

    threads = [threading.Thread(target=write, args=(10.0 * i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    with connect(database_url) as conn:
        found = observations.revisions(conn, EVER, names)
    assert len(found) == 5 * 20 * 30  # every append of every writer was a change
    for _, one in found.groupby(["unique_id", "ds"]):
        assert one["revision"].tolist() == list(range(len(one)))
        assert all(a != b for a, b in pairwise(one["y"]))


@pytest.mark.parametrize("statement", [
    "UPDATE observation SET y = 0", "DELETE FROM observation", "TRUNCATE observation",
    "UPDATE forecast SET mean = 0", "DELETE FROM forecast_run", "UPDATE vintage SET degraded = ''",
    "UPDATE promotion SET why = ''", "DELETE FROM annotation", "DELETE FROM evaluation",
])  # fmt: skip
def test_ledger_is_append_only(store: Connection, statement: str) -> None:
    """The database itself refuses to rewrite what was seen or said."""
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        store.execute(statement.encode())


def test_stamps_are_the_databases_own(store: Connection, declare: Declare, load: Load) -> None:
    """recorded_at and recorded_xid come from the writing transaction."""
    declare("stamped")
    with store.transaction():
        load(rows("stamped", [1, 2]))
        row = store.execute("SELECT now(), pg_current_xact_id()").fetchone()
    found = store.execute(
        "SELECT DISTINCT recorded_at, recorded_xid FROM observation WHERE unique_id = 'stamped'"
    ).fetchall()
    assert found == [row]
