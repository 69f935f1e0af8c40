"""Messages between the network and the database: bounded in number and bytes, taken in batches."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

from horizonte.ingest.intake import Message

Origin = TypeVar("Origin")
BYTES = 64 << 20  # held at most, whatever the window: payloads may be a thousand times a reading
BATCH_BYTES = 8 << 20


class Waiting(Generic[Origin]):
    """A bounded queue of messages, each with what acknowledges it; one putter, one taker."""

    def __init__(self, *, most: int, bytes_: int = BYTES) -> None:
        self._most, self._bytes = most, bytes_
        self._held: deque[tuple[Message, Origin]] = deque()
        self._size, self._wanted = 0, 0
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._held)

    @property
    def room(self) -> bool:
        """Whether more may be put: while not, nothing is read, and the broker feels the pressure.

        A closed queue has room, for it keeps nothing.
        """
        return self._closed or not (len(self._held) >= self._most or self._size >= self._bytes)

    def put(self, held: Sequence[tuple[Message, Origin]]) -> None:
        """Add messages, unless closed. Ask for ``room`` before: what was read is not refused."""
        with self._changed:
            if self._closed:
                return
            self._held.extend(held)
            self._size += sum(len(message.payload) for message, _ in held)
            # The taker sleeps until its batch is full: woken for each message, it would do
            # nothing but look.
            if len(self._held) >= self._wanted or self._size >= BATCH_BYTES:
                self._changed.notify_all()

    def take(self, most: int, *, seconds: float) -> list[tuple[Message, Origin]]:
        """Return up to ``most`` messages: at once when there are as many, else after ``seconds``.

        The time counts from the call. Empty when there was none, or it is closed.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            self._wanted = most
            while not self._closed and len(self._held) < most and self._size < BATCH_BYTES:
                rest = deadline - time.monotonic()
                if rest <= 0:
                    break
                self._changed.wait(rest)
            return self._taken(most)

    def close(self) -> None:
        """Keep no further messages; those that are held can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _taken(self, most: int) -> list[tuple[Message, Origin]]:
        found: list[tuple[Message, Origin]] = []
        taken = 0
        while self._held and len(found) < most and taken < BATCH_BYTES:
            found.append(self._held.popleft())
            taken += len(found[-1][0].payload)
        self._size -= taken
        return found
