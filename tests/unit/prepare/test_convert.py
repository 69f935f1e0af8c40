"""Readings in another unit: converted by what people say, then cleaned as any other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from horizonte.contracts import ANNOTATION
from horizonte.params import Rules
from horizonte.prepare.clean import clean
from horizonte.prepare.convert import Conversion, in_own_unit
from horizonte.prepare.history import Archive

from .conftest import START, declare

HOUR = pd.Timedelta("1h")
SIZE = 600
RULES = Rules.model_validate(
    {"impute_up_to": "PT2H", "flatline_after": "PT4H", "spike_window": "P4D", "spike_mads": 8.0}
)
SERIES = declare("s/x", lower=0.0, upper=400.0)
# exact in binary, so that what is converted back is the very number
exact = st.sampled_from([(1 / 1024, 0.0), (2.0, 0.0), (0.5, -16.0), (-4.0, 64.0), (1.0, 256.0)])


def notes(*said: tuple[int, int, float, float], **facts: object) -> pd.DataFrame:
    """ANNOTATION rows of (first hour, last hour, factor, offset)."""
    rows = [
        {
            "unique_id": "s/x",
            "starts_at": START + HOUR * first,
            "ends_at": START + HOUR * last,
            "kind": "unit_changed",
            "note": "",
            "factor": factor,
            "offset": offset,
            "available_at": START,
            "withdrawn_at": None,
        }
        | facts
        for first, last, factor, offset in said
    ]
    return ANNOTATION.check(pd.DataFrame(rows))


def readings(seed: int) -> pd.DataFrame:
    """Hours with a spike, a flat stretch, gaps and what is out of range, in eighths."""
    random = np.random.default_rng(seed)
    y = 100 + np.round(8 * random.normal(0, 5, SIZE).cumsum() / 20) / 8
    at = random.integers(0, SIZE - 40, 4)
    y[at[0]] += 250
    y[at[1] : at[1] + 30] = y[at[1]]
    y[at[2]] = -3.0
    kept = random.random(SIZE) > 0.03
    ds = START + pd.to_timedelta(3_600 * np.arange(SIZE) + random.integers(0, 900, SIZE), unit="s")
    return pd.DataFrame({"unique_id": "s/x", "ds": ds, "y": y})[kept].reset_index(drop=True)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    first=st.integers(-10, SIZE),
    length=st.integers(1, SIZE),
    unit=exact,
)
def test_a_converted_stretch_is_cleaned_as_what_was_meant(
    seed: int, first: int, length: int, unit: tuple[float, float]
) -> None:
    """Values and flags are those of the readings in their own unit; what came stays as it came."""
    factor, offset = unit
    meant = readings(seed)
    inside = meant["ds"].between(
        START + HOUR * first, START + HOUR * (first + length), inclusive="left"
    )
    came = meant.assign(y=meant["y"].where(~inside, (meant["y"] - offset) / factor))
    found = clean(
        came,
        series=SERIES,
        rules=RULES,
        annotations=notes((first, first + length, factor, offset)),
    )
    wanted = clean(meant, series=SERIES, rules=RULES)
    pd.testing.assert_frame_equal(found.drop(columns="y_raw"), wanted.drop(columns="y_raw"))
    plain = clean(came, series=SERIES, rules=RULES)
    pd.testing.assert_series_equal(found["y_raw"], plain["y_raw"])


def test_of_overlapping_stretches_the_later_counts() -> None:
    """Inside another stretch, and from its start on, what begins later is said alone."""
    said = Conversion.of(notes((0, 9, 2.0, 0.0), (3, 5, 10.0, 1.0), (0, 2, 3.0, 0.0)), "s/x")
    ds = pd.date_range(START, periods=10, freq="h").as_unit("ns").asi8
    np.testing.assert_array_equal(said.apply(ds, np.ones(10)), [3, 3, 2, 11, 11, 2, 2, 2, 2, 1])
    assert [said.at(int(at)) for at in ds[[0, 3, 9]]] == [(3.0, 0.0), (10.0, 1.0), (1.0, 0.0)]


def test_a_conversion_counts_from_when_it_was_known() -> None:
    """As of before the note nothing is converted, nor from its withdrawal on."""
    meant = readings(1)
    revisions = meant.assign(revision=0, y=meant["y"] * 1024, available_at=meant["ds"] + HOUR)
    note = notes(
        (0, SIZE, 1 / 1024, 0.0),
        available_at=START + 300 * HOUR,
        withdrawn_at=START + 400 * HOUR,
    )
    archive = Archive.of(revisions, series=SERIES, rules=RULES, annotations=note)
    trusted = [
        archive.at(START + hours * HOUR)["quality"].eq("ok").mean() for hours in (299, 300, 400)
    ]
    assert trusted[0] == trusted[2] == 0.0  # beyond the limits, every one
    assert trusted[1] > 0.5


def test_other_series_keep_their_readings() -> None:
    """A column of a whole table is converted where a note says so, and nowhere else."""
    rows = pd.DataFrame({"unique_id": ["s/x", "s/y"], "ds": [START, START], "y_raw": [8.0, 8.0]})
    found = in_own_unit(rows, notes((0, 1, 0.5, 1.0)), column="y_raw")
    assert found["y_raw"].tolist() == [5.0, 8.0]
    assert rows["y_raw"].tolist() == [8.0, 8.0]
