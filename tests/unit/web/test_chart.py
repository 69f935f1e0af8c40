"""Columns of a chart over one row of instants."""

from __future__ import annotations

from horizonte.web.chart import aligned


def test_columns_share_every_instant() -> None:
    """An instant that one column lacks is null there, and none is lost."""
    found = aligned({"y": {1.0: 5.0, 2.0: None}, "mean": {2.0: 7.0, 3.0: 8.0}, "raw": {}})
    assert found == {
        "x": [1.0, 2.0, 3.0],
        "y": [5.0, None, None],
        "mean": [None, 7.0, 8.0],
        "raw": [None, None, None],
    }
