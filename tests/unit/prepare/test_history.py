from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from horizonte.params import Rules
from horizonte.prepare.asof import as_of
from horizonte.prepare.clean import clean
from horizonte.prepare.history import Archive, history_as_of

from .conftest import START, declare

HOUR = pd.Timedelta("1h")
RULES = Rules.model_validate(
    {"impute_up_to": "PT3H", "flatline_after": "PT3H", "spike_window": "P4D", "spike_mads": 6.0}
)
SERIES = pd.concat([declare("s/x"), declare("s/k", known_ahead_hours=240.0)])
SIZE = 1_500


def revisions(seed: int) -> pd.DataFrame:
    """Return two series with gaps, stuck stretches, spikes, late rows and corrections."""
    random = np.random.default_rng(seed)
    at = np.arange(SIZE)
    y = 50 + np.cumsum(random.normal(size=SIZE))
    for start in random.integers(0, SIZE, 4):
        y[start : start + random.integers(1, 300)] = y[start]
    y[random.integers(0, SIZE, 5)] += 500
    gone = np.zeros(SIZE, dtype=bool)
    for start in random.integers(0, SIZE, 4):
        gone[start : start + random.integers(1, 400)] = True
    first = pd.DataFrame({"unique_id": "s/x", "ds": START + HOUR * at, "revision": 1, "y": y})
    first["available_at"] = first["ds"] + HOUR * (1 + (random.random(SIZE) < 0.05) * 200)
    fixed = first.sample(60, random_state=seed).assign(revision=2, y=lambda r: r["y"] + 1)
    fixed["available_at"] += HOUR * random.integers(0, 300, 60)
    ahead = first.assign(unique_id="s/k", available_at=first["ds"] - 240 * HOUR)
    return pd.concat([first[~gone], fixed, ahead], ignore_index=True)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), hour=st.integers(0, SIZE + 200), days=st.integers(1, 20))
def test_a_tail_equals_the_end_of_the_whole(seed: int, hour: int, days: int) -> None:
    """Cleaning a tail gives, bit for bit, the last cells of cleaning everything."""
    archive = Archive.of(revisions(seed), series=SERIES, rules=RULES)
    cutoff, tail = START + HOUR * hour, pd.Timedelta(days=days)
    whole = archive.at(cutoff + HOUR, until=cutoff)
    end = whole[whole["ds"] > cutoff - tail].reset_index(drop=True)
    found = archive.at(cutoff + HOUR, until=cutoff, tail=tail)
    pd.testing.assert_frame_equal(found, end)
    own = found[(found["unique_id"] == "s/x") & (found["ds"] > cutoff - tail)]
    assert own.empty or own["ds"].iloc[-1] == cutoff


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), hour=st.integers(200, SIZE), loud=st.booleans())
def test_what_came_later_changes_nothing(seed: int, hour: int, loud: bool) -> None:
    """Altering or deleting every row that became available later leaves the history equal."""
    rows, instant = revisions(seed), START + HOUR * hour
    later = rows["available_at"] > instant
    changed = rows.assign(y=rows["y"].where(~later, 1e9)) if loud else rows[~later]
    before = history_as_of(rows, series=SERIES, rules=RULES, instant=instant)
    after = history_as_of(changed, series=SERIES, rules=RULES, instant=instant)
    pd.testing.assert_frame_equal(before, after)
    plain = clean(as_of(rows, instant), series=SERIES, rules=RULES)
    pd.testing.assert_frame_equal(before, plain)


def test_annotations_count_from_when_they_were_made() -> None:
    """An ignore counts from when it was noted until it was withdrawn, at whatever instant read."""
    rows = revisions(1)
    note = pd.DataFrame(
        {
            "unique_id": ["s/x"],
            "starts_at": [START],
            "ends_at": [START + 90 * HOUR],
            "kind": ["ignore"],
            "note": ["broken"],
            "available_at": [START + 500 * HOUR],
            "withdrawn_at": [START + 700 * HOUR],
        }
    )
    archive = Archive.of(rows, series=SERIES, rules=RULES, annotations=note)
    assert "ignored" not in set(archive.at(START + 499 * HOUR)["quality"])
    for hours in (500, 699):
        assert "ignored" in set(archive.at(START + hours * HOUR)["quality"])
    assert "ignored" not in set(archive.at(START + 700 * HOUR)["quality"])


def test_series_that_are_not_declared_are_left_out() -> None:
    """An archive of some series reads only their revisions."""
    archive = Archive.of(revisions(1), series=SERIES.iloc[:1], rules=RULES)
    assert archive.at(START + 500 * HOUR)["unique_id"].unique().tolist() == ["s/x"]


def test_before_anything_was_known_there_is_nothing() -> None:
    """An instant before the first row gives an empty table."""
    archive = Archive.of(revisions(1), series=SERIES, rules=RULES)
    assert archive.at(START - 1_000 * HOUR, until=START, tail=pd.Timedelta("9D")).empty


@pytest.mark.parametrize("minutes", [0, 59])
def test_an_instant_within_an_interval_sees_only_whole_ones(minutes: int) -> None:
    """A row is visible from the end of its interval on, not before."""
    instant = START + 10 * HOUR + pd.Timedelta(minutes=minutes)
    rows = revisions(3).query("unique_id == 's/x' and revision == 1")
    rows["available_at"] = rows["ds"] + HOUR
    found = history_as_of(rows, series=SERIES, rules=RULES, instant=instant)
    assert found["ds"].max() <= START + 9 * HOUR
