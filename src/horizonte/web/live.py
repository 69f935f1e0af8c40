"""Live readings: heard from the broker once, told to every viewer who asked for them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from horizonte.errors import Fault
from horizonte.ingest import broker as brokers
from horizonte.ingest.broker import Broker
from horizonte.ingest.intake import Intake, Message, Understood
from horizonte.ingest.sources import Source

logger = logging.getLogger(__name__)
TICK, PAUSE, ANSWER_SECONDS = 0.1, 2.0, 15.0
MOST_WAITING = 5_000  # readings a viewer may be behind; then the oldest go
MOST_HEARD = 20_000  # messages of one tick; more are dropped: the store has them


class Reading(NamedTuple):
    """One reading as the broker brought it: ``x`` in seconds since 1970, UTC."""

    unique_id: str
    x: float
    y: float


class Viewer:
    """What one open page waits for; used inside the event loop only."""

    def __init__(self, wanted: frozenset[str]) -> None:
        """Take the series that it wants; none means all."""
        self.wanted, self.news = wanted, asyncio.Event()
        self.waiting: list[Reading] = []

    def tell(self, readings: Iterable[Reading]) -> None:
        """Add what it wants of ``readings``."""
        own = [r for r in readings if not self.wanted or r.unique_id in self.wanted]
        if own:
            self.waiting = (self.waiting + own)[-MOST_WAITING:]
            self.news.set()

    def taken(self) -> list[Reading]:
        """Return what waits, and begin anew."""
        taken, self.waiting = self.waiting, []
        self.news.clear()
        return taken


class Hub:
    """One subscription for all viewers: no session, nothing acknowledged, nothing stored."""

    def __init__(self, sources: Sequence[Source], broker: Callable[[], Broker]) -> None:
        """Take the declared sources and how the broker is found; ``start`` connects."""
        self._intake, self._broker = Intake(sources), broker
        self._viewers: set[Viewer] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._heard: list[Message] = []
        self._newest: dict[str, Reading] = {}
        self._last: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)
        self.online, self.why = False, "not connected yet"
        self.declared = bool(self._intake.router.filters)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen in a thread; viewers live in ``loop``. Without declared topics there is nothing."""
        self._loop = loop
        if self.declared:
            self._thread.start()

    def stop(self) -> None:
        """End the connection."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def join(self, wanted: Iterable[str]) -> Viewer:
        """Return a new viewer of the series ``wanted``."""
        viewer = Viewer(frozenset(wanted))
        self._viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Forget a viewer."""
        self._viewers.discard(viewer)

    @property
    def viewers(self) -> int:
        """Return how many pages listen."""
        return len(self._viewers)

    def newest(self) -> list[Reading]:
        """Return the newest reading of each series that was heard, by name."""
        return sorted(self._newest.copy().values())

    def last(self) -> dict[str, datetime]:
        """Return when a message of each source was last heard, by this machine's clock."""
        last = self._last.copy()
        return {name: datetime.fromtimestamp(at / 1e9, UTC) for name, at in last.items()}

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except (Fault, OSError) as why:
                self.why = str(why)[:300]
                logger.warning("broker cannot be heard: %s", why)
            except Exception as why:  # the thread must outlive what nobody foresaw
                self.why = type(why).__name__
                logger.exception("broker cannot be heard")
            self.online = False
            self._stop.wait(PAUSE)

    def _listen(self) -> None:
        broker = self._broker()
        made = brokers.client(
            broker, client_id=f"horizonte-web-{secrets.token_hex(4)}", persistent=False
        )
        made.on_connect = self._connected
        made.on_subscribe = self._subscribed
        made.on_message = self._message
        brokers.connect(made, broker, persistent=False)
        began = time.monotonic()
        while not self._stop.is_set():
            if made.loop(TICK):
                raise OSError("the broker closed the connection")
            if not self.online and time.monotonic() - began > ANSWER_SECONDS:
                raise OSError(self.why if self.why else "the broker does not answer")
            self._tell()
        with contextlib.suppress(OSError):
            made.disconnect()

    def _connected(self, client: Any, _: object, __: object, reason: Any, *___: object) -> None:
        if reason.is_failure:
            raise OSError(f"the broker refuses this client: {reason}")
        client.subscribe([(name, 0) for name in self._intake.router.filters])

    def _subscribed(self, *_: object) -> None:
        self.online, self.why = True, ""
        logger.info("live readings: filters=%s", self._intake.router.filters)

    def _message(self, _: object, __: object, message: Any) -> None:
        if not message.retain and len(self._heard) < MOST_HEARD:
            self._heard.append(Message(message.topic, message.payload, time.time_ns()))

    def _tell(self) -> None:
        heard, self._heard = self._heard, []
        parts = self._intake.understood(heard) if heard else []
        self._last |= {part.source.name: heard[-1].arrived for part in parts}
        readings = readings_of(parts)
        self._newest |= {r.unique_id: r for r in readings}
        if readings and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._spread, readings)

    def _spread(self, readings: list[Reading]) -> None:
        for viewer in self._viewers:
            viewer.tell(readings)


def readings_of(parts: Iterable[Understood]) -> list[Reading]:
    """Return what messages say, by the rules of the store's own door; what it refuses is left out."""
    found = []
    for part in parts:
        rows = part.rows
        seconds = (rows["ds"].astype("int64") / 1e9).tolist()
        columns = rows["unique_id"].tolist(), seconds, rows["y"].tolist()
        found += [Reading(*one) for one in zip(*columns, strict=True)]
    return found
