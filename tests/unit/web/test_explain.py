"""Bars of an explanation: on one scale, from the middle to the side of their sign."""

from __future__ import annotations

from horizonte.web.explain_page import HALF, bars


def test_bars_share_one_scale() -> None:
    """The largest effect reaches its edge, half of it reaches half as far, on the other side."""
    more, less = bars([("a", (), 4.0), ("b", ("x",), -2.0)], of=8.0)
    assert (more.x, more.width, more.share) == (HALF, HALF, 0.5)
    assert (less.x, less.width, less.share) == (HALF / 2, HALF / 2, 0.25)


def test_no_share_of_next_to_nothing() -> None:
    """A forecast around zero has no share that would say anything."""
    assert [one.share for one in bars([("a", (), 4.0)], of=0.1)] == [None]
    assert [one.width for one in bars([("a", (), 0.0)], of=1.0)] == [0.0]
