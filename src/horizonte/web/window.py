"""Which stretch of time a chart shows, how finely, and which past forecasts fit beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

RANGES = {"1d": 1, "7d": 7, "30d": 30, "1y": 366, "all": None}  # days before now
DEFAULT = "7d"
POINTS = 1_000  # places of a chart: screens show no more
LONGEST_PAST = timedelta(days=100)  # windows beyond show no past forecasts: nobody could see them
LEADS = (1, 6, 24, 168)  # hours ahead, of past forecasts
OLDEST, NEWEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_SECONDS = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10800,
    21600,
    43200,
    86400,
)


class Window(NamedTuple):
    """start <= instant < end; ``name`` of RANGES, or None for one of its own."""

    start: datetime
    end: datetime
    name: str | None


class Extent(NamedTuple):
    """From the first reading to the end of the newest forecast, and where now is."""

    first: datetime
    now: datetime
    last: datetime


def window(query: Mapping[str, str], extent: Extent) -> Window:
    """Return the window that ``from`` and ``to``, or ``range``, ask for; else the default.

    Named ranges run that long before now, and on to the end of the forecast.
    """
    start, end = instant(query.get("from")), instant(query.get("to"))
    if start is not None and end is not None and start < end:
        return Window(start, end, None)
    name = query.get("range", DEFAULT)
    name = name if name in RANGES else DEFAULT
    days = RANGES[name]
    begin = extent.first if days is None else extent.now - timedelta(days=days)
    return Window(begin, max(extent.last, extent.now), name)


def width(span: timedelta, step: timedelta, *, points: int = POINTS) -> timedelta | None:
    """Return how wide a place is so that ``points`` cover ``span``; None where every step fits.

    A width that divides days, or is whole days, so that places stay where they are when the
    window moves.
    """
    least = span.total_seconds() / points
    if least <= step.total_seconds():
        return None
    for seconds in _SECONDS:
        if seconds >= least:
            return timedelta(seconds=seconds)
    return timedelta(days=math.ceil(least / 86_400))


def leads(horizon: timedelta) -> list[int]:
    """Return which of LEADS the forecasts of ``horizon`` say something at."""
    return [hours for hours in LEADS if timedelta(hours=hours) < horizon]


def lead(asked: str | None, horizon: timedelta) -> int | None:
    """Return the lead in hours that past forecasts are shown at: as asked, else a day or the longest."""
    known = leads(horizon)
    if asked is not None and asked.isascii() and asked.isdigit() and int(asked[:6]) in known:
        return int(asked[:6])
    return max((hours for hours in known if hours <= 24), default=None)


def instant(text: str | None) -> datetime | None:
    """Return an instant from ISO-8601 with an offset, or seconds since 1970; None for neither."""
    if not text:
        return None
    try:
        found = (
            datetime.fromtimestamp(float(text), UTC)
            if text.lstrip("-").replace(".", "", 1).isdigit()
            else datetime.fromisoformat(text)
        )
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo is not None and OLDEST <= found <= NEWEST else None
