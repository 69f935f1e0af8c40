"""Pins: a read at a pin is the same for ever, whoever writes."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from horizonte.errors import StoreFault
from horizonte.store import annotations as known
from horizonte.store import connection, ledger, observations, pins
from horizonte.store.connection import Connection, connect

EVER = pd.Timestamp("2200-01-01", tz="UTC")
Load = Callable[..., ledger.Counts]
Declare = Callable[..., None]


def rows(name: str, values: np.ndarray, start: str = "2024-01-01") -> pd.DataFrame:
    ds = pd.date_range(start, periods=len(values), freq="h", tz="UTC")
    return pd.DataFrame({"unique_id": name, "ds": ds, "y": values})


def bytes_of(conn: Connection, pin: pins.Pin, name: str) -> bytes:
    return observations.revisions(conn, pin, [name]).to_csv().encode()


def test_pin_read_twice_is_identical_with_writers_committing(
    store: Connection, database_url: str, declare: Declare, load: Load
) -> None:
    """Rows and corrections committed after the pin change no byte of a read at it."""
    declare("busy")
    load(rows("busy", np.arange(500.0)))
    stop, started = threading.Event(), threading.Event()

    def write() -> None:
        with connect(database_url) as conn:
            for turn in range(1, 200):
                load(rows("busy", np.arange(500.0) + turn), conn=conn)
                started.set()
                if stop.is_set():
                    return

    writer = threading.Thread(target=write)
    writer.start()
    started.wait(30)
    pin = pins.take(store, EVER)
    first = bytes_of(store, pin, "busy")
    for turn in range(3):
        load(rows("busy", np.arange(500.0) - 1 - turn))
        assert bytes_of(store, pin, "busy") == first
    stop.set()
    writer.join()
    assert bytes_of(store, pin, "busy") == first
    assert bytes_of(store, pins.take(store, EVER), "busy") != first


def test_transaction_that_began_before_the_pin_stays_behind_it(
    store: Connection, database_url: str, declare: Declare, load: Load
) -> None:
    """A long ingest that commits after the pin slips no row in, though it wrote before it."""
    declare("long", "short", source="long")
    with connect(database_url) as other:
        with other.transaction():
            load(rows("long", np.ones(5)), source="long", conn=other)
            load(rows("short", np.ones(5)), source="long")
            pin = pins.take(store, EVER)
            assert observations.revisions(store, pin, ["long"]).empty
        assert observations.revisions(store, pin, ["long"]).empty
        assert len(observations.current(store, ["long"])) == 5
        assert len(observations.as_of(other, pin, ["short"])) == 5


def test_pin_limits_what_was_known(store: Connection, declare: Declare, load: Load) -> None:
    """A pin's as_of holds beside its recorded part, and alone when nothing is recorded."""
    declare("known")
    load(rows("known", np.arange(5.0)))
    as_of = pd.Timestamp("2024-01-01 03:00", tz="UTC")
    pin = pins.take(store, as_of)
    for one in (pin, pins.Pin(as_of)):
        assert observations.as_of(store, one, ["known"])["y"].tolist() == [0, 1, 2]


def test_pin_of_another_database_is_refused(store: Connection) -> None:
    """A recorded part from another cluster or database raises StoreFault that says `dvc pull`."""
    cluster, database = connection.identity(store).split(".")
    for elsewhere in (f"1{cluster}.{database}", f"{cluster}.{database}1"):
        pin = pins.Pin(EVER, f"{elsewhere}/10:10:")
        with pytest.raises(StoreFault, match="dvc pull"):
            observations.revisions(store, pin)


@pytest.mark.parametrize("snapshot", ["10:10:x", "", "99999999999:99999999999:"])
def test_unreadable_or_later_pin_is_refused(store: Connection, snapshot: str) -> None:
    """A mangled snapshot, or one of transactions that never happened here, is a StoreFault."""
    here = str(pins.take(store, EVER).recorded).partition("/")[0]
    with pytest.raises(StoreFault, match="pin"):
        observations.revisions(store, pins.Pin(EVER, f"{here}/{snapshot}"))


def test_rows_restored_from_another_database_are_behind_every_pin(
    store: Connection, declare: Declare, load: Load
) -> None:
    """Rows recorded before this database adopted them count as recorded, whatever their number."""
    declare("restored")
    load(rows("restored", np.ones(2)))
    store.execute("""INSERT INTO observation (unique_id, ds, revision, y, available_at, recorded_at,
                                              recorded_xid, source, ingest_batch_id)
                     VALUES ('restored', '2023-01-01Z', 0, 1, '2023-01-01Z', '2023-01-01Z',
                             '99999999999', 'restored', 0)""")
    assert len(observations.revisions(store, pins.take(store, EVER), ["restored"])) == 3


def test_annotations_are_read_at_a_pin(store: Connection, declare: Declare) -> None:
    """A note of later, or recorded later, is not seen at a pin, nor is its withdrawal."""
    declare("noted")
    note = {"unique_id": "noted", "kind": "ignore", "note": "sensor replaced",
            "starts_at": pd.Timestamp("2024-01-01", tz="UTC"),
            "ends_at": pd.Timestamp("2024-01-02", tz="UTC"), "withdrawn": False}  # fmt: skip
    early, late = (pd.Timestamp(day, tz="UTC") for day in ("2024-01-03", "2024-02-03"))
    before = pins.take(store, EVER)
    made = pd.DataFrame([note | {"available_at": early}])
    assert known.add(store, made) == ["added"]
    assert known.add(store, made.assign(available_at=late)) == ["unchanged"]
    between = pins.take(store, EVER)
    gone = made.assign(withdrawn=True, available_at=late)
    assert known.add(store, gone) == ["withdrawn"]
    assert known.add(store, gone) == ["unchanged"]
    seen = {pin: len(known.read(store, pin, ["noted"])) for pin in (before, between, early, late)}
    assert seen == {before: 0, between: 1, early: 1, late: 0}
    told = known.history(store, pins.take(store, EVER), ["noted"])
    assert told["withdrawn_at"].tolist() == [late]
