from __future__ import annotations

import numpy as np

from horizonte.prepare.impute import short_gaps

NAN = np.nan


def fill(
    y: list[float], *, longest: int = 2, closed: int | None = None, period: float = NAN
) -> list[float]:
    values = np.array(y)
    sealed = np.zeros(len(y), dtype=bool)
    if closed is not None:
        sealed[closed] = True
    filled, which = short_gaps(values, longest=longest, closed=sealed, period=period)
    assert (np.isnan(values) & ~np.isnan(filled)).tolist() == which.tolist()
    return [round(float(v), 6) for v in filled]


def test_short_gaps_are_straight_lines() -> None:
    """A gap of the longest length is filled evenly between its neighbours."""
    assert fill([1, NAN, NAN, 4]) == [1, 2, 3, 4]


def test_long_gaps_stay_missing() -> None:
    """A gap one cell longer keeps every cell missing."""
    assert np.isnan(fill([1, NAN, NAN, NAN, 4])[1:4]).all()


def test_ends_stay_missing() -> None:
    """A gap with one neighbour is never filled: a forecast must not see an invented last value."""
    filled = fill([NAN, 2, NAN])
    assert np.isnan(filled[0])
    assert np.isnan(filled[2])


def test_what_people_set_aside_stays_missing() -> None:
    """A gap that holds an ignored cell is not filled."""
    assert np.isnan(fill([1, NAN, 3], closed=1)[1])


def test_directions_take_the_shorter_way() -> None:
    """From 350 to 10 degrees the line passes north."""
    assert fill([350, NAN, 10], period=360) == [350, 0, 10]
    assert fill([20, NAN, 340], period=360) == [20, 0, 340]
