"""Dead letters in a real store: listed, exported without formulas, and read again."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from horizonte.ingest import letters
from horizonte.ingest.intake import Intake, Message
from horizonte.ingest.letters import Which
from horizonte.ingest.sources import Source
from horizonte.params import Rules
from horizonte.store import ledger, observations, prepared
from horizonte.store.connection import Connection, connect

RULES = Rules(impute_up_to="PT2H", flatline_after=None, spike_window="P3D", spike_mads=None)
AT = pd.Timestamp("2024-05-01T00:00Z")


@pytest.fixture(scope="module")
def conn(database_url: str) -> Iterator[Connection]:
    """A connection to this module's own database."""
    with connect(database_url) as opened:
        yield opened


def source(name: str, **changes: Any) -> Source:
    topic = {"topic": f"{name}/+", "series": "{1}"} | changes.pop("topic", {})
    settings = {"name": name, "freq": "PT1H", "topics": [topic], "series": {"a": {}}}
    return Source.model_validate({**settings, **changes})


def sent(conn: Connection, declared: Source, *payloads: object, key: str = "a") -> None:
    encoded = [p if isinstance(p, bytes) else json.dumps(p).encode() for p in payloads]
    messages = [
        Message(f"{declared.name}/{key}", p, (AT + pd.Timedelta(seconds=n)).value)
        for n, p in enumerate(encoded)
    ]
    Intake([declared]).commit(conn, messages)


def of(conn: Connection, name: str) -> pd.DataFrame:
    return letters.listed(conn, Which(source=name))


def reading(y: object, hour: int = 0) -> dict[str, object]:
    return {"value": y, "ts": (AT - pd.Timedelta(hours=hour)).isoformat()}


def test_a_corrected_mapping_reads_them_again(conn: Connection) -> None:
    """What was refused for its field name is stored, prepared, and marked with its batch."""
    sent(conn, source("one"), {"v": 5.0, "ts": AT.isoformat()}, {"v": 6.0})
    assert len(of(conn, "one")) == 2
    fixed = source("one", topic={"value": "v"})
    done = letters.replay(conn, [fixed], Which(source="one"), rules=RULES)
    assert (done.replayed, done.failing, done.counts.accepted) == (2, 0, 2)
    rows = observations.current(conn, ["one/a"])
    assert rows["y"].tolist() == [5.0, 6.0]
    assert rows["ds"].iloc[1] == AT + pd.Timedelta(seconds=1)  # its arrival, not today
    assert len(prepared.read(conn, ["one/a"]))
    batches = ledger.batches(conn)
    assert set(of(conn, "one")["replayed_as"]) <= set(
        batches[batches["name"] == "dead letters"]["id"]
    )
    again = letters.replay(conn, [fixed], Which(source="one"), rules=RULES)
    assert (again.replayed, again.failing) == (0, 0)


def test_what_still_fails_stays_and_is_not_doubled(conn: Connection) -> None:
    """Of one message the good part is stored; its bad part stays the one letter that it was."""
    two = source("two", topic={"readings": "r"})
    sent(conn, two, {"r": [{"v": 1.0, "ts": AT.isoformat()}, {"v": "x", "ts": AT.isoformat()}]})
    assert len(of(conn, "two")) == 2
    fixed = source("two", topic={"readings": "r", "value": "v"})
    before = of(conn, "two")
    for _ in range(2):
        done = letters.replay(conn, [fixed], Which(source="two"), rules=RULES)
    after = of(conn, "two")
    assert len(after) == len(before) == 2
    assert after["replayed_as"].isna().sum() == done.failing
    assert observations.current(conn, ["two/a"])["y"].tolist() == [1.0]


def test_a_replay_does_not_undo_a_later_correction(conn: Connection) -> None:
    """The good readings of a message keep their delivery key: they change nothing again."""
    three = source("three", topic={"readings": "r"})
    sent(conn, three, {"r": [reading(1.0), reading("x", 1)]}, {"r": [reading(2.0)]})
    letters.replay(conn, [three], Which(source="three"), rules=RULES)
    assert observations.current(conn, ["three/a"])["y"].tolist() == [2.0]


