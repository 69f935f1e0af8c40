"""Wide windows of long series: their places are added up once and kept, not at every zoom."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from horizonte.store import charted
from horizonte.store.browse import Row
from horizonte.store.charted import Stretch
from horizonte.store.connection import Connection
from horizonte.web.reading import Database, Missing
from horizonte.web.series import Facts

logger = logging.getLogger(__name__)
WIDTHS = (5, 30, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400)  # each divides the next
PLACES = 100_000  # kept of a series at most; one with fewer steps is never kept
KEPT = 16  # series
TAIL = 5_000  # newest steps, which are always asked of the database
LATE = 60.0  # seconds after which a kept series that has changed is read anew
OLD = 3600.0  # and one that has not, as other rules of cleaning are no change


class Level(NamedTuple):
    """Places of ``width`` before ``until``: columns start (seconds since 1970), n, sum, low, high, flagged."""

    width: timedelta
    places: NDArray[np.float64]
    until: datetime
    mark: int
    read: float


class Zooms:
    """The kept series; older readings that are corrected appear after LATE, new ones at once."""

    def __init__(self, database: Database) -> None:
        """Take where series are read anew, beside the readers."""
        self._database = database
        self._kept: OrderedDict[str, Level] = OrderedDict()
        self._lock, self._turn = threading.Lock(), threading.Lock()

    def buckets(self, conn: Connection, known: Facts, at: Stretch, width: timedelta) -> list[Row]:
        """Return what ``charted.buckets`` does; of a kept series whole kept places at both ends."""
        level = self._level(conn, known, width)
        if level is None:
            return charted.buckets(conn, at, width)
        ends = [one.timestamp() for one in (at.start, min(at.end, level.until))]
        first, last = np.searchsorted(level.places[:, 0], ends)
        parts = [level.places[first:last]]
        if at.end > level.until:
            rest = at._replace(start=max(at.start, level.until))
            parts.append(_array(charted.places(conn, rest, level.width)))
        return joined(np.concatenate(parts), width)

    def _level(self, conn: Connection, known: Facts, width: timedelta) -> Level | None:
        kept = kept_width(known)
        if kept is None or width % kept:
            return None
        mark = charted.changed(conn, known.unique_id)
        with self._lock:
            found = self._kept.get(known.unique_id)
        if found is None or found.width != kept:
            with self._turn:  # the first readers of a series wait for each other
                with self._lock:
                    found = self._kept.get(known.unique_id)
                if found is None or found.width != kept:
                    return self._read(conn, known, kept, mark)
        age = time.monotonic() - found.read
        if age > (OLD if mark == found.mark else LATE) and not self._turn.locked():
            threading.Thread(target=self._again, args=(known, kept, mark), daemon=True).start()
        return found

    def _again(self, known: Facts, width: timedelta, mark: int) -> None:
        with self._turn:
            try:
                self._database.read(lambda conn: self._read(conn, known, width, mark))
            except Missing as why:
                logger.warning("%s is not read anew: %s", known.unique_id, why)

    def _read(self, conn: Connection, known: Facts, width: timedelta, mark: int) -> Level:
        first, last = known.extent.first, known.row["last_ds"]
        until = _floor(last - TAIL * known.step, width)
        at = Stretch(known.unique_id, first, until)
        made = Level(width, _array(charted.places(conn, at, width)), until, mark, time.monotonic())
        with self._lock:
            self._kept[known.unique_id] = made
            self._kept.move_to_end(known.unique_id)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return made


def kept_width(known: Facts) -> timedelta | None:
    """Return how wide the kept places of a series are; None of one that is not kept."""
    span, last = known.extent.now - known.extent.first, known.row["last_ds"]
    if last is None or span <= PLACES * known.step:
        return None
    for seconds in WIDTHS:
        if span <= PLACES * timedelta(seconds=seconds):
            return timedelta(seconds=seconds)
    return None


def joined(places: NDArray[np.float64], width: timedelta) -> list[Row]:
    """Return ``places`` as rows of ``charted.buckets`` that are ``width`` wide, by ``ds``."""
    if not len(places):
        return []
    span = width.total_seconds()
    number = places[:, 0] // span
    first = np.flatnonzero(np.diff(number, prepend=-np.inf))
    n, total, flagged = (np.add.reduceat(places[:, c], first) for c in (1, 2, 5))
    low, high = np.fmin.reduceat(places[:, 3], first), np.fmax.reduceat(places[:, 4], first)
    return [
        {"ds": _instant(at * span + span / 2), "y": y / k, "low": a, "high": b, "flagged": int(f)}
        for at, k, y, a, b, f in zip(
            *(column.tolist() for column in (number[first], n, total, low, high, flagged)),
            strict=True,
        )
        if k
    ]


def _array(rows: list[tuple[float, ...]]) -> NDArray[np.float64]:
    return np.array(rows, dtype=np.float64).reshape(-1, 6)


def _floor(at: datetime, width: timedelta) -> datetime:
    span = width.total_seconds()
    return _instant(at.timestamp() // span * span)


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
