"""Payloads of every kind end as a correct row or as a letter with a reason; never otherwise."""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from horizonte.ingest.feeds import Topic
from horizonte.ingest.intake import Intake, Message, Understood, delivery_key
from horizonte.ingest.messages import MAX_BYTES, MAX_READINGS, Refused, opened, parsed, readings
from horizonte.ingest.sources import Source

ARRIVED = pd.Timestamp("2026-06-30T12:00:00.123456Z")
TS = "2026-06-30T10:00:00Z"
RULES: dict[str, dict[str, Any]] = {
    "json": {"topic": "json/+"},
    "number": {"topic": "number/+", "payload": "number"},
    "many": {"topic": "many", "series": "", "readings": "data.items", "id": "id"},
    "seconds": {"topic": "seconds/+", "timestamp": "t", "timestamp_unit": "s"},
    "millis": {"topic": "millis/+", "timestamp": "t", "timestamp_unit": "ms"},
    "none": {"topic": "none/+", "timestamp": None},
}


def source(**changes: Any) -> Source:
    settings = {"name": "s", "freq": "PT1M", "topics": list(RULES.values()), "series": {"a": {}}}
    return Source.model_validate({**settings, **changes})


def read(topic: str, payload: bytes, **changes: Any) -> Understood:
    message = Message(topic, payload, ARRIVED.value)
    (found,) = Intake([source(**changes)]).understood([message])
    return found


def one(topic: str, payload: bytes, **changes: Any) -> tuple[str, str, float]:
    """Return the only row, when there is no letter."""
    found = read(topic, payload, **changes)
    assert found.letters.empty, found.letters.to_dict("records")
    (row,) = found.rows.itertuples()
    return row.unique_id, row.ds.isoformat(), row.y


def reason(topic: str, payload: bytes, **changes: Any) -> str:
    """Return why the only reading was refused, when there is no row."""
    found = read(topic, payload, **changes)
    assert found.rows.empty
    (letter,) = found.letters.itertuples()
    assert letter.fix
    assert letter.payload == payload
    return str(letter.reason)


def value(text: str, ts: str = f'"{TS}"') -> bytes:
    return f'{{"value": {text}, "ts": {ts}}}'.encode()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("NaN", "not JSON"),
        ("Infinity", "not JSON"),
        ("-Infinity", "not JSON"),
        ("1e400", "not a finite number"),
        ("-1e400", "not a finite number"),
        ('"1e400"', "not a finite number"),
        ('"NaN"', "not a number"),
        ('"inf"', "not a finite number"),
        ('"twelve"', "not a number"),
        ('""', "not a number"),
        ('"1,5"', "not written with"),
        ('"\\u0000"', "not a number"),
        ('"\\ud800"', "not a number"),
        ('"\\u202e12"', "not a number"),
        ("true", "not a number"),
        ("false", "not a number"),
        ("null", "no reading"),
        ("[1]", "not a number"),
        ('{"value": 1}', "not a number"),
        ("9" * 400, "not a finite number"),
        ("-" + "9" * 400, "not a finite number"),
        ("9" * 5000, "not JSON"),
        ('"' + "9" * 100_000 + '"', "not written with"),
        ('"' + "0" * 399 + '12"', "not written with"),  # its beginning would be another number
    ],
)
def test_what_is_no_value(text: str, says: str) -> None:
    """A value that is no finite number is refused with its reason."""
    assert says in reason("json/a", value(text))


@pytest.mark.parametrize(
    ("text", "y"),
    [
        ("1", 1.0),
        ("-0.0", 0.0),
        ("1e308", 1e308),
        ("5e-324", 5e-324),
        ('"2.5"', 2.5),
        ('" 2.5 "', 2.5),
        ('"\\u22122"', -2.0),
        (str(2**63), 2.0**63),
        ("1" + "0" * 300, 1e300),
    ],
)
def test_what_is_a_value(text: str, y: float) -> None:
    """JSON numbers and texts of numbers are read exactly as they stand."""
    assert one("json/a", value(text)) == ("s/a", "2026-06-30T10:00:00+00:00", y)


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "not JSON"),
        (b"\x00", "not JSON"),
        (b"\xff\xfe1", "not UTF-8"),
        (b"\xed\xa0\x80", "not UTF-8"),
        (b"\xef\xbb\xbf1", "not JSON"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "nested too deeply"),
        (b"x" * (MAX_BYTES + 1), "a message of"),
        (b'"text"', "not a number"),
        (b"{}", "no value"),
        (b'{"value": 1', "not JSON"),
    ],
)
def test_what_is_no_message(payload: bytes, says: str) -> None:
    """A payload that cannot be read becomes one letter."""
    assert says in reason("json/a", payload)


