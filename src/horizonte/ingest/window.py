"""How many messages the broker leaves unacknowledged towards a client: measured, not believed.

A client of its own, with a session that ends with it, sends to itself on a topic that no wildcard
matches, and acknowledges nothing until nothing more comes. Nobody else sees a message of it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from horizonte.errors import ServiceFault
from horizonte.ingest import broker as brokers
from horizonte.ingest import wire
from horizonte.ingest.broker import Broker, Flow
from horizonte.ingest.link import TICK, Link
from horizonte.ingest.wire import Answer, Malformed, Published

if TYPE_CHECKING:
    from paho.mqtt.client import Client

TOPIC = "$horizonte/window"  # "#" and "+" leave out what begins with a dollar
AT_ONCE = 500  # sent before the next look: little is left in the broker's queue
ANSWER_SECONDS, QUIET_SECONDS, LONGEST_SECONDS = 5.0, 2.0, 20.0


class Unmeasured(Exception):
    """Why the window could not be measured."""


class Window(NamedTuple):
    """Messages that came unacknowledged; ``whole``: the broker sends no more than that."""

    messages: int
    whole: bool

    def below(self, wanted: int) -> bool:
        """Return whether the broker stops before ``wanted`` messages."""
        return self.whole and self.messages < wanted

    def __str__(self) -> str:
        return f"{'' if self.whole else 'at least '}{self.messages:,}"


def measure(broker: Broker, flow: Flow) -> Window:
    """Return the window of ``broker``, as far as two batches of ``flow`` need it.

    Takes a second where it is wide and three where it is not. Leaves neither session nor message
    behind. Raises Unmeasured where access rules, limits or an absent broker are in the way.
    """
    made = brokers.client(broker, client_id=f"horizonte-{secrets.token_hex(6)}", persistent=False)
    topic = f"{TOPIC}/{secrets.token_hex(8)}"
    try:
        at_once = min(AT_ONCE, _opened(made, broker, flow))
        made.subscribe(topic, 1)
        link = Link(made.socket(), five=broker.version == "5")
        try:
            return _Probe(link, topic, at_once=at_once, five=broker.version == "5").window(
                2 * flow.batch
            )
        finally:
            link.close()
            made.unsubscribe(topic)
    except (OSError, Malformed) as why:
        raise Unmeasured(
            f"{broker} ended the connection: {why} (do access rules forbid {topic}?)"
        ) from None
    finally:
        made.disconnect()


def advice(flow: Flow, window: Window) -> str:
    """Return what makes the window of the broker and a batch of ours fit each other."""
    smaller = f"or lower HORIZONTE_MQTT_BATCH to {max(1, window.messages // 2)}"
    return (
        f'put "max_inflight_messages {flow.window}" into mosquitto.conf and restart it (another '
        f"broker: its window towards a client), {smaller}"
    )


def enough(broker: Broker, flow: Flow) -> Window:
    """Return the window of ``broker``; raise ServiceFault where a batch of ``flow`` never fills it.

    Every batch would then wait for its time-out. Raises Unmeasured as ``measure`` does.
    """
    found = measure(broker, flow)
    if found.below(flow.batch):
        raise ServiceFault(
            f"window of {broker}",
            found.messages,
            f"as wide as a batch of {flow.batch:,} messages, which would never fill",
            advice(flow, found),
        )
    return found


def _opened(made: Client, broker: Broker, flow: Flow) -> int:
    """Connect; return how many unacknowledged messages the broker takes from us (MQTT 5)."""
    answers: list[tuple[Any, Any]] = []
    made.on_connect = lambda *given: answers.append((given[3], given[4]))
    brokers.connect(made, broker, persistent=False, window=flow.window)
    deadline = time.monotonic() + ANSWER_SECONDS
    while not answers and time.monotonic() < deadline and not made.loop(TICK):
        pass
    if not answers or answers[0][0].is_failure:
        raise Unmeasured(
            f"{broker} {f'refuses it: {answers[0][0]}' if answers else 'does not answer'}"
        )
    return int(getattr(answers[0][1], "ReceiveMaximum", AT_ONCE))


class _Probe:
    """One connection that hears what it sends."""

    def __init__(self, link: Link, topic: str, *, at_once: int, five: bool) -> None:
        self.link, self.topic, self.at_once, self.five = link, topic, at_once, five
        self.sent = self.taken = self.came = 0
        self.numbers: set[int] = set()  # of what came and is not acknowledged
        self.subscribed = False
        self.deadline = time.monotonic() + LONGEST_SECONDS

    def window(self, wanted: int) -> Window:
        """Send until ``wanted`` wait for their acknowledgement, or no more come."""
        self._settle(lambda: self.subscribed)
        while self.came == self.sent < wanted:
            self._send(min(self.at_once, wanted - self.sent))
            self._settle(lambda: self.came == self.sent == self.taken)
        found = Window(len(self.numbers), whole=self.came < self.sent)
        if found.whole:
            self._prove()
        return found

    def _prove(self) -> None:
        """Raise Unmeasured unless the broker goes on once it is acknowledged: else it lost them."""
        if not (before := self.came):
            raise Unmeasured(
                f"nothing comes back of what is sent to {self.topic} (do access rules forbid it?)"
            )
        self.link.acknowledge(self.numbers)
        self.numbers = set()  # some brokers take them again
        self._settle(lambda: self.came > before)
        if self.came == before:
            raise Unmeasured(f"{before} of {self.sent} messages came, and none of the others later")

    def _send(self, count: int) -> None:
        topic, numbers = self.topic.encode(), range(self.sent, self.sent + count)
        self.link.send(
            b"".join(wire.publication(topic, n % 65_535 + 1, b"0", five=self.five) for n in numbers)
        )
        self.sent += count

    def _settle(self, done: Callable[[], bool]) -> None:
        """Hear until ``done``, or until nothing was heard for a while."""
        heard = time.monotonic()
        while not done() and time.monotonic() - heard < QUIET_SECONDS:
            if time.monotonic() > self.deadline:
                raise Unmeasured(f"{self.sent} messages took longer than {LONGEST_SECONDS:.0f} s")
            for packet in self.link.turn(listen=True):
                heard = time.monotonic()
                self._heard(packet)

    def _heard(self, packet: Published | Answer) -> None:
        if isinstance(packet, Published):
            if not packet.number:
                raise Unmeasured("the broker grants QoS 0 only")
            self.came += packet.number not in self.numbers
            self.numbers.add(packet.number)
        elif packet.kind == wire.PUBACK:
            self._granted(packet.codes, "a message to")
            self.taken += 1
        elif packet.kind == wire.DISCONNECT:
            raise Unmeasured(f"the broker disconnects it: reason 0x{packet.codes.hex() or '00'}")
        elif packet.kind == wire.SUBACK:
            self._granted(packet.codes, "a subscription to")
            self.subscribed = True

    def _granted(self, codes: bytes, what: str) -> None:
        if max(codes, default=0) >= wire.REFUSED:
            raise Unmeasured(f"the broker refuses {what} {self.topic}: reason 0x{codes.hex()}")
