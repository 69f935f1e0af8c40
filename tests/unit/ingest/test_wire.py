"""Packets of MQTT out of a stream of bytes: whole, in order, however they were cut."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from horizonte.ingest import wire
from horizonte.ingest.wire import Answer, Malformed, Packets, Published

publishes = st.builds(
    Published,
    st.binary(max_size=300),
    st.binary(max_size=300) | st.just(b"x" * 20_000) | st.just(b"x" * 2_100_000),
    st.integers(0, 65_535),
)
answers = (
    st.builds(Answer, st.just(wire.SUBACK), st.binary(min_size=1, max_size=3))
    | st.builds(Answer, st.just(wire.PUBACK), st.binary(max_size=1))
    | st.just(Answer(wire.PINGRESP, b""))
)


def length(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def packet(one: Published | Answer, *, five: bool) -> bytes:
    """Return the bytes of a packet, with a property where MQTT 5 allows one."""
    properties = length(200) + b"p" * 200 if five else b""
    if isinstance(one, Published):
        head, number = (0x32, one.number.to_bytes(2, "big")) if one.number else (0x30, b"")
        body = len(one.topic).to_bytes(2, "big") + one.topic + number + properties + one.payload
    else:
        head = one.kind
        before = {wire.SUBACK: b"\0\1" + properties, wire.PUBACK: b"\0\1"}
        body = before.get(head, b"") + one.codes
    return bytes([head]) + length(len(body)) + body


@given(
    sent=st.lists(publishes | answers, max_size=6),
    five=st.booleans(),
    step=st.sampled_from([1, 2, 3, 7, 100, 4096, 1 << 30]),
)
def test_packets_come_whole(sent: list[Published | Answer], five: bool, step: int) -> None:
    """Whatever the pieces in which they arrive, the packets are those that were sent, in order."""
    data, reader, found = b"".join(packet(one, five=five) for one in sent), Packets(five=five), []
    step = max(step, len(data) // 2000)
    for at in range(0, len(data), step):
        found += reader.of(data[at : at + step])
    assert found == sent


@given(data=st.binary(max_size=100), five=st.booleans())
def test_what_is_no_mqtt(data: bytes, five: bool) -> None:
    """Arbitrary bytes raise nothing but Malformed."""
    with suppress(Malformed):
        assert isinstance(Packets(five=five).of(data), list)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x30\xff\xff\xff\xff\x01", "length"),
        (b"\x10\x00", "kind 0x10"),
        (b"\x34\x05\x00\x01a\x00\x01", "QoS 2"),
        (b"\x30\x03\x00\x09a", "cut short"),
        (b"\x32\x03\x00\x01a", "shorter"),
        (b"\x30\x00", "shorter"),
    ],
)
def test_refusals(data: bytes, says: str) -> None:
    """What cannot be read is refused with its reason, never skipped."""
    with pytest.raises(Malformed, match=says):
        Packets(five=False).of(data)


def test_acknowledgements() -> None:
    """Each message is acknowledged by its own number; one of QoS 0 is not."""
    assert wire.acknowledgements([1, 0, 65_535]) == b"\x40\x02\x00\x01\x40\x02\xff\xff"


@given(number=st.integers(1, 65_535), payload=st.binary(max_size=20), five=st.booleans())
def test_what_is_sent_can_be_read(number: int, payload: bytes, five: bool) -> None:
    """A publication of ours says to a reader what was put into it."""
    data = wire.publication(b"$a/b", number, payload, five=five)
    assert Packets(five=five).of(data) == [Published(b"$a/b", payload, number)]
