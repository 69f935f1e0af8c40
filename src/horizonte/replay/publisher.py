"""Send messages at their time, at QoS 1, and know which of them the broker has."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Event
from typing import Any

from horizonte.errors import ServiceFault
from horizonte.ingest import broker as brokers
from horizonte.ingest.broker import Broker

logger = logging.getLogger(__name__)

IN_FLIGHT = 100
FIRST_SECONDS = 10.0  # how long a broker may take to accept the very first connection
DRAIN_SECONDS = 10.0
SHORTEST, LONGEST = 0.2, 15.0  # pause before the first reconnect, and the longest one
Halt = Callable[[], bool]
REFUSED = (4, 5, 134, 135)  # bad user name or password, not authorised: in MQTT 3.1.1 and in 5


@dataclass(frozen=True)
class Envelope:
    """What is sent, where, and when: seconds after the first call of ``Publisher.run``."""

    at_seconds: float
    topic: str
    payload: bytes


@dataclass
class Counts:
    """What became of the messages; those not acknowledged may or may not have arrived."""

    published: int = 0
    acknowledged: int = 0
    reconnects: int = 0


class Publisher:
    """One device: sends in real time, bounded in flight, until it is told to stop.

    Connections that break are made again with growing pauses, and what was not acknowledged
    is sent again: at least once, duplicates are possible. Not thread-safe.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        client_id: str,
        in_flight: int = IN_FLIGHT,
        acknowledged: Callable[[Envelope], None] | None = None,
    ) -> None:
        self.counts = Counts()
        self._broker, self._limit, self._tell = broker, in_flight, acknowledged
        self._waiting: dict[int, Envelope] = {}
        self._connected, self._refusal = False, ""
        self._client = brokers.client(broker, client_id=client_id, persistent=False)
        self._client.max_inflight_messages_set(in_flight)
        self._client.on_connect = self._on_connect
        self._client.on_publish = lambda _client, _data, mid, *_: self._on_acknowledged(mid)

    def run(self, envelopes: Iterable[Envelope], *, stop: Event) -> Counts:
        """Send every message when it is due and return once the broker has acknowledged all.

        After ``stop`` is set nothing new is sent, and acknowledgements are awaited for 10 s.
        Raises ServiceFault when the broker does not answer at first, or refuses the password.
        """
        begin = time.monotonic()
        self._open(stop.is_set, patience=FIRST_SECONDS)
        for envelope in envelopes:
            self._wait(begin + envelope.at_seconds, halt=stop.is_set)
            if stop.is_set():
                break
            self._send(envelope)
        self._turn(_overdue(stop), until=lambda: not self._waiting)
        self._client.disconnect()
        self._client.loop(timeout=0.1)
        return self.counts

    def _wait(self, due: float, *, halt: Halt) -> None:
        self._turn(
            halt,
            until=lambda: (
                self._connected and len(self._waiting) < self._limit and time.monotonic() >= due
            ),
        )

    def _send(self, envelope: Envelope) -> None:
        info = self._client.publish(envelope.topic, envelope.payload, qos=1)
        self._waiting[info.mid] = envelope
        self.counts.published += 1

    def _turn(self, halt: Halt, *, until: Callable[[], bool]) -> None:
        """Serve the connection, and make it again when it breaks, until the condition holds."""
        while not until() and not halt():
            if self._client.loop(timeout=0.01) and not halt():
                self.counts.reconnects += 1
                logger.warning("connection to %s lost", self._broker)
                self._open(halt, patience=float("inf"))

    def _open(self, halt: Halt, *, patience: float) -> None:
        give_up, pause = time.monotonic() + patience, SHORTEST
        while not halt():
            why = self._try()
            if self._connected:
                return
            if self._refusal or time.monotonic() > give_up:
                raise ServiceFault(
                    str(self._broker),
                    self._refusal or why,
                    "a broker that accepts us",
                    "run `horizonte up`, or correct HORIZONTE_MQTT",
                )
            # Jitter keeps many devices from coming back in step.
            _sleep(random.uniform(pause / 2, pause), halt)  # noqa: S311
            pause = min(2 * pause, LONGEST)

    def _try(self) -> str:
        self._connected, deadline = False, time.monotonic() + brokers.CONNECT_SECONDS
        try:
            brokers.connect(self._client, self._broker, persistent=False)
        except OSError as why:
            return str(why)
        while not self._connected and not self._refusal and time.monotonic() < deadline:
            if self._client.loop(timeout=0.05):
                return "closed the connection (a wrong password?)"
        return "" if self._connected else "no answer"

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, code: Any, answer: Any) -> None:
        self._connected = not code.is_failure
        if code.is_failure and code.value in REFUSED:
            self._refusal = str(code)
        self._limit = min(self._limit, getattr(answer, "ReceiveMaximum", self._limit))

    def _on_acknowledged(self, mid: int) -> None:
        envelope = self._waiting.pop(mid, None)
        if envelope is not None:
            self.counts.acknowledged += 1
            if self._tell:
                self._tell(envelope)


def _overdue(stop: Event) -> Halt:
    """Return what says whether ``stop`` has been set for longer than a drain may take."""
    since: list[float] = []

    def overdue() -> bool:
        if stop.is_set() and not since:
            since.append(time.monotonic())
        return bool(since) and time.monotonic() - since[0] > DRAIN_SECONDS

    return overdue


def _sleep(seconds: float, halt: Halt) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not halt():
        time.sleep(min(0.05, max(0.0, end - time.monotonic())))
