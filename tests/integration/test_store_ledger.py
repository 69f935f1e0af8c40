"""The ledger: batches, dead letters, series and promotions."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pandas as pd
import pytest

from horizonte.contracts import SERIES
from horizonte.errors import DataFault, NotFound, StoreFault
from horizonte.store import ledger, observations, series
from horizonte.store.connection import Connection, connect

Load = Callable[..., ledger.Counts]
Declare = Callable[..., None]


def opened(conn: Connection, sha256: str | None, source: str = "s") -> ledger.Batch:
    return ledger.open_batch(conn, source=source, kind="file", name="f.csv", sha256=sha256)


def one(name: str, y: float = 1.0) -> pd.DataFrame:
    return pd.DataFrame(
        {"unique_id": [name], "ds": [pd.Timestamp("2024-01-01", tz="UTC")], "y": [y]}
    )


def test_same_content_of_a_source_is_loaded_once(store: Connection) -> None:
    """The same hash is loaded for its own source only; another source may load it."""
    batch = opened(store, "once")
    ledger.close_batch(store, batch, ledger.Counts(accepted=3), refused=2)
    again = opened(store, "once")
    assert (again.id, again.loaded) == (batch.id, True)
    assert not opened(store, "once", source="other").loaded
    row = ledger.batches(store).set_index("id").loc[batch.id]
    assert (row["rows_read"], row["accepted"], row["refused"], row["status"]) == (5, 3, 2, "loaded")


def test_batch_left_open_is_taken_up(store: Connection) -> None:
    """A crash between open and close does not block the file."""
    left = opened(store, "crashed")
    assert opened(store, "crashed") == left


def test_refused_file_may_be_tried_again(store: Connection) -> None:
    """A file refused as a whole keeps its row, and the same content opens a new batch."""
    batch = opened(store, "refused")
    ledger.close_batch(store, batch, ledger.Counts(), refused=4, status="refused")
    assert opened(store, "refused").id != batch.id


def test_second_loader_waits_and_finds_it_loaded(store: Connection, database_url: str) -> None:
    """Two processes with the same file: the one that comes second sees the first one's load."""
    found: list[ledger.Batch] = []

    def second() -> None:
        with connect(database_url) as conn:
            found.append(opened(conn, "raced"))

    waiting = threading.Thread(target=second)
    with store.transaction():
        batch = opened(store, "raced")
        waiting.start()
        waiting.join(0.3)
        assert not found
        ledger.close_batch(store, batch, ledger.Counts(accepted=1))
    waiting.join()
    assert found[0].loaded


def test_failed_batch_leaves_nothing(store: Connection, declare: Declare) -> None:
    """Open, append and close in one transaction are all or nothing."""
    declare("whole")

    def broken() -> None:
        with store.transaction():
            batch = opened(store, "whole")
            observations.append(store, one("whole"), batch=batch)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert observations.current(store, ["whole"]).empty
    assert ledger.source_now(store, "whole") is None
    assert not opened(store, "whole").loaded


def test_dead_letters_are_kept_verbatim_and_bounded(store: Connection) -> None:
    """Place, value, reason and fix come back; a value ends at 1 kB and may hold any byte."""
    batch = opened(store, None)
    values = ["12,5", b"\x00\xff", "é" * 2000, None, "\ud800"]
    letters = pd.DataFrame({"file": "f.xlsx", "sheet": "Março", "row": range(5), "column": "C",
                            "value": values, "reason": "r", "fix": "x"})  # fmt: skip
    ledger.refuse(store, batch, letters)
    found = ledger.dead_letters(store, batch.id)
    assert found["row"].tolist() == [0, 1, 2, 3, 4]
    assert found["sheet"].unique().tolist() == ["Março"]
    assert found["topic"].isna().all()
    assert found["value"].tolist() == ["12,5", "\\x00\\xff", "é" * 512, None, "\\ud800"]


def test_dead_letter_needs_a_reason_and_a_fix(store: Connection) -> None:
    """A refusal that does not say why is refused itself."""
    with pytest.raises(DataFault, match="fix"):
        ledger.refuse(store, opened(store, None), pd.DataFrame({"value": ["1"], "reason": ["r"]}))


def test_series_are_upserted_and_read_back(store: Connection, declare: Declare) -> None:
    """Registering again updates; SERIES comes back in its contract, pandas freq as ISO."""
    declare("meta/b", "meta/a", freq="1h")
    declare("meta/a", freq="h", unit="kW", covariates=["meta/b"], lower=0.0, holidays="AU-VIC")
    found = series.read(store, ["meta/a", "meta/b"])
    assert found["unique_id"].tolist() == ["meta/a", "meta/b"]
    assert found["freq"].tolist() == ["PT1H", "PT1H"]
    assert found.loc[0, "covariates"] == ["meta/b"]
    assert (found.loc[0, "unit"], found.loc[0, "lower"]) == ("kW", 0.0)
    assert SERIES.check(found).equals(found)


def test_freq_of_a_series_with_rows_is_fixed(declare: Declare, load: Load) -> None:
    """A new freq is accepted before the first row and refused after it."""
    declare("grid")
    declare("grid", freq="PT30M")
    load(one("grid"))
    with pytest.raises(DataFault, match=r"series grid: freq.*PT30M"):
        declare("grid", freq="PT1H")


def test_unknown_series_is_named(store: Connection) -> None:
    """Reading a series that nobody registered raises NotFound."""
    with pytest.raises(NotFound, match="nobody"):
        series.read(store, ["nobody"])


def test_promotion_moves_the_champion_and_says_so(store: Connection, database_url: str) -> None:
    """Each promotion names its predecessor, and listeners hear the new hash."""
    assert ledger.current_promotion(store) is None
    for version in ("m1", "m2", "m1"):
        ledger.register_model(store, version, uri=f"s3://b/{version}", card={"seed": 7})
    with connect(database_url) as listener:
        listener.execute(f"LISTEN {ledger.CHANNEL}".encode())
        ledger.promote(store, "m1", "first", by="test")
        ledger.promote(store, "m2", "gain 3 %", by="test", evidence={"gain": 0.03})
        ledger.promote(store, "m1", "coverage fell", by="test", kind="rollback")
        heard = [n.payload for n in listener.notifies(timeout=5, stop_after=3)]
    assert heard == ["m1", "m2", "m1"]
    current = ledger.current_promotion(store)
    assert current is not None
    assert (current.sha256, current.previous, current.kind) == ("m1", "m2", "rollback")
    assert ledger.promotions(store)["previous"].tolist() == [None, "m1", "m2"]
    assert len(ledger.model_versions(store)) == 2


def test_unpublished_model_cannot_be_promoted(store: Connection) -> None:
    """Promoting a hash that was never registered raises StoreFault."""
    with pytest.raises(StoreFault, match="publish the model folder first"):
        ledger.promote(store, "unknown", "because", by="test")


def test_failed_promotion_moves_nothing(store: Connection) -> None:
    """A promotion inside a failed transaction is none."""
    before = ledger.promotions(store)
    ledger.register_model(store, "m3", uri="s3://b/m3", card={})

    def broken() -> None:
        with store.transaction():
            ledger.promote(store, "m3", "why", by="test")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert len(ledger.promotions(store)) == len(before)