def test_an_unrouted_topic_is_read_once_a_source_declares_it(conn: Connection) -> None:
    """Letters without a source find the one that reads their topic now."""
    sent(conn, source("four").model_copy(update={"topics": ()}), reading(4.0))
    assert (of(conn, "unrouted")["topic"] == "four/a").any()
    none = letters.replay(conn, [source("five")], Which(source="unrouted"), rules=RULES)
    assert (none.replayed, none.failing) == (0, 1)
    done = letters.replay(conn, [source("four")], Which(source="unrouted"), rules=RULES)
    assert done.replayed == 1
    assert observations.current(conn, ["four/a"])["y"].tolist() == [4.0]


def test_what_is_crowded_out_again_adds_no_letter(conn: Connection) -> None:
    """Readings beyond new_series stay the one letter they were until it allows more."""
    six = source("six", new_series=1, series={})
    for key in ("a", "b"):
        sent(conn, six, reading(1.0), key=key)
    assert letters.replay(conn, [six], Which(source="six"), rules=RULES).failing == 1
    assert len(of(conn, "six")) == 1
    more = source("six", new_series=2, series={})
    assert letters.replay(conn, [more], Which(source="six"), rules=RULES).replayed == 1
    assert observations.current(conn, ["six/b"])["y"].tolist() == [1.0]


def test_what_fails_for_another_reason_is_still_the_letter(conn: Connection) -> None:
    """Once its field is found there is no room for its series: it stays, unmarked."""
    full = {"series": {}, "new_series": 1}
    sent(conn, source("both", **full), reading(1.0), key="first")
    sent(conn, source("both", **full), {"v": 2.0}, key="second")
    fixed = source("both", topic={"value": "v"}, **full)
    done = letters.replay(conn, [fixed], Which(source="both"), rules=RULES)
    assert (done.replayed, done.failing) == (0, 1)
    assert of(conn, "both")["replayed_as"].isna().all()


def test_what_cannot_be_read_again_says_what_to_do(conn: Connection) -> None:
    """Letters of files, of requests, and of messages that were cut are skipped with advice."""
    seven = source("seven")
    sent(conn, seven, b"[" + b" " * 70_000 + b"]x")
    batch = ledger.open_batch(conn, source="seven", kind="file", name="f.csv", sha256=None)
    why = {"value": "x", "reason": "r", "fix": "f"}
    ledger.refuse(conn, batch, pd.DataFrame([{**why, "file": "f.csv"}, {**why, "file": None}]))
    done = letters.replay(conn, [seven], Which(source="seven"), rules=RULES)
    assert done.replayed == 0
    assert sorted(done.skipped.values()) == [1, 1, 1], done.skipped
    assert any("--again" in why for why in done.skipped)
    assert any("64 KiB" in why for why in done.skipped)


def test_letters_are_chosen_by_source_time_and_id(conn: Connection) -> None:
    """Newest first, page by page, restricted by each of the three."""
    sent(conn, source("eight"), *(reading(f"x{n}") for n in range(5)))
    found = of(conn, "eight")
    assert found["value"].tolist() == ["x4", "x3", "x2", "x1", "x0"]
    page = letters.listed(conn, Which(source="eight"), limit=2, offset=1)
    assert page["value"].tolist() == ["x3", "x2"]
    chosen = letters.listed(conn, Which(ids=found["id"].tolist()[:1]))
    assert chosen["value"].tolist() == ["x4"]
    later = (found["recorded_at"].max() + pd.Timedelta(hours=1)).to_pydatetime()
    assert letters.listed(conn, Which(since=later)).empty
    assert letters.replay(conn, [], Which(ids=[int(found["id"][0])]), rules=RULES).failing == 1


def test_an_export_runs_nothing_in_a_spreadsheet(conn: Connection, tmp_path: Path) -> None:
    """Every letter is a row, and a cell that looks like a formula is made text."""
    bad = ["=1+1", "+1-x", "-2x", "@SUM(A1)", "\t=1", 'a,"b"\nc', "ção"]
    sent(conn, source("nine"), *(reading(value) for value in bad))
    assert letters.export(conn, tmp_path / "f.csv", Which(source="nine")) == len(bad)
    with (tmp_path / "f.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["value"].removeprefix("'") for row in rows] == bad
    assert not [c for row in rows for c in row.values() if c.startswith(("=", "+", "-", "@", "\t"))]
    assert rows[0]["topic"] == "nine/a"
