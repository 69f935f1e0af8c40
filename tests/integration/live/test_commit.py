"""What one commit of messages means, on a real database: order, repetition, corrections, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import psycopg
import pytest

from horizonte.ingest import intake as intakes
from horizonte.ingest.intake import UNROUTED, Done, Intake, Message
from horizonte.ingest.sources import Source
from horizonte.store import observations, series
from horizonte.store.connection import Connection

ARRIVED = pd.Timestamp("2026-06-30T12:00:00Z")
HOUR = pd.Timestamp("2026-06-01T00:00:00Z")


def intake(name: str, **changes: Any) -> Intake:
    rule = {"topic": f"{name}/+", "series": "{1}", "sequence": "seq"}
    declared = {"name": name, "freq": "PT1H", "series": {"a": {}, "b": {}}, "topics": [rule]}
    return Intake([Source.model_validate({**declared, **changes})])


def message(topic: str, hour: int, y: object, **more: Any) -> Message:
    body = {"value": y, "ts": (HOUR + pd.Timedelta(hours=hour)).isoformat(), **more}
    return Message(topic, json.dumps(body).encode(), ARRIVED.value)


def counts(done: Done) -> dict[str, tuple[int, int, int, int]]:
    """Return accepted, unchanged, corrected and refused by source."""
    return {
        name: (got.counts.accepted, got.counts.unchanged, got.counts.corrected, got.refused)
        for name, (_, got) in done.items()
    }


def values(store: Connection, name: str) -> list[float]:
    return observations.current(store, [name])["y"].tolist()


def letters(store: Connection, topic: str) -> list[tuple[str, str]]:
    query = "SELECT value, reason FROM dead_letter WHERE topic = %s ORDER BY id"
    return store.execute(query, (topic,)).fetchall()


def test_duplicates(store: Connection) -> None:
    """The same message in one batch and in the next is one row."""
    made, once = intake("dup"), [message("dup/a", n, n) for n in range(5)]
    assert counts(made.commit(store, [*once, *once])) == {"dup": (5, 5, 0, 0)}
    assert counts(made.commit(store, once)) == {"dup": (0, 5, 0, 0)}
    assert counts(intake("dup").commit(store, once)) == {"dup": (0, 5, 0, 0)}
    assert values(store, "dup/a") == [0, 1, 2, 3, 4]


def test_a_refused_message_is_one_letter(store: Connection) -> None:
    """Delivered again, in one batch or later, by whichever consumer, it is a duplicate."""
    bad = [
        Message("once/a", b'{"value": "broken", "n": 1}', ARRIVED.value),
        Message("once/a", b"", ARRIVED.value),
        Message("nowhere/a", b"7", ARRIVED.value),
    ]
    same = [Message(m.topic, bytes(bytearray(m.payload)), m.arrived + 1) for m in bad]
    done = counts(intake("once").commit(store, [*bad, *same]))
    assert done == {"once": (0, 2, 0, 2), UNROUTED: (0, 1, 0, 1)}
    assert counts(intake("once").commit(store, same)) == {
        "once": (0, 2, 0, 0),
        UNROUTED: (0, 1, 0, 0),
    }
    assert (len(letters(store, "once/a")), len(letters(store, "nowhere/a"))) == (2, 1)


def test_each_refused_reading_of_a_message_is_a_letter(store: Connection) -> None:
    """Two bad readings of one value are two letters, also when the message comes twice."""
    rule = {"topic": "many/+", "readings": "items", "id": "id"}
    body = {"items": [{"id": n, "value": "broken", "ts": HOUR.isoformat()} for n in ("a", "b")]}
    payload = json.dumps(body).encode()
    for arrived in (0, 0, 1):
        again = Message("many/x", bytes(bytearray(payload)), ARRIVED.value + arrived)
        intake("many", topics=[rule]).commit(store, [again])
    assert [value for value, _ in letters(store, "many/x")] == ["broken", "broken"]


def test_a_redelivery_undoes_no_correction(store: Connection) -> None:
    """After a correction the first message again changes nothing, together or apart."""
    made = intake("again")
    first, second = message("again/a", 0, 1, seq=1), message("again/a", 0, 2, seq=2)
    made.commit(store, [first])
    made.commit(store, [second])
    for again in ([first], [second], [first, second], [second, first]):
        assert counts(made.commit(store, again)) == {"again": (0, len(again), 0, 0)}
    assert values(store, "again/a") == [2]


def test_a_redelivery_of_what_changed_nothing(store: Connection) -> None:
    """A delivery that only repeated a value is remembered too: later it undoes no correction."""
    made = intake("same")
    same = message("same/a", 0, 1, seq=2)
    made.commit(store, [message("same/a", 0, 1, seq=1)])
    made.commit(store, [same])
    made.commit(store, [message("same/a", 0, 5, seq=3)])
    made.commit(store, [same])
    assert values(store, "same/a") == [5]


def test_back_to_a_former_value(store: Connection) -> None:
    """A new message with a former value is a correction, for it is another delivery."""
    made = intake("back")
    batch = [message("back/a", 0, y, seq=n) for n, y in enumerate([1, 2, 1])]
    assert counts(made.commit(store, batch)) == {"back": (1, 0, 2, 0)}
    assert values(store, "back/a") == [1]


def test_two_values_in_one_batch(store: Connection) -> None:
    """Of several values of an instant the last is current, the others are its history."""
    made = intake("two")
    batch = [message("two/a", 0, y, seq=y) for y in (5, 3, 9)]
    assert counts(made.commit(store, [*batch, message("two/b", 0, 1)])) == {"two": (2, 0, 2, 0)}
    query = "SELECT y FROM observation WHERE unique_id = 'two/a' ORDER BY revision"
    assert [row[0] for row in store.execute(query)] == [5, 3, 9]


def test_out_of_order_and_a_year_late(store: Connection) -> None:
    """Late and disordered rows land as themselves; the newest by event time stays the newest."""
    made = intake("late")
    hours = [5, 3, 4, -8760, 0]
    done = made.commit(store, [message("late/a", hour, hour) for hour in hours])
    assert counts(done) == {"late": (5, 0, 0, 0)}
    made.commit(store, [message("late/a", -8761, -8761)])
    assert values(store, "late/a") == [-8761, -8760, 0, 3, 4, 5]


def test_a_correction_is_known_from_its_arrival(store: Connection) -> None:
    """A correction is available from the arrival of its message, not from its instant on."""
    made = intake("known")
    made.commit(store, [message("known/a", 0, 1)])
    made.commit(store, [message("known/a", 0, 2)])
    before = observations.as_of(store, ARRIVED - pd.Timedelta("PT1S"), ["known/a"])
    assert before["y"].tolist() == [1]
    assert observations.as_of(store, ARRIVED, ["known/a"])["y"].tolist() == [2]


def test_new_series_up_to_a_limit(store: Connection) -> None:
    """Series that the source did not declare are registered up to its limit, and refused beyond."""
    made = intake("crowd", new_series=3)
    done = made.commit(store, [message(f"crowd/n{n}", 0, n) for n in range(10)])
    assert counts(done) == {"crowd": (3, 0, 0, 7)}
    done = made.commit(store, [message("crowd/n0", 1, 0), message("crowd/n9", 1, 0)])
    assert counts(done) == {"crowd": (1, 0, 0, 1)}
    known = set(series.read(store)["unique_id"])
    assert {name for name in known if name.startswith("crowd/n")} == {
        f"crowd/n{n}" for n in (0, 1, 2)
    }
    assert "more new series" in letters(store, "crowd/n9")[0][1]


def test_stamped_rows(store: Connection) -> None:
    """Readings without a time carry their arrival, and the batch says how many did."""
    at = [ARRIVED.value + n * 1000 for n in range(3)]
    batch = [Message("stamp/a", b"7", when) for when in at]
    done = intake("stamp").commit(store, [*batch, message("stamp/b", 0, 1)])
    query = "SELECT stamped, accepted FROM ingest_batch WHERE id = %s"
    assert store.execute(query, (done["stamp"][1].batch_id,)).fetchone() == (3, 4)
    assert observations.current(store, ["stamp/a"])["ds"].tolist() == [
        pd.Timestamp(when, tz="UTC") for when in at
    ]


def test_sequence_gaps(store: Connection) -> None:
    """Missing numbers are counted once, by topic; repetitions and restarts count for nothing."""
    made = intake("gaps")
    for number in (1, 2, 5, 5, 2, 6, 0, 1, 3):
        made.commit(store, [message("gaps/a", number, 1, seq=number)])
    assert made.gaps.missing == 3
    made.commit(store, [message("gaps/b", 0, 1, seq=10), message("gaps/b", 1, 1, seq="x")])
    assert made.gaps.missing == 3


def test_sequence_gaps_of_many_readings(store: Connection) -> None:
    """The number of a message stands beside its readings, and counts also when they are refused."""
    rule = {"topic": "lots/+", "series": "", "readings": "items", "id": "id", "sequence": "seq"}
    made, good = intake("lots", topics=[rule]), {"id": "a", "value": 1, "ts": HOUR.isoformat()}
    bodies = [{"seq": 1, "items": [good]}, {"seq": 2}, {"seq": 3, "items": []}, {"seq": 6}]
    made.commit(store, [Message("lots/g", json.dumps(b).encode(), ARRIVED.value) for b in bodies])
    assert made.gaps.missing == 2


def test_poison_among_readings(store: Connection) -> None:
    """A batch with poison stores what is good, and a letter with the payload for each of the rest."""
    bad = [Message("poison/a", body, ARRIVED.value) for body in (b"{", b"\xff", b"x" * 100_000)]
    batch = [
        message("poison/a", 0, 1),
        *bad,
        message("poison/a", 1, "x"),
        message("poison/a", 2, 3),
    ]
    assert counts(intake("poison").commit(store, batch)) == {"poison": (2, 0, 0, 4)}
    query = """SELECT length(payload), payload_bytes, arrived_at FROM dead_letter
               WHERE topic = 'poison/a' ORDER BY payload_bytes DESC LIMIT 1"""
    assert store.execute(query).fetchone() == (65_536, 100_000, ARRIVED)


def test_unrouted_topics(store: Connection) -> None:
    """A topic that no rule fits is a letter of nobody's source, and stops nothing else."""
    strange = Message("elsewhere/'; --", b"1", ARRIVED.value)
    done = intake("routed").commit(store, [strange, message("routed/a", 0, 1)])
    assert counts(done) == {"routed": (1, 0, 0, 0), UNROUTED: (0, 0, 0, 1)}
    assert letters(store, strange.topic) == [(strange.topic, "no rule fits this topic")]


