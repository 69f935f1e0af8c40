"""Annotations in what models read: events hidden, histories that start with the present sensor."""

from __future__ import annotations

import pandas as pd

from horizonte.prepare.comparable import (
    LOOKED_BACK,
    comparable,
    in_force,
    misread,
    replacements,
)

from .conftest import START, declare

HOUR = pd.Timedelta("1h")


def prepared(*ids: str) -> pd.DataFrame:
    rows = [(u, START + h * HOUR, float(h), float(h), "ok") for u in ids for h in range(10)]
    return pd.DataFrame(rows, columns=["unique_id", "ds", "y", "y_raw", "quality"])


def note(kind: str, hour: int, *, known: int = 0, gone: int | None = None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "unique_id": ["s/x"],
            "starts_at": [START + hour * HOUR],
            "ends_at": [START + (hour + 1) * HOUR],
            "kind": [kind],
            "available_at": [START + known * HOUR],
            "withdrawn_at": pd.to_datetime([gone and START + gone * HOUR], utc=True),
        }
    )


def test_a_planned_event_is_read_by_no_model() -> None:
    """Its values are null in the copy that models read; what was given stays as it was."""
    rows = prepared("s/x", "s/y")
    rows.loc[[3, 4], "quality"] = "planned_event"
    found = comparable(rows, None)
    assert found.index[found["y"].isna()].tolist() == [3, 4]
    assert rows["y"].notna().all()


def test_a_history_starts_with_the_present_sensor() -> None:
    """What was read before the newest replacement within the grid is null, of that series alone."""
    rows = prepared("s/x", "s/y")
    notes = pd.concat([note("sensor_replaced", hour) for hour in (2, 6, 99)])
    found = comparable(rows, notes)
    assert found.index[found["y"].isna()].tolist() == [0, 1, 2, 3, 4, 5]
    assert [at for _, at in replacements(notes)] == [START + h * HOUR for h in (2, 6, 99)]


def test_an_annotation_is_in_force_from_when_it_is_known_until_it_is_withdrawn() -> None:
    """Both ends count by the instant of the read; one that is never withdrawn holds for ever."""
    notes = pd.concat([note("ignore", 1, known=5, gone=8), note("ignore", 2, known=7)])
    counts = [len(in_force(notes, START + h * HOUR)) for h in (4, 5, 7, 8, 99)]
    assert counts == [0, 1, 2, 1, 1]


def test_what_was_misread_says_nothing_of_a_model() -> None:
    """From the change to the note, or to the last look back, for the series and those that read it."""
    rows = pd.DataFrame(
        [(u, START + h * HOUR) for u in ("s/x", "s/y", "s/z") for h in range(6)],
        columns=["unique_id", "cutoff"],
    )
    series = pd.concat([declare("s/x", "s/z"), declare("s/y", covariates=["s/x"])])
    late = note("unit_changed", 1, known=4).assign(ends_at=START + 99 * HOUR)
    ended = note("unit_changed", 1, known=4)  # forecasts after it looked back on it
    gone = note("unit_changed", 1, known=999_999).assign(ends_at=START + 3 * HOUR - LOOKED_BACK)
    for noted, hours in ((late, {1, 2, 3}), (ended, {1, 2, 3}), (gone, {1, 2})):
        found = rows[misread(rows, noted, series=series)]
        assert set(found["unique_id"]) == {"s/x", "s/y"}
        assert set(found["cutoff"]) == {START + h * HOUR for h in hours}
    assert not misread(rows, note("ignore", 1, known=4), series=series).any()
