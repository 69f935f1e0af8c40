"""The network side of the consumer: connected, subscribed and refilled for as long as it lives."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from horizonte.errors import Fault, ServiceFault
from horizonte.ingest import broker as brokers
from horizonte.ingest import wire
from horizonte.ingest.broker import Broker
from horizonte.ingest.intake import Message
from horizonte.ingest.link import TICK, Link
from horizonte.ingest.queue import Waiting
from horizonte.ingest.watch import Watch
from horizonte.ingest.wire import Answer, Malformed, Published

if TYPE_CHECKING:
    from paho.mqtt.client import Client

logger = logging.getLogger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
ANSWER_SECONDS = 15.0


class Subscriber:
    """One session with the broker. Every connection is a client of its own.

    So an acknowledgement can never go to a later connection, where its packet id may stand for
    another message.
    """

    def __init__(
        self, broker: Broker, filters: Sequence[str], waiting: Waiting[Any], watch: Watch
    ) -> None:
        self.broker, self.filters, self.waiting, self.watch = broker, filters, waiting, watch
        self.client_id, self.window = "", 0
        self._stop, self._drained = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self.failed: Fault | None = None

    def start(self, client_id: str, window: int) -> None:
        """Connect in the background as ``client_id``; the broker may leave ``window`` unanswered."""
        self.client_id, self.window = client_id, window
        self._thread.start()

    def stop(self) -> None:
        """Read nothing more; ``finish`` ends the connection once all that is held is acknowledged."""
        self._stop.set()
        self.waiting.close()

    def finish(self) -> None:
        """Send what acknowledgements are left and disconnect; the broker keeps the session."""
        self._drained.set()
        self._thread.join(ANSWER_SECONDS)

    def _run(self) -> None:
        pause, sessions = FIRST_PAUSE, 0
        while not self._stop.is_set() and self.failed is None:
            link = _Connection(self, sessions)
            try:
                if link.serve(self._drained):
                    pause = FIRST_PAUSE
            except Fault as why:  # a certificate that cannot be read: no retry mends that
                self.failed = why
                continue
            sessions += link.connected
            if self._stop.is_set() or link.again:
                continue
            self.watch.reconnects.inc()
            # Jitter: a hundred consumers of a broker that restarts must not come back at once.
            self._stop.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 (no secret)
            pause = min(pause * 2, LONGEST_PAUSE)


class _Connection:
    """One connection of a subscriber: made by paho, heard until it is over or all is drained."""

    def __init__(self, owner: Subscriber, sessions: int) -> None:
        self.owner, self.sessions = owner, sessions
        self.connected = self.again = self.ready = self._over = False
        self._arrived = 0

    def serve(self, drained: threading.Event) -> bool:
        """Receive until the connection ends or all is ``drained``; return whether it was ever ready."""
        owner = self.owner
        made = brokers.client(owner.broker, client_id=owner.client_id, persistent=True)
        made.on_connect = self._on_connect
        try:
            brokers.connect(made, owner.broker, persistent=True, window=owner.window)
            self._open(made)
            if self.connected:
                self._hear(made.socket(), drained)
        except OSError as why:
            logger.warning("broker %s cannot be reached: %s", owner.broker, why)
        finally:
            made.disconnect()
            owner.watch.online = False
        return self.ready

    def _open(self, made: Client) -> None:
        """Wait for CONNACK and subscribe; paho reads no byte beyond."""
        began, broker = time.monotonic(), self.owner.broker
        while not self.connected and not self._over:
            if failed := made.loop(TICK):
                if not self._over:
                    hint = "before it let us in (a wrong password?)"
                    logger.warning("broker %s closed the connection %s: %s", broker, hint, failed)
                return
            if time.monotonic() - began > ANSWER_SECONDS:
                logger.warning("broker %s does not answer", broker)
                return
        if self.connected:
            made.subscribe([(name, 1) for name in self.owner.filters])
            while made.want_write():
                made.loop_write()

    def _hear(self, sock: Any, drained: threading.Event) -> None:
        waiting = self.owner.waiting
        link = Link(sock, five=self.owner.broker.version == "5")
        try:
            while not self._over and not (drained.is_set() and link.idle):
                packets = link.turn(listen=waiting.room)
                waiting.put([self._message(p, link) for p in packets if isinstance(p, Published)])
                for answer in packets:
                    if isinstance(answer, Answer):
                        self._answered(answer)
        except (OSError, Malformed) as why:
            logger.warning("broker %s closed the connection: %s", self.owner.broker, why)
        finally:
            link.close()

    def _message(self, packet: Published, link: Link) -> tuple[Message, tuple[Link, int]]:
        # No two in one microsecond: without times of their own they would be one instant.
        self._arrived = max(time.time_ns(), self._arrived + 1000)
        # Not every broker checks that topics are UTF-8.
        topic = packet.topic.decode("utf-8", "backslashreplace")
        return Message(topic, packet.payload, self._arrived), (link, packet.number)

    def _on_connect(self, _: Client, __: Any, flags: Any, reason: Any, *___: Any) -> None:
        if reason.is_failure:
            logger.error("broker %s refuses this client: %s", self.owner.broker, reason)
            self._over = True
            return
        self.connected = True
        self._session(present=bool(flags.session_present))
        if not self.again:
            # A resumed session may hold back the SUBACK until what it owes is acknowledged.
            self.ready = self.owner.watch.online = True

    def _session(self, *, present: bool) -> None:
        """Say aloud when the broker has forgotten what it had promised to keep."""
        watch = self.owner.watch
        if self.sessions and not present:
            watch.forgotten.inc()
            logger.error(
                "broker %s kept no session of client %s: what was published while it was away is "
                "lost; let the broker keep sessions (persistence, session expiry)",
                self.owner.broker,
                self.owner.client_id,
            )
        # A first connection proves nothing: come back at once and see whether one is remembered.
        self.again = not present and not self.sessions

    def _answered(self, answer: Answer) -> None:
        if answer.kind == wire.DISCONNECT:
            code = answer.codes.hex() or "00"
            logger.warning("broker %s disconnects us: reason 0x%s", self.owner.broker, code)
            self._over = True
        elif answer.kind == wire.SUBACK:
            self._subscribed(answer.codes)

    def _subscribed(self, codes: bytes) -> None:
        owner = self.owner
        refused = [
            name for name, code in zip(owner.filters, codes, strict=False) if code >= wire.REFUSED
        ]
        if refused or len(codes) != len(owner.filters):
            owner.failed = ServiceFault(
                "subscription", refused, "granted by the broker", "let its access rules allow it"
            )
            self._over = True
        elif self.again:
            self.ready = self._over = True
        else:
            logger.info("subscribed at %s: filters=%s", owner.broker, owner.filters)
