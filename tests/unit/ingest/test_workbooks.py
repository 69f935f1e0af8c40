"""Odd workbooks, made with openpyxl: each test states every row and every refusal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from horizonte.errors import DataFault

Reader = Callable[..., Any]
LOCAL: dict[str, Any] = {"series": {"a": {}}, "times": "local"}
T0, T1 = dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, 1)  # noqa: DTZ001 (Excel knows no zone)
A0, A1 = ("s/a", "2024-01-01 00:00:00", 1.0), ("s/a", "2024-01-01 01:00:00", 2.0)


def test_true_dates(xlsx: Reader) -> None:
    """Cells that are dates are read as such, whatever the declared order of texts."""
    parsed = xlsx([["t", "a"], [T0, 1], [T1, 2]], day_first=True, **LOCAL)
    assert (parsed.rows, parsed.refused) == ([A0, A1], [])


def test_1904_epoch(xlsx: Reader) -> None:
    """The same dates in a workbook that counts from 1904 are the same dates."""

    def edit(book: Any, sheet: Any) -> None:
        book.epoch = CALENDAR_MAC_1904

    parsed = xlsx([["t", "a"], [T0, 1], [T1, 2]], edit, **LOCAL)
    assert (parsed.rows, parsed.refused) == ([A0, A1], [])


def test_bare_serials(xlsx: Reader) -> None:
    """Numbers in the time column are refused unless their epoch is declared."""
    table = [["t", "a"], [45292, 1], [45292 + 1 / 24, 2]]
    assert [line[3] for line in xlsx(table, **LOCAL).refused] == ["a bare number"] * 2
    assert xlsx(table, serial_epoch=1900, **LOCAL).rows == [A0, A1]


def test_fractions_of_seconds(xlsx: Reader) -> None:
    """Times stored as rounded fractions of a day land on the grid."""
    stamps = [dt.datetime(2016, 1, 1) + i * dt.timedelta(minutes=10) for i in range(500)]  # noqa: DTZ001
    parsed = xlsx([["t", "a"], *([t, 1] for t in stamps)], freq="PT10M", **LOCAL)
    assert (len(parsed.rows), parsed.refused) == (500, [])


def test_merged_header(xlsx: Reader) -> None:
    """A header merged over two columns leaves the second without a name: the file is refused."""

    def edit(book: Any, sheet: Any) -> None:
        sheet.merge_cells("B1:C1")

    with pytest.raises(DataFault) as caught:
        xlsx([["t", "a", "b"], [T0, 1, 2]], edit, times="local")
    assert caught.value.thing == "f.xlsx Sheet row 1"
    assert caught.value.allowed == "a header with column 'b'"


def test_title_above_header(xlsx: Reader) -> None:
    """A declared header row skips the titles above it, and rows keep their numbers."""
    table = [["Report"], [], ["t", "a"], [T0, 1], ["Total", 1]]
    parsed = xlsx(table, header_row=3, **LOCAL)
    assert (parsed.rows, parsed.refused) == ([A0], [(5, "A", "Total", "not a timestamp")])


def test_formula_without_value(xlsx: Reader) -> None:
    """A formula that no program has calculated is refused, not read as blank."""
    parsed = xlsx([["t", "a"], [T0, 1], [T1, "=B2*2"]], **LOCAL)
    assert parsed.rows == [A0]
    assert parsed.refused == [(3, "B", "=B2*2", "a formula without a stored value")]
    assert parsed.all.refused["sheet"].tolist() == ["Sheet"]


def test_error_cells(xlsx: Reader) -> None:
    """#N/A is no reading; any other error is refused, not read as blank."""
    table = [["t", "a"], [T0, 1], [T1, "#DIV/0!"], [T1 + (T1 - T0), "#N/A"]]
    parsed = xlsx(table, **LOCAL)
    assert parsed.rows == [A0]
    assert parsed.refused == [(3, "B", "#DIV/0!", "a spreadsheet error")]


def test_text_among_numbers(xlsx: Reader) -> None:
    """Texts that are numbers by the declared marks count; other texts and booleans are refused."""
    table = [
        ["t", "a"],
        [T0, "1,0"],
        [T1, 2],
        [T1 + (T1 - T0), "n. d."],
        [T1 + 2 * (T1 - T0), True],
    ]
    parsed = xlsx(table, decimal=",", **LOCAL)
    assert parsed.rows == [A0, A1]
    assert parsed.refused == [(4, "B", "n. d.", "not a number"), (5, "B", "TRUE", "not a number")]


def test_true_and_written_dates(xlsx: Reader) -> None:
    """Dates that a program swapped on opening, beside those it left as text, refuse the file."""
    table = [["t", "a"], [dt.datetime(2024, 2, 1), 1], ["13/02/2024 00:00", 2]]  # noqa: DTZ001
    with pytest.raises(DataFault) as caught:
        xlsx(table, day_first=True, **LOCAL)
    assert "true dates" in caught.value.allowed


def test_blank_rows_and_columns(xlsx: Reader) -> None:
    """Blank rows and columns, before and between, do not shift row numbers or letters."""
    table = [["", "t", "", "a"], [], ["", T0, "", 1], [], ["", T1, "", "x"]]
    parsed = xlsx(table, **LOCAL)
    assert (parsed.rows, parsed.refused) == ([A0], [(5, "D", "x", "not a number")])


def test_which_sheet(xlsx: Reader) -> None:
    """Of several visible sheets one must be declared; a hidden one does not count."""

    def second(book: Any, sheet: Any) -> None:
        book.create_sheet("Março")

    def hidden(book: Any, sheet: Any) -> None:
        book.create_sheet("x").sheet_state = "hidden"

    table = [["t", "a"], [T0, 1]]
    assert xlsx(table, hidden, **LOCAL).rows == [A0]
    with pytest.raises(DataFault, match="declare sheet"):
        xlsx(table, second, **LOCAL)
    assert xlsx(table, second, sheet="Sheet", **LOCAL).rows == [A0]


def test_numeric_ids(xlsx: Reader) -> None:
    """Ids that a workbook holds as numbers match their declaration."""
    table = [["t", "id", "y"], [T0, 12, 1], [T0, 13, 5]]
    parsed = xlsx(
        table, layout="long", id="id", value="y", times="local", series={"12": {"unique_id": "s/a"}}
    )
    assert parsed.rows == [A0]
    assert parsed.refused == [(3, "B", "13", "an id that the source does not declare")]


def test_empty_sheet(xlsx: Reader) -> None:
    """A sheet without cells is refused as a whole."""
    with pytest.raises(DataFault, match="no header"):
        xlsx([], **LOCAL)
