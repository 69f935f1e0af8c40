"""What a broker sends to a subscriber, out of a stream of bytes, and the few packets of the answer.

MQTT 3.1.1 and 5 (OASIS), from CONNACK on. paho reads packet by packet, with three calls of the
system for each: that costs more than reading, typing and storing what a message says.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

PUBLISH, PUBACK, SUBACK, PINGRESP, DISCONNECT = 0x30, 0x40, 0x90, 0xD0, 0xE0
REFUSED = 0x80  # reasons from here on are refusals
PING = b"\xc0\x00"
_PUBACK = struct.Struct(">BBH")
_LENGTH_BYTES = 4  # of a packet's length, at most


class Malformed(Exception):
    """Bytes that are no MQTT: nothing after them can be read."""


class Published(NamedTuple):
    """A message; ``number`` is what acknowledges it, 0 when nothing does (QoS 0)."""

    topic: bytes
    payload: bytes
    number: int


class Answer(NamedTuple):
    """Any other packet: its kind, and the reason codes in it."""

    kind: int
    codes: bytes


class Packets:
    """Cuts what one connection brings, in pieces of any size, into whole packets."""

    def __init__(self, *, five: bool) -> None:
        self._five = five
        self._parts: list[bytes] = []
        self._size, self._wanted = 0, 0

    def of(self, data: bytes) -> list[Published | Answer]:
        """Return the packets that ``data`` completes; raise Malformed for what is none."""
        self._parts.append(data)
        self._size += len(data)
        if self._size < self._wanted:  # a large one is put together once, not at every piece
            return []
        whole, at, found = b"".join(self._parts), 0, []
        try:
            while end := self._end(whole, at):
                found.append(self._packet(whole[at], whole[self._body : end]))
                at = end
        except IndexError:
            raise Malformed("a packet shorter than its fields") from None
        self._parts, self._size = [whole[at:]], len(whole) - at
        return found

    def _end(self, data: bytes, at: int) -> int:
        """Return where the packet at ``at`` ends, and note its body; 0 when it is not all there."""
        length, self._wanted = 0, 0
        for place in range(1, _LENGTH_BYTES + 1):
            if at + place >= len(data):
                return 0
            byte = data[at + place]
            length |= (byte & 127) << 7 * (place - 1)
            if byte < 128:
                self._body = at + place + 1
                self._wanted = self._body + length - at
                return at + self._wanted if at + self._wanted <= len(data) else 0
        raise Malformed("a length of more than four bytes")

    def _packet(self, head: int, body: bytes) -> Published | Answer:
        kind = head & 0xF0
        if kind == PUBLISH:
            return self._published(head >> 1 & 3, body)
        if kind == SUBACK:
            return Answer(kind, body[self._after(body, 2) :])
        if kind == PUBACK:
            return Answer(kind, body[2:3])
        if kind in (PINGRESP, DISCONNECT):
            return Answer(kind, body[:1])
        raise Malformed(f"a packet of kind {kind:#x}")

    def _published(self, qos: int, body: bytes) -> Published:
        at, number = 2 + (body[0] << 8 | body[1]), 0
        topic = body[2:at]
        if qos:
            number, at = body[at] << 8 | body[at + 1], at + 2
        at = self._after(body, at)
        if qos > 1 or at > len(body):
            raise Malformed("QoS 2, which was not asked for" if qos > 1 else "a topic cut short")
        return Published(topic, body[at:], number)

    def _after(self, body: bytes, at: int) -> int:
        """Return where the properties at ``at`` end: MQTT 5 alone has any."""
        if not self._five:
            return at
        length, shift = 0, 0
        while True:
            byte = body[at]
            length, shift, at = length | (byte & 127) << shift, shift + 7, at + 1
            if byte < 128:
                return at + length


def acknowledgements(numbers: Iterable[int]) -> bytes:
    """Return the PUBACK of each of ``numbers``; 0 has none."""
    return b"".join(_PUBACK.pack(0x40, 2, number) for number in numbers if number)


def publication(topic: bytes, number: int, payload: bytes, *, five: bool) -> bytes:
    """Return a small PUBLISH at QoS 1: less than 128 bytes in all."""
    body = (
        len(topic).to_bytes(2, "big") + topic + number.to_bytes(2, "big") + b"\0" * five + payload
    )
    return bytes([PUBLISH | 2, len(body)]) + body
