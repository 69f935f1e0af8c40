"""The mapping form: what it may say, and what of that is asked of the reading process."""

from __future__ import annotations

from typing import Any

import pytest

from horizonte.web.mapping import asked
from horizonte.web.uploads import first_asked

TOLD: dict[str, Any] = {
    "columns": [
        {"name": "when", "role": "time"},
        {"name": "load", "role": "value"},
        {"name": "note", "role": "ignore"},
    ],
    "series": [{"key": "load", "unique_id": "f/load", "unit": "1"}],
}
AS_FOUND = {"role-0": "time", "role-1": "value", "role-2": "ignore", "clock": "recorded"}


def said(**form: str) -> dict[str, Any]:
    return asked(AS_FOUND | form, first_asked("f.csv"), TOLD)


def test_what_is_left_as_found_is_not_said() -> None:
    """Empty fields leave the file its own dialect; roles become columns by name."""
    found = said(zone="", decimal="", freq=" ")
    assert found["hints"] == {"timestamp": ["when"], "layout": "wide", "ignore": ["note"]}
    assert found["values"] == []


def test_marks_and_order_are_said_together() -> None:
    """A decimal mark brings its thousands mark, none included; the order of dates is a truth value."""
    found = said(decimal=",", thousands=".", day_first="true", zone=" America/Sao_Paulo ")["hints"]
    assert (found["decimal"], found["thousands"], found["day_first"]) == (",", ".", True)
    assert found["zone"] == "America/Sao_Paulo"
    assert said(decimal=".")["hints"]["thousands"] is None


def test_an_id_column_makes_it_long() -> None:
    """With the name of a series in a column, one column of values is read."""
    found = said(**{"role-2": "id"})["hints"]
    assert found == {"timestamp": ["when"], "layout": "long", "id": "note", "value": "load"}


def test_a_column_may_be_forced() -> None:
    """A column that was not understood as numbers is read as values when the form says so."""
    assert said(**{"role-2": "value"})["values"] == ["note"]


def test_names_are_kept_where_they_are_said() -> None:
    """What the form shows is no name of the reader's own; what is typed is."""
    assert said(**{"names-0": "f/load", "units-0": "1"})["names"] == {}
    found = said(**{"names-0": "mill/load", "units-0": "kW"})
    assert (found["names"], found["units"]) == ({"load": "mill/load"}, {"load": "kW"})


def test_another_dialect_has_other_columns() -> None:
    """With another sheet, delimiter, encoding or header row, roles and names of before mean nothing."""
    found = said(delimiter=";", **{"names-0": "mill/load"})
    assert (found["hints"], found["names"]) == ({"delimiter": ";"}, {})


@pytest.mark.parametrize(
    "form",
    [
        {"decimal": "x"},
        {"delimiter": ";;"},
        {"header_row": "-1"},
        {"header_row": "²"},
        {"day_first": "maybe"},
        {"clock": "sun"},
        {"source": "a\x00b"},
        {"duplicates": "all"},
        {"role-2": "king"},
    ],
)
def test_what_no_form_says_is_left_out(form: dict[str, str]) -> None:
    """Values that the form does not offer change nothing."""
    usual, found = said(), said(**form)
    found["hints"].pop("ignore"), usual["hints"].pop("ignore")
    assert found["hints"] == usual["hints"]
    assert found["clock"] in ("recorded", None)
    assert (found["source"], found["duplicates"]) == ("", None)
