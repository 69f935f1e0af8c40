"""Windows and widths of charts: what is down-sampled, and which past forecasts are shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from horizonte.web.window import DEFAULT, POINTS, Extent, instant, lead, leads, width, window

NOW = datetime(2026, 1, 15, tzinfo=UTC)
EXTENT = Extent(NOW - timedelta(days=900), NOW, NOW + timedelta(days=2))
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("days", [0.1, 1, 7, 41, 42, 365, 3650, 36500])
@pytest.mark.parametrize("seconds", [1, 600, 1800, 3600, 86400])
def test_no_window_holds_more_than_its_places(days: float, seconds: int) -> None:
    """From hours to a century, from seconds to days: at most POINTS places, none finer than the grid."""
    span, step = timedelta(days=days), timedelta(seconds=seconds)
    found = width(span, step)
    assert span / (found or step) <= POINTS
    assert found is None or found > step


def test_places_stay_where_they_are() -> None:
    """Widths divide a day or are whole days, so a window that moves shows the same places."""
    for days in range(1, 4000, 37):
        found = width(timedelta(days=days), timedelta(minutes=1))
        assert found is not None
        assert not timedelta(days=1) % found or not found % timedelta(days=1)


def test_named_ranges_reach_to_the_end_of_the_forecast() -> None:
    """A week is the default; everything begins at the first reading."""
    assert window({}, EXTENT) == (NOW - timedelta(days=7), EXTENT.last, DEFAULT)
    assert window({"range": "all"}, EXTENT).start == EXTENT.first


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("x", "y"),
        ("2", "1"),
        ("", ""),
        ("nan", "inf"),
        ("9" * 40, "1"),
        ("2026-01-01", "2026-02-01"),
    ],
)
def test_what_is_no_window_is_the_default(start: str, end: str) -> None:
    """Whatever an address says, there is a window; times without an offset are not guessed."""
    assert window({"from": start, "to": end}, EXTENT).name == DEFAULT


def test_instants() -> None:
    """Seconds since 1970 and ISO-8601 with an offset mean the same."""
    assert instant(str(int(NOW.timestamp()))) == instant("2026-01-14T21:00:00-03:00") == NOW


def test_leads_lie_inside_the_horizon() -> None:
    """What is said six hours ahead or less has no day-ahead forecast; a day is what is shown first."""
    assert leads(timedelta(hours=12)) == [1, 6]
    assert lead(None, timedelta(hours=48)) == 24
    assert lead("6", timedelta(hours=48)) == 6
    assert lead("24", timedelta(hours=12)) == 6
    assert lead(None, HOUR) is None