@pytest.fixture
def explosive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes messages that hold ``boom`` fail in a way that nobody thought of."""
    real = intakes.opened

    def opened(payload: bytes, *rest: Any) -> Any:
        if b"boom" in payload:
            raise ZeroDivisionError("unthought of")
        return real(payload, *rest)

    monkeypatch.setattr(intakes, "opened", opened)


def test_what_nobody_thought_of(store: Connection, explosive: None) -> None:
    """A message that breaks its batch is found by halving and buried; all others are stored."""
    batch = [message("boom/a", n, n) for n in range(20)]
    for place in (3, 17):
        batch[place] = Message("boom/a", b"boom%d" % place, ARRIVED.value)
    made = intake("boom")
    with pytest.raises(ZeroDivisionError):
        made.commit(store, batch)
    assert values(store, "boom/a") == []
    assert counts(made.commit_each(store, batch)) == {"boom": (18, 0, 0, 2)}
    assert len(values(store, "boom/a")) == 18
    assert "could not be stored (ZeroDivisionError" in letters(store, "boom/a")[0][1]


def test_all_or_nothing(store: Connection, server_cut: Callable[[Connection], None]) -> None:
    """When the database goes away nothing of the batch is stored, and it is no message's fault."""
    made, batch = intake("cut"), [message("cut/a", n, n) for n in range(10)]
    made.commit(store, batch[:1])
    with psycopg.connect(store.info.dsn, password=store.info.password, autocommit=True) as other:
        server_cut(other)
        with pytest.raises(psycopg.OperationalError):
            made.commit_each(other, batch)
    assert values(store, "cut/a") == [0]
    made.commit(store, batch)
    assert len(values(store, "cut/a")) == 10
    assert letters(store, "cut/a") == []


@pytest.fixture
def server_cut(store: Connection) -> Callable[[Connection], None]:
    def cut(other: Connection) -> None:
        store.execute("SELECT pg_terminate_backend(%s)", (other.info.backend_pid,))

    return cut
