"""Supposed values: rows by hour or day, and only what is said otherwise than it is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from horizonte.web.supposing import MOST_FIELDS, body, lines, supposed

START = datetime(2026, 3, 1, tzinfo=UTC)
HALF = timedelta(minutes=30)


def known(
    steps: int, step: timedelta = HALF, value: float | None = 1.0
) -> dict[datetime, float | None]:
    return {START + n * step: value for n in range(steps)}


def test_rows_are_hours_while_they_are_few() -> None:
    """Two half hours are one row with their mean; many rows become days of the zone."""
    values = known(4) | {START: 2.0}
    found = lines([values], "America/Sao_Paulo")
    assert [line.at.hour for line in found] == [0, 1]
    assert (found[0].cells[0].value, len(found[0].cells[0].instants)) == (1.5, 2)
    days = lines([known(48 * 30)], "America/Sao_Paulo")
    assert [(line.at.day, line.at.hour) for line in days[:3]] == [(28, 3), (1, 3), (2, 3)]
    assert len(days) <= MOST_FIELDS


def test_an_hour_that_comes_twice_is_two_rows() -> None:
    """When clocks go back in Melbourne, both hours of two o'clock can be supposed by themselves."""
    first = datetime(2026, 4, 4, 15, tzinfo=UTC)
    found = lines([{first: 1.0, first + timedelta(hours=1): 1.0}], "Australia/Melbourne")
    assert [line.at for line in found] == [first, first + timedelta(hours=1)]


def test_only_what_is_said_otherwise_is_supposed() -> None:
    """Fields as they were shown say nothing; a value holds for its whole row."""
    values = known(4)
    table = lines([values], "UTC")
    form = {"v-0-0": "1", "v-1-0": "2,5"}
    assert supposed(table, {"c": values}, form) == {
        "c": {START + 2 * HALF: 2.5, START + 3 * HALF: 2.5}
    }


def test_a_shift_and_one_value_for_all() -> None:
    """A shift moves what is known; one value holds also where nothing is known."""
    values = known(4) | {START: None}
    table = lines([values], "UTC")
    shifted = supposed(
        table, {"c": values}, {"v-0-0": "1", "v-1-0": "1", "way-0": "add", "amount-0": "2"}
    )
    assert list(shifted["c"].values()) == [3.0, 3.0, 3.0]
    fixed = supposed(
        table, {"c": values}, {"v-0-0": "1", "v-1-0": "1", "way-0": "set", "amount-0": "7"}
    )
    assert list(fixed["c"].values()) == [7.0] * 4


@pytest.mark.parametrize("text", ["x", "nan", "inf", "1e999", "1,2,3"])
def test_what_is_no_number_is_named(text: str) -> None:
    """The field that holds it is told."""
    values = known(2)
    with pytest.raises(ValueError, match="v-0-0"):
        supposed(lines([values], "UTC"), {"c": values}, {"v-0-0": text})


def test_the_body_is_what_the_service_takes() -> None:
    """Instants in UTC, by covariate."""
    assert body("a", {"c": {START: 2.0}}) == {
        "series": "a",
        "known_future": {"c": [{"ds": "2026-03-01T00:00:00Z", "value": 2.0}]},
    }
