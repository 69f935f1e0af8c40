"""Lines of the overview: what is late, and sorting that never hides the unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from horizonte.web.overview import PAGE, Asked, Line, lines, paged, selected

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
ROW: dict[str, Any] = {
    "unique_id": "a",
    "source": "s",
    "step_seconds": 3600.0,
    "publication_lag_seconds": 0.0,
    "last_ds": NOW - timedelta(hours=1),
    "last_y": 1.0,
    "as_of": NOW,
    "degraded": None,
    "mase": 0.5,
    "naive_mase": 1.0,
    "coverage_80": 0.8,
}


def line(**facts: Any) -> Line:
    return lines([ROW | facts], clocks={"s": NOW}, alarms=[("a", "own"), ("s", "source's")])[0]


@pytest.mark.parametrize(("hours", "silent"), [(1, False), (4, False), (5, True)])
def test_readings_are_late_after_three_steps(hours: int, silent: bool) -> None:
    """The interval of the last reading counts as over at its end."""
    assert line(last_ds=NOW - timedelta(hours=hours)).silent is silent


def test_a_publication_lag_is_no_silence() -> None:
    """Readings that come a day later are late a day later."""
    late = {"last_ds": NOW - timedelta(hours=20), "publication_lag_seconds": 86400.0}
    assert not line(**late).silent


def test_never_heard_and_never_forecast_are_late() -> None:
    """What never came is no younger than what is old."""
    found = line(last_ds=None, as_of=None)
    assert found.silent
    assert found.outdated


def test_alarms_of_the_source_concern_the_series() -> None:
    """Both are on its line."""
    assert line().alarms == ("own", "source's")


def test_unknown_comes_last_both_ways() -> None:
    """A target without skill is at the end, whether best or worst comes first."""
    found = [line(unique_id="x", mase=None), line(unique_id="y"), line(unique_id="z", mase=2.0)]
    for sort, order in (("skill", "zyx"), ("-skill", "yzx")):
        asked = Asked.of({"sort": sort})
        assert "".join(one.unique_id for one in selected(found, asked)) == order


@pytest.mark.parametrize("page", ["0", "-1", "x", "²", "9" * 30, "99"])
def test_any_page_is_a_page(page: str) -> None:
    """Whatever the address says, a page that there is is shown."""
    found = [line(unique_id=str(n)) for n in range(PAGE + 1)]
    shown, number, pages = paged(found, Asked.of({"page": page}))
    assert pages == 2
    assert number in (1, 2)
    assert shown