@pytest.mark.parametrize("depth", range(960, 1000, 5))
def test_nesting_at_the_limit(depth: int) -> None:
    """Wherever the interpreter gives up on nesting, the result is one letter."""
    assert reason("json/a", value("[" * depth + "]" * depth))


@pytest.mark.parametrize(
    ("ts", "says"),
    [
        ('"2026-02-30T00:00:00Z"', "no such date"),
        ('"2026-06-30T25:00:00Z"', "no such date"),
        ('"2026-06-30T10:00:00"', "no offset"),
        ('"yesterday"', "not a timestamp"),
        ('""', "no timestamp"),
        ('"\\ud800"', "not a timestamp"),
        ('"2026-06-30T10:00:00Z\\u0000"', "not a timestamp"),
        ('"9999-12-31T23:59:59Z"', ""),
        ('"0001-01-01T00:00:00Z"', ""),
        ('"2026-06-30T23:59:60Z"', ""),
        ('"03/04/2026 10:00Z"', "either way"),
        ("1782813600", "not a time"),
        (f'"{TS}{" " * 60}tomorrow"', "not a timestamp"),
        ("true", "not a time"),
        ("{}", "not a time"),
        ('"2026-06-30T12:05:01Z"', "ahead of its arrival"),
    ],
)
def test_what_is_no_time(ts: str, says: str) -> None:
    """A time that does not exist, is not unambiguous or lies ahead is refused, never bent."""
    assert says in reason("json/a", value("1", ts))


