"""Outlines of sparklines."""

from __future__ import annotations

from typing import Any

from horizonte.web.spark import HEIGHT, MARGIN, WIDTH, outlines


def point(x: int, y: float | None = None, **ahead: float) -> dict[str, Any]:
    return {"x": x, "y": y, "mean": None, "low": None, "high": None} | ahead


def test_extremes_touch_the_margins() -> None:
    """The lowest value is at the bottom, the highest at the top, the places from left to right."""
    found = outlines([point(0, 5.0), point(1, 10.0)], places=2)
    assert found is not None
    assert found.line == f"M{MARGIN} {HEIGHT - MARGIN}L{WIDTH - MARGIN} {MARGIN}"


def test_a_gap_breaks_the_line() -> None:
    """A place without a value is not bridged."""
    found = outlines([point(0, 1.0), point(1, 2.0), point(3, 1.0)], places=4)
    assert found is not None
    assert (found.line.count("M"), found.line.count("L")) == (2, 1)


def test_the_band_runs_there_and_back() -> None:
    """Highs forward, lows back, closed."""
    ahead = {"mean": 2.0, "low": 1.0, "high": 3.0}
    found = outlines([point(0, **ahead), point(1, **ahead)], places=2)
    assert found is not None
    assert found.band.count("L") == 3
    assert found.band.endswith("Z")


def test_nothing_is_no_line() -> None:
    """Without a value there is nothing to draw; one constant value is drawn."""
    assert outlines([point(0)], places=2) is None
    assert outlines([point(0, 4.0), point(1, 4.0)], places=2) is not None
