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
from horizonte.ingest.broker import Broker
from horizonte.ingest.intake import Message
from horizonte.ingest.queue import Waiting
from horizonte.ingest.watch import Watch

if TYPE_CHECKING:
    from paho.mqtt.client import Client

logger = logging.getLogger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
ANSWER_SECONDS = 15.0
REFUSED = 0x80  # SUBACK codes from here on are refusals


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
            link = _Link(self, sessions)
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


class _Link:
    """One connection, from CONNECT to its end."""

    def __init__(self, owner: Subscriber, sessions: int) -> None:
        self.owner, self.sessions = owner, sessions
        self.connected = self.again = False
        self._over, self._ready = threading.Event(), threading.Event()

    def serve(self, drained: threading.Event) -> bool:
        """Receive until the connection ends or all is ``drained``; return whether it was ever ready."""
        owner = self.owner
        made = brokers.client(owner.broker, client_id=owner.client_id, persistent=True)
        made.on_connect, made.on_subscribe = self._on_connect, self._on_subscribe
        made.on_message, made.on_disconnect = self._on_message, self._on_disconnect
        try:
            brokers.connect(made, owner.broker, persistent=True, window=owner.window)
        except OSError as why:
            logger.warning("broker %s cannot be reached: %s", owner.broker, why)
            return False
        made.loop_start()
        try:
            self._wait(drained)
        finally:
            made.disconnect()
            made.loop_stop()
            owner.watch.online = False
        return self._ready.is_set()

    def _wait(self, drained: threading.Event) -> None:
        began = time.monotonic()
        while not self._over.wait(0.1):
            if not self._ready.is_set() and time.monotonic() - began > ANSWER_SECONDS:
                logger.warning("broker %s does not answer", self.owner.broker)
                return
            if drained.is_set():
                return

    def _on_connect(self, client: Client, _: Any, flags: Any, reason: Any, *__: Any) -> None:
        if reason.is_failure:
            logger.error("broker %s refuses this client: %s", self.owner.broker, reason)
            self._over.set()
            return
        self.connected = True
        self._session(present=bool(flags.session_present))
        if not self.again:
            # A resumed session may hold back the SUBACK until what it owes is acknowledged.
            self._ready.set()
            self.owner.watch.online = True
        client.subscribe([(name, 1) for name in self.owner.filters])

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

    def _on_subscribe(self, _: Client, __: Any, ___: int, codes: Any, *____: Any) -> None:
        refused = [
            name
            for name, code in zip(self.owner.filters, codes, strict=True)
            if code.value >= REFUSED
        ]
        if refused:
            self.owner.failed = ServiceFault(
                "subscription", refused, "granted by the broker", "let its access rules allow it"
            )
            self._over.set()
            return
        if self.again:
            self._ready.set()
            self._over.set()
            return
        logger.info("subscribed at %s: filters=%s", self.owner.broker, self.owner.filters)

    def _on_message(self, client: Client, _: Any, message: Any) -> None:
        arrived = time.time_ns()
        try:
            topic = message.topic
        except UnicodeDecodeError:  # not every broker checks; an exception here ends the client
            topic = message._topic.decode("utf-8", "backslashreplace")  # noqa: SLF001
        self.owner.waiting.put(
            Message(topic, message.payload, arrived), (client, message.mid, message.qos)
        )

    def _on_disconnect(self, _: Client, __: Any, ___: Any, reason: Any, *____: Any) -> None:
        if not self._over.is_set() and reason.is_failure:
            hint = "" if self.connected else " before it let us in (a wrong password?)"
            logger.warning("broker %s closed the connection%s: %s", self.owner.broker, hint, reason)
        self._over.set()
