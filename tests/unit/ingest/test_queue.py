"""The queue between network and database: bounded, in order, never stuck."""

from __future__ import annotations

import threading
import time

from horizonte.ingest import queue
from horizonte.ingest.intake import Message
from horizonte.ingest.queue import Waiting


def message(number: int, *, size: int = 1) -> Message:
    return Message(str(number), b"x" * size, number)


def filled(count: int, *, most: int = 100, size: int = 1) -> Waiting[int]:
    made: Waiting[int] = Waiting(most=most, bytes_=1000)
    for number in range(count):
        made.put([(message(number, size=size), number)])
    return made


def test_order_is_kept() -> None:
    """Messages come out as they went in, each with what acknowledges it."""
    made = filled(10)
    taken = [made.take(4, seconds=0) for _ in range(3)]
    assert [len(part) for part in taken] == [4, 4, 2]
    assert [origin for part in taken for _, origin in part] == list(range(10))
    assert [int(m.topic) for part in taken for m, _ in part] == list(range(10))


def test_a_full_batch_does_not_wait() -> None:
    """As many as were asked for are returned at once; fewer after the time is over."""
    made, began = filled(3), time.monotonic()
    assert len(made.take(3, seconds=60)) == 3
    assert time.monotonic() - began < 5
    began = time.monotonic()
    assert made.take(3, seconds=0.1) == []
    assert time.monotonic() - began >= 0.1


def test_a_batch_is_bounded_in_bytes() -> None:
    """Big messages make small batches, but never an empty one."""
    made: Waiting[int] = Waiting(most=100)
    for number in range(3):
        made.put([(message(number, size=queue.BATCH_BYTES), number)])
    assert [len(made.take(10, seconds=60)) for _ in range(3)] == [1, 1, 1]


def test_a_full_queue_has_no_room() -> None:
    """Without room, for number or for bytes, there is some again once something is taken."""
    for made in (filled(5, most=5), filled(2, size=500)):
        assert not made.room
        assert made.take(1, seconds=0)
        assert made.room


def test_a_closed_queue_keeps_nothing() -> None:
    """A closed queue drops what comes, does not wait, and gives what it holds."""
    made = filled(5, most=5)
    made.close()
    assert made.room
    made.put([(message(9), 9)])
    began = time.monotonic()
    assert len(made.take(100, seconds=60)) == 5
    assert made.take(100, seconds=60) == []
    assert time.monotonic() - began < 5


def test_nothing_is_lost_between_threads() -> None:
    """A fast putter and a taker of odd batches see the same messages in the same order."""
    made: Waiting[int] = Waiting(most=7)

    def put() -> None:
        for number in range(0, 2000, 4):
            while not made.room:
                time.sleep(0.0001)
            made.put([(message(n), n) for n in range(number, number + 4)])

    putter = threading.Thread(target=put)
    putter.start()
    seen: list[int] = []
    while len(seen) < 2000:
        seen += [origin for _, origin in made.take(5, seconds=0.05)]
    putter.join(5)
    assert seen == list(range(2000))