@pytest.mark.parametrize(
    ("ts", "ds"),
    [
        ("2026-06-30T10:00:00+05:30", "2026-06-30T04:30:00+00:00"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00+00:00"),
        ("2025-06-30T10:00:00.123456Z", "2025-06-30T10:00:00.123456+00:00"),
        ("2026-06-30T12:04:59Z", "2026-06-30T12:04:59+00:00"),  # inside the tolerance
        ("2016-12-31 23:59:59Z", "2016-12-31T23:59:59+00:00"),
    ],
)
def test_what_is_a_time(ts: str, ds: str) -> None:
    """A time with an offset is that instant, also a year late."""
    assert one("json/a", value("1", f'"{ts}"'))[1] == ds


@pytest.mark.parametrize(
    ("ts", "says"),
    [
        ("2026-03-29T02:30:00", "does not exist"),
        ("2025-10-26T02:30:00", "occurs twice"),
    ],
)
def test_clock_changes(ts: str, says: str) -> None:
    """Local times that a change of clocks skips or repeats are refused."""
    local = {"times": "local", "zone": "Europe/Berlin"}
    assert says in reason("json/a", value("1", f'"{ts}"'), **local)
    assert one("json/a", value("1", '"2026-03-29T03:30:00"'), **local)[1].startswith(
        "2026-03-29T01"
    )


@pytest.mark.parametrize(
    ("topic", "stamp", "ds"),
    [
        ("seconds/a", "1700000000", "2023-11-14T22:13:20+00:00"),
        ("seconds/a", "1700000000.123", "2023-11-14T22:13:20.123000+00:00"),
        ("seconds/a", '"1700000000.25"', "2023-11-14T22:13:20.250000+00:00"),
        ("millis/a", "1700000000123", "2023-11-14T22:13:20.123000+00:00"),
    ],
)
def test_numeric_times(topic: str, stamp: str, ds: str) -> None:
    """Numbers since 1970 are read in the declared unit, to the nearest microsecond."""
    assert one(topic, f'{{"value": 1, "t": {stamp}}}'.encode())[1] == ds


@pytest.mark.parametrize(
    "stamp", ["0", "-1", "1e400", "NaN", "true", '"x"', "[]", "9" * 400, "1e30"]
)
def test_absurd_numeric_times(stamp: str) -> None:
    """A number that is no time of this age is refused."""
    assert reason("seconds/a", f'{{"value": 1, "t": {stamp}}}'.encode())


def test_milliseconds_read_as_seconds() -> None:
    """A clock in the wrong unit is told so instead of filling the year 55000."""
    assert "in s since 1970" in reason("seconds/a", b'{"value": 1, "t": 1700000000123}')


@pytest.mark.parametrize("payload", [b"2.5", b" 2.5\n", b"2.5e0"])
@pytest.mark.parametrize("topic", ["number/a", "json/a", "none/a"])
def test_a_bare_number(topic: str, payload: bytes) -> None:
    """A bare number carries the time of its arrival, is marked, and has no delivery key."""
    found = read(topic, payload)
    (row,) = found.rows.itertuples()
    assert (row.ds, row.y, row.stamped, row.delivery_key) == (ARRIVED, 2.5, True, None)


def test_a_message_without_its_time() -> None:
    """A reading whose time field is absent carries its arrival, and is marked as stamped."""
    (row,) = read("json/a", b'{"value": 7}').rows.itertuples()
    assert (row.ds, row.stamped) == (ARRIVED, True)


def test_many_readings() -> None:
    """Good readings of a message are rows, bad ones letters; each has a delivery key of its own."""
    items = [
        {"id": "a", "value": 1, "ts": TS},
        {"id": "zz", "value": 1, "ts": TS},
        {"value": 1, "ts": TS},
        {"id": "a", "value": "x", "ts": TS},
        5,
        None,
        {"id": "s/a", "value": 2, "ts": "2026-06-30T11:00:00Z"},
    ]
    payload = json.dumps({"data": {"items": items}}).encode()
    found = read("many", payload)
    key = delivery_key("many", payload)
    assert found.rows["delivery_key"].tolist() == [key, f"{key}:6"]
    assert found.rows["y"].tolist() == [1, 2]
    assert len(found.letters) == 5


def test_no_readings() -> None:
    """An empty array says nothing, and that is no mistake."""
    found = read("many", b'{"data": {"items": []}}')
    assert (len(found.rows), len(found.letters)) == (0, 0)


@pytest.mark.parametrize("body", [b"{}", b'{"data": 1}', b'{"data": {"items": {}}}', b"[]", b"1"])
def test_readings_that_are_elsewhere(body: bytes) -> None:
    """Without the declared array the whole message is refused."""
    assert "no array of readings" in reason("many", body)


def test_too_many_readings() -> None:
    """A message of more readings than any device sends is one letter, not ten thousand."""
    body = json.dumps({"data": {"items": [0] * (MAX_READINGS + 1)}}).encode()
    assert "readings in a message" in reason("many", body)


HOSTILE = [
    "'; DROP TABLE observation; --",
    '"a"',
    "../../etc/passwd",
    "..",
    "a/../b",
    "a//b",
    "/a",
    "+",
    "#",
    "a\nb",
    "a\x00b",
    "",
    " ",
    "a" * 65_536,
    "\u202eb",
    "\u200b",
    "ä",
    "\ud800",
    "{1}",
    "%s",
    "\\",
    "observations",
    "pump/vintages",
    "pump/vintages/3",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_ids(name: str) -> None:
    """An id that could be mistaken for something else registers nothing, even where new ones may be."""
    body = json.dumps({"data": {"items": [{"id": name, "value": 1, "ts": TS}]}}).encode()
    assert "no series of source s" in reason("many", body, new_series=10)


@pytest.mark.parametrize("name", [True, False, None, 1.5, [], {}])
def test_ids_that_are_no_names(name: object) -> None:
    """What is no name names no series; whole numbers do."""
    body = json.dumps({"data": {"items": [{"id": name, "value": 1, "ts": TS}]}}).encode()
    assert reason("many", body, new_series=10)


def test_new_series() -> None:
    """Where the source allows it a plain key, also a whole number, names a series of the source."""
    body = json.dumps({"data": {"items": [{"id": 17, "value": 1, "ts": TS}]}}).encode()
    assert one("many", body, new_series=10)[0] == "s/17"
    assert one("json/B-7", value("1"), new_series=10)[0] == "s/B-7"


def test_a_typing_error_is_answered() -> None:
    """An unknown key names the nearest declared one."""
    found = read("json/demand_m", value("1"), series={"demand_mw": {}})
    assert found.letters["fix"].tolist() == ["did you mean demand_mw?"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)
reading = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["a", "s/a", "b"]) | json_values,
        "value": st.floats() | json_values,
        "ts": st.datetimes().map(str) | json_values,
        "t": st.integers() | json_values,
    },
)


