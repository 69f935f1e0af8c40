"""Pushed readings in a real store: every row answered, kept once, in one transaction."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pandas as pd
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from tests.series import declared

from horizonte.errors import DataFault
from horizonte.ingest.push import Door, push
from horizonte.ingest.sources import Source
from horizonte.serve import observations as door
from horizonte.serve.faults import MalformedJson
from horizonte.serve.observations import Call
from horizonte.store import ledger, observations, requests, series
from horizonte.store.connection import Connection, connect

NOW = pd.Timestamp("2024-06-01T12:00Z")
AT = "2024-05-01T00:00:00Z"
HUGE = "1" + "0" * 5000
SOURCES: dict[str, dict[str, Any]] = {
    "loc": {"times": "local", "zone": "America/Sao_Paulo", "series": {"a": {}}},
    "dev": {"new_series": 2, "series": {"named": {"unique_id": "elsewhere"}}},
    "plan": {"series": {"price": {"known_ahead": "P30D"}, "load": {}}},
}
DECLARED = {
    name: Source.model_validate({"name": name, "freq": "PT1H", **facts})
    for name, facts in SOURCES.items()
}


def row(name: object, y: object = 1.0, ds: object = AT) -> dict[str, object]:
    return {"unique_id": name, "ds": ds, "y": y}


def pushed(conn: Connection, *rows: object, key: str | None = None) -> list[str]:
    return [fate.outcome for fate in push(conn, rows, Door("test", NOW, DECLARED, key))]


def value(conn: Connection, name: str) -> float:
    return float(observations.current(conn, [name])["y"].iloc[-1])


def test_rows_are_answered_in_the_order_of_the_request(
    store: Connection, declare: Callable[..., None]
) -> None:
    """First values, repeats, corrections and refusals of several sources come back in place."""
    declare("one/a", "one/b", source="one")
    declare("two/a", source="two")
    rows = [row("one/a"), row("two/a"), row("one/a"), row("none"), row("one/a", 2), row("one/b")]
    assert pushed(store, *rows) == [
        "accepted",
        "accepted",
        "unchanged",
        "refused",
        "corrected",
        "accepted",
    ]
    assert value(store, "one/a") == 2
    batches = {b["source"]: b for b in ledger.batches(store).tail(3).to_dict("records")}
    assert [batches["one"][k] for k in ("accepted", "unchanged", "corrected")] == [2, 1, 1]
    letter = ledger.dead_letters(store, batches["unrouted"]["id"]).iloc[0]
    assert (letter["row"], letter["reason"]) == (3, "no registered series")


def test_what_is_committed_is_counted(store: Connection, declare: Callable[..., None]) -> None:
    """Under its source, once: the answer that is replayed, and what was rolled back, add nothing."""
    declare("counted/a", source="counted")

    def now() -> list[float]:
        pairs = [("committed", "counted"), ("duplicate", "counted"), ("refused", "unrouted")]
        names = ((f"horizonte_push_{name}_total", {"source": source}) for name, source in pairs)
        return [REGISTRY.get_sample_value(*name) or 0.0 for name in names]

    def take(*rows: object, key: str | None = None) -> None:
        door.take(store, Call(json.dumps({"readings": rows}).encode(), key, NOW), DECLARED)

    before = now()
    for _ in range(2):
        take(row("counted/a"), row("counted/a"), row("none"), key="counted")
    store.execute("ALTER TABLE observation ADD CONSTRAINT no_thirteen CHECK (y <> 13)")
    with pytest.raises(psycopg.errors.CheckViolation):
        take(row("counted/a", 13.0))
    store.execute("ALTER TABLE observation DROP CONSTRAINT no_thirteen")
    assert [b - a for a, b in zip(before, now(), strict=True)] == [1, 1, 1]


def test_naive_times_need_a_declared_zone(store: Connection, declare: Callable[..., None]) -> None:
    """A source that declares local times reads them, once clear; another refuses them."""
    declare("plain/a")
    naive = "2018-02-17 12:00"
    assert pushed(store, row("loc/a", ds=naive), row("plain/a", ds=naive)) == [
        "accepted",
        "refused",
    ]
    assert observations.current(store, ["loc/a"])["ds"].iloc[0] == pd.Timestamp("2018-02-17T14:00Z")
    twice, never = "2018-02-17 23:30", "2018-11-04 00:30"
    assert pushed(store, row("loc/a", ds=twice), row("loc/a", ds=never)) == ["refused"] * 2


def test_the_future_is_refused_unless_known_ahead(store: Connection) -> None:
    """A reading from ahead of its arrival needs a series that is known ahead."""
    soon = "2024-06-05T00:00Z"
    assert pushed(store, row("plan/price", ds=soon), row("plan/load", ds=soon)) == [
        "accepted",
        "refused",
    ]


def test_new_series_are_registered_up_to_the_limit(store: Connection) -> None:
    """Where a source allows two new series, the third is refused, and a disguised one too."""
    names = [f"dev/{n}" for n in "abc"]
    assert pushed(store, *map(row, names)) == ["accepted", "accepted", "refused"]
    assert pushed(store, row("dev/named"), row("elsewhere")) == ["refused", "accepted"]


BAD = [
    row("one/h", float("nan")), row("one/h", float("inf")), row("one/h", 1e400), row("one/h", "5"),
    row("one/h", True), row("one/h", None), row("one/h", [1]), row("one/h", {"v": 1}),
    row("one/h", 10**400), {"unique_id": "one/h", "ds": AT}, row("one/h", ds=None),
    row("one/h", ds=1714521600), row("one/h", ds=True), row("one/h", ds="yesterday"),
    row("one/h", ds="2024-02-30T00:00Z"), row("one/h", ds="2016-12-31T23:59:60Z"),
    row("one/h", ds="9999-01-01T00:00Z"), row("one/h", ds="0001-01-01T00:00Z"), row("one/h", ds=""),
    row("one/h", ds="2024-05-01 00:00"), row("one/h", ds="2024-05-01T00:00Z\0"), row("'; DROP --"),
    row("../one/h"), row("one/\x00h"), row("one/\u202eh"), row("one/\ud800"), row("x" * 65_536),
    row(""), row(None), row(7), row(["one/h"]), {**row("one/h"), "unit": "kW"}, {}, [], None, 3.5,
    "one/h", row("one/+"), row("one/#"), row("one/h\n"),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: ascii(bad)[:60])
def test_a_bad_row_is_a_dead_letter_and_stops_no_other(
    store: Connection, declare: Callable[..., None], bad: object
) -> None:
    """Whatever stands in a row, it is refused with reason, fix and letter; its neighbour is in."""
    declare("one/h", "one/good", source="one")
    before = store.execute("SELECT count(*) FROM dead_letter").fetchone()
    fates = push(store, [bad, row("one/good")], Door("test", NOW, {}, None))
    assert [f.outcome for f in fates] in (["refused", "accepted"], ["refused", "unchanged"])
    assert fates[0].reason
    assert fates[0].fix
    after = store.execute("SELECT count(*) FROM dead_letter").fetchone()
    assert before is not None
    assert after is not None
    assert after[0] == before[0] + 1


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
ROWS = st.lists(
    ANYTHING | st.fixed_dictionaries({"unique_id": st.just("any/a") | ANYTHING, "ds": ANYTHING, "y": ANYTHING})
    | st.builds(row, st.just("any/a"), st.floats()),
    min_size=1, max_size=6,
)  # fmt: skip


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS)
def test_every_row_has_one_fate(
    store: Connection, declare: Callable[..., None], rows: list[Any]
) -> None:
    """Whatever JSON comes, each row is answered once and the body of answers is JSON itself."""
    declare("any/a")
    fates = push(store, rows, Door("test", NOW, {}, None))
    assert len(fates) == len(rows)
    found = json.loads(door.told(fates, []))
    assert sum(found[name] for name in door.OUTCOMES) == len(rows)


def body(*rows: object) -> bytes:
    return json.dumps({"readings": rows}).encode()


def taken(conn: Connection, content: bytes, key: str | None) -> requests.Answer:
    return door.take(conn, Call(content, key, NOW), {})


def test_the_same_key_gives_the_same_bytes_and_changes_nothing(
    store: Connection, declare: Callable[..., None]
) -> None:
    """A resend under its key is answered as before, also after a correction, which it leaves."""
    declare("key/a")
    first = taken(store, body(row("key/a", 1)), "k1")
    taken(store, body(row("key/a", 2)), None)
    again = taken(store, body(row("key/a", 1)), "k1")
    assert (again.body, again.replayed) == (first.body, True)
    assert value(store, "key/a") == 2
    store.execute("DELETE FROM request_answer")
    assert json.loads(taken(store, body(row("key/a", 1)), "k1").body)["unchanged"] == 1
    assert value(store, "key/a") == 2


def test_without_a_key_an_old_value_is_a_new_correction(
    store: Connection, declare: Callable[..., None]
) -> None:
    """A plain resend after a correction corrects again, as a file would."""
    declare("plainkey/a")
    for y in (1, 2, 1):
        taken(store, body(row("plainkey/a", y)), None)
    assert value(store, "plainkey/a") == 1


def test_a_key_belongs_to_one_body(store: Connection, declare: Callable[..., None]) -> None:
    """Another body under a key is refused, and nothing of it is stored."""
    declare("reused/a")
    taken(store, body(row("reused/a", 1)), "k2")
    with pytest.raises(requests.KeyReused):
        taken(store, body(row("reused/a", 2)), "k2")
    assert value(store, "reused/a") == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel"])
def test_a_key_that_cannot_be_kept_is_refused(store: Connection, key: str) -> None:
    """Keys are 1 to 255 characters of ASCII."""
    with pytest.raises(DataFault, match="Idempotency-Key"):
        taken(store, body(row("a")), key)


def test_two_at_once_do_the_work_once(
    store: Connection, database_url: str, declare: Callable[..., None]
) -> None:
    """The second request of a key waits for the first and is told the same."""
    declare("race/a")
    told: list[requests.Answer] = []

    def one() -> None:
        with connect(database_url) as own:
            told.append(taken(own, body(row("race/a", 1)), "k3"))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(a.replayed for a in told) == [False, True, True, True]
    assert len({a.body for a in told}) == 1


def test_one_that_takes_too_long_is_not_waited_for(store: Connection, database_url: str) -> None:
    """While a request of the key is not over, another is told to come back."""
    with connect(database_url) as other, other.transaction():
        other.execute("INSERT INTO request_answer VALUES ('POST /observations', 'k4', '', '')")
        with pytest.raises(requests.InProgress):
            taken(store, body(row("none")), "k4")
        assert store.execute("SHOW lock_timeout").fetchone() == ("0",)


def test_killed_in_the_middle_leaves_nothing_and_the_retry_does_it(
    store: Connection, database_url: str, declare: Callable[..., None]
) -> None:
    """A backend that dies between rows and answer takes both with it."""
    declare("killed/a")

    def work(conn: Connection) -> bytes:
        push(conn, [row("killed/a")], Door("test", NOW, {}, "k5"))
        pid = conn.info.backend_pid
        store.execute("SELECT pg_terminate_backend(%s)", (pid,))
        conn.execute("SELECT 1")
        return b""

    with pytest.raises(psycopg.OperationalError), connect(database_url) as doomed:
        requests.once(
            doomed,
            "k5",
            route=door.ROUTE,
            body=body(row("killed/a")),
            work=lambda: work(doomed),
        )
    assert observations.current(store, ["killed/a"]).empty
    done = taken(store, body(row("killed/a")), "k5")
    assert not done.replayed
    assert json.loads(done.body)["accepted"] == 1


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[" * 100_000, b"\x00", b'{"readings": [1e}']
)
def test_what_is_no_json_is_said_so(content: bytes) -> None:
    """A body that is no JSON raises MalformedJson."""
    with pytest.raises(MalformedJson):
        door.readings(content, name="readings")


@pytest.mark.parametrize("content", [
    "[]", "null", "7", "{}", '{"readings": {}}', '{"readings": []}', '{"reading": [1]}',
    '{"readings": [1], "unit": "MW"}', '{"readings": ' + json.dumps([0] * 10_001) + "}",
])  # fmt: skip
def test_another_shape_names_the_field(content: str) -> None:
    """A body of another shape raises DataFault."""
    with pytest.raises(DataFault):
        door.readings(content.encode(), name="readings")


def test_numbers_beyond_a_float_are_left_to_their_row() -> None:
    """Huge integers, 1e400, NaN and Infinity cost their row, not the body."""
    text = f'{{"readings": [{HUGE}, -{HUGE}, 1e400, NaN, Infinity, 5]}}'
    found = door.readings(text.encode(), name="readings")
    assert [str(v) for v in found] == ["inf", "inf", "inf", "nan", "inf", "5"]


def test_the_store_knows_what_no_project_declares(store: Connection) -> None:
    """Series of a source that sources.yaml lacks are typed by their rows in the store."""
    facts = {"unit": "1", "known_ahead_hours": 24.0, "publication_lag_seconds": 60.0}
    series.register(store, declared("gone/price", source="gone", **facts))
    ledger.register_source(store, "gone", clock="wall", step_seconds=3600)
    ahead = row("gone/price", ds="2024-06-02T00:00Z")
    assert [f.outcome for f in push(store, [ahead], Door("t", NOW, {}, None))] == ["accepted"]
