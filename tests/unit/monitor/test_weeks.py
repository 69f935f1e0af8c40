"""Scores of calendar weeks: what is in a week, and what counts as changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from horizonte.contracts import QUANTILE_COLUMNS
from horizonte.monitor import weeks

MONDAY = pd.Timestamp("2026-01-05", tz="UTC")
HOUR = pd.Timedelta(hours=1)
SCALES = {("a", "m"): (2.0, 4.0)}


def rows(first: int, count: int, *, error: float = 1.0, naive: float = 3.0) -> pd.DataFrame:
    """Hourly rows from hour ``first`` of the week on, each from a cutoff an hour before."""
    ds = MONDAY + pd.to_timedelta(np.arange(first, first + count), unit="h")
    y = np.full(count, 10.0)
    frame = pd.DataFrame(
        {"unique_id": "a", "model_version": "m", "cutoff": ds - HOUR, "ds": ds, "y": y}
    )
    frame["mean"], frame["naive"] = y + error, y + naive
    for place, column in enumerate(QUANTILE_COLUMNS):
        frame[column] = 10.0 + place - 3
    return frame


def whole(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["bucket"] == "all"].set_index(["model", "starts_at"])


def at(hours: int) -> dict[str, pd.Timestamp]:
    return {"a": MONDAY + hours * HOUR}


def test_a_week_begins_on_monday() -> None:
    """The instant before Monday 00:00 UTC belongs to the week before."""
    assert weeks.start(MONDAY) == MONDAY
    assert weeks.start(MONDAY + 6.9 * 24 * HOUR) == MONDAY
    assert weeks.start(MONDAY - pd.Timedelta(1, "us")) == MONDAY - weeks.WEEK


def test_by_hand() -> None:
    """Error 1 and naive error 3 on a scale of 2, in the week of the targets' instants."""
    found = whole(weeks.score(rows(-24, 48), scales=SCALES, now=at(1000)))
    assert sorted({start for _, start in found.index}) == [MONDAY - weeks.WEEK, MONDAY]
    ours, naive = found.loc[("ensemble", MONDAY)], found.loc[("seasonal_naive", MONDAY)]
    assert (ours["rows"], ours["mase"], naive["mase"]) == (24, 0.5, 1.5)
    assert ours["coverage_80"] == 1.0
    assert np.isnan(naive["coverage_80"])


def test_the_running_day_waits() -> None:
    """Of the running week only whole days count, so that a score changes once a day."""
    found = whole(weeks.score(rows(0, 30), scales=SCALES, now=at(30)))
    assert found.loc[("ensemble", MONDAY), "rows"] == 24


def test_without_a_scale_ratios_are_null() -> None:
    """A version without a scale is scored in shares and coverages alone."""
    found = whole(weeks.score(rows(0, 24), scales={}, now=at(1000)))
    assert np.isnan(found.loc[("ensemble", MONDAY), "mase"])
    assert found.loc[("ensemble", MONDAY), "wape"] == pytest.approx(0.1)


def test_nothing_mature_is_nothing() -> None:
    """No rows give no scores, and no failure."""
    found = weeks.score(rows(0, 0), scales=SCALES, now=at(1000))
    assert found.empty
    assert weeks.changed(found, found).empty


def test_only_what_differs_is_new() -> None:
    """The same scores are none; a corrected row changes its week's; what is gone scores nothing."""
    first = weeks.score(rows(-24, 48), scales=SCALES, now=at(1000))
    assert len(weeks.changed(first, first.head(0))) == len(first)
    assert weeks.changed(first, first).empty
    corrected = rows(-24, 48)
    corrected.loc[corrected["ds"] == MONDAY + 3 * HOUR, "y"] = 11.0
    second = weeks.changed(weeks.score(corrected, scales=SCALES, now=at(1000)), first)
    assert set(second["starts_at"]) == {MONDAY}
    gone = weeks.changed(weeks.score(rows(-24, 24), scales=SCALES, now=at(1000)), first)
    assert set(gone["rows"]) == {0}
    assert set(gone["starts_at"]) == {MONDAY}
    assert gone["mase"].isna().all()