@given(payload=st.binary(max_size=200), name=st.sampled_from(sorted(RULES)))
def test_arbitrary_bytes(payload: bytes, name: str) -> None:
    """Arbitrary bytes raise nothing but Refused, and end as rows and letters."""
    rule = Topic.model_validate(RULES[name])
    refused = ""
    try:
        count = len(readings(opened(payload, rule), rule))
    except Refused as why:
        count, refused = 1, why.reason
    found = read(rule.topic.replace("+", "a"), payload)
    assert len(found.rows) + len(found.letters) == count
    assert not refused or found.letters["reason"].tolist() == [refused]


numbers = st.from_regex(
    r"-?(0|[1-9][0-9]{0,400})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)


@given(text=numbers)
def test_numbers_are_read_as_python_reads_them(text: str) -> None:
    """The fast parser gives each number the value that Python gives it, also where it gives up."""
    assert _real(parsed(text.encode())) == _real(json.loads(text))


def _real(number: int | float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.copysign(math.inf, number)


texts = st.text() | st.sampled_from(["\ud800", "\udc00\ud800", "a\x00", "\u2028", "\ufeff", "\x7f"])
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


@given(whole=plain, ascii_=st.booleans(), again=st.booleans())
def test_json_is_what_python_calls_json(whole: Any, ascii_: bool, again: bool) -> None:
    """The fast parser accepts no more and reads nothing else than Python does, NaN aside."""
    text = json.dumps({"a": whole}, ensure_ascii=ascii_)
    text = f'{{"a": 0, {text[1:]}' if again else text  # of two equal names the last counts
    payload = text.encode("utf-8", "surrogatepass")
    try:
        expected = json.loads(payload.decode(), parse_constant=_none)
    except ValueError:
        with pytest.raises(Refused):
            parsed(payload)
    else:
        assert parsed(payload) == expected


def _none(name: str) -> None:
    raise ValueError(name)


@given(
    payload=st.text(alphabet=' \t\n\f\v{}[]:,"\\/+-.0123456789eEtrufalsn\ufeff\x00', max_size=18)
)
def test_broken_json(payload: str) -> None:
    """What Python refuses is refused, and what it reads is read alike, however odd the bytes."""
    try:
        expected = json.loads(payload, parse_constant=_none)
    except ValueError:
        with pytest.raises(Refused):
            parsed(payload.encode())
    else:
        assert parsed(payload.encode()) == expected


@settings(max_examples=150)
@given(
    items=st.lists(reading | json_values, max_size=6),
    name=st.sampled_from(["json/a", "seconds/a", "millis/a", "none/a", "number/a", "many"]),
    new=st.sampled_from([0, 5]),
)
def test_every_reading_ends_once(items: list[Any], name: str, new: int) -> None:
    """Each raw reading is exactly one row or one letter, whatever it holds."""
    body: Any = {"data": {"items": items}} if name == "many" else items
    payload = json.dumps(body).encode()
    try:
        rule = _rule(name)
        count = len(readings(opened(payload, rule), rule))
    except Refused:
        count = 1
    found = read(name, payload, new_series=new)
    assert len(found.rows) + len(found.letters) == count
    assert all(map(math.isfinite, found.rows["y"]))
    assert found.rows["ds"].notna().all()


@given(
    y=st.floats(allow_nan=False, allow_infinity=False),
    ds=st.datetimes(pd.Timestamp("2000-01-01"), pd.Timestamp("2026-06-30")),
)
def test_a_message_round_trips(y: float, ds: Any) -> None:
    """A well-formed reading is stored as the number and the instant that were sent."""
    payload = json.dumps({"value": y, "ts": f"{ds.isoformat()}Z"}).encode()
    assert one("json/a", payload) == ("s/a", pd.Timestamp(ds, tz="UTC").isoformat(), y)


def _rule(topic: str) -> Topic:
    return Topic.model_validate(RULES[topic.split("/", maxsplit=1)[0]])
