"""Odd but honest files: each test states every row that is kept and every refusal."""

from __future__ import annotations

import codecs
import gzip
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from horizonte.errors import DataFault

Reader = Callable[..., Any]
ONE: dict[str, Any] = {"series": {"a": {}}}
A0, A1 = ("s/a", "2024-01-01 00:00:00", 1.0), ("s/a", "2024-01-01 01:00:00", 2.0)
PLAIN = "t,a\n2024-01-01T00:00Z,1\n2024-01-01T01:00Z,2\n"


def test_byte_order_mark(csv: Reader) -> None:
    """A UTF-8 byte order mark is not part of the first column's name."""
    parsed = csv(codecs.BOM_UTF8 + PLAIN.encode(), **ONE)
    assert (parsed.rows, parsed.refused, parsed.all.rows_read) == ([A0, A1], [], 2)


def test_brazilian_windows_1252(csv: Reader) -> None:
    """Semicolons, 1.234,5, dd/mm/aaaa and CP1252 are read as declared."""
    text = "Data;Vazão\n01/02/2024 00:00;1.234,5\n01/02/2024 01:00;-0,25\n13/02/2024 24:00;7\n"
    parsed = csv(
        text.encode("cp1252"),
        encoding="cp1252",
        delimiter=";",
        decimal=",",
        thousands=".",
        timestamp="Data",
        times="local",
        zone="America/Sao_Paulo",
        day_first=True,
        series={"Vazão": {}},
    )
    assert parsed.rows == [
        ("s/vazão", "2024-02-01 03:00:00", 1234.5),
        ("s/vazão", "2024-02-01 04:00:00", -0.25),
        ("s/vazão", "2024-02-14 03:00:00", 7.0),
    ]
    assert parsed.refused == []


def test_undeclared_windows_1252(csv: Reader) -> None:
    """Bytes that are not UTF-8 refuse the file and ask for its encoding."""
    with pytest.raises(DataFault) as caught:
        csv("t,a\n2024-01-01T00:00Z,não\n".encode("cp1252"), **ONE)
    assert caught.value.value == "bytes that are not utf-8"
    assert "encoding" in caught.value.fix


@pytest.mark.parametrize("name", ["utf-16", "utf-16-le"])
def test_utf_16(csv: Reader, name: str) -> None:
    """UTF-16 is recognised by its mark, and read without one when it is declared."""
    declared = {} if name == "utf-16" else {"encoding": name}
    parsed = csv(PLAIN.encode(name), **ONE, **declared)
    assert (parsed.rows, parsed.refused) == ([A0, A1], [])


def test_day_and_month_not_declared(csv: Reader) -> None:
    """03/04/2024 is refused, whichever way round other rows may be read."""
    parsed = csv("t,a\n03/04/2024 00:00Z,1\n25/04/2024 00:00Z,2\n", **ONE)
    why = "day and month can be read either way"
    assert parsed.rows == []
    assert parsed.refused == [
        (2, "A", "03/04/2024 00:00Z", why),
        (3, "A", "25/04/2024 00:00Z", why),
    ]
    assert set(parsed.all.refused["fix"]) == {"declare day_first: true or false"}


def test_month_beyond_twelve(csv: Reader) -> None:
    """A date that the declared order makes impossible is refused, never swapped."""
    parsed = csv("t,a\n03/25/2024 00:00Z,1\n31/01/2024 00:00Z,2\n", day_first=True, **ONE)
    assert parsed.rows == [("s/a", "2024-01-31 00:00:00", 2.0)]
    assert parsed.refused == [(2, "A", "03/25/2024 00:00Z", "no such date or time")]


def test_excel_serial_numbers(csv: Reader) -> None:
    """Bare serial numbers are refused unless their epoch is declared."""
    text = "t,a\n45292,1\n45292.0416666667,2\n"
    local = {"times": "local", **ONE}
    assert csv(text, **local).refused == [
        (2, "A", "45292", "a bare number"),
        (3, "A", "45292.0416666667", "a bare number"),
    ]
    assert csv(text, serial_epoch=1900, **local).rows == [A0, A1]
    shifted = csv(text, serial_epoch=1904, **local).rows
    assert [line[1] for line in shifted] == ["2028-01-02 00:00:00", "2028-01-02 01:00:00"]


def test_mixed_offsets(csv: Reader) -> None:
    """Rows of different offsets meet in UTC; a naive row between them is refused."""
    text = "t,a\n2024-01-01T00:00Z,1\n2023-12-31 22:00-03:00,2\n2024-01-01 02:00,3\n"
    parsed = csv(text, **ONE)
    assert parsed.rows == [A0, A1]
    assert parsed.refused == [(4, "A", "2024-01-01 02:00", "no offset from UTC")]


def test_naive_without_zone(csv: Reader) -> None:
    """Naive times are refused where the source declares no local zone."""
    parsed = csv("t,a\n2024-01-01 00:00,1\n", **ONE)
    assert parsed.refused == [(2, "A", "2024-01-01 00:00", "no offset from UTC")]


def test_no_reading(csv: Reader) -> None:
    """Empty cells, `-`, `#N/D` and declared markers are no readings; `nan` is refused."""
    lines = ["", "-", "#N/D", "x", "nan", "inf", "1e999", "12 kW", "#DIV/0!"]
    text = "t,a\n" + "".join(f"2024-01-01T{i:02d}:00Z,{v}\n" for i, v in enumerate(lines))
    parsed = csv(text, missing=["", "-", "#N/D", "x"], **ONE)
    assert parsed.rows == []
    assert parsed.refused == [
        (6, "B", "nan", "not a number"),
        (7, "B", "inf", "not a finite number"),
        (8, "B", "1e999", "not a finite number"),
        (9, "B", "12 kW", "not a number"),
        (10, "B", "#DIV/0!", "a spreadsheet error"),
    ]


def test_other_decimal_mark(csv: Reader) -> None:
    """A number in another notation is refused and not stripped of its mark."""
    parsed = csv('t,a\n2024-01-01T00:00Z,"1,5"\n2024-01-01T01:00Z,1.234.567\n', **ONE)
    why = "not written with decimal '.' and thousands None"
    assert parsed.refused == [(2, "B", "1,5", why), (3, "B", "1.234.567", why)]


def test_total_row(csv: Reader) -> None:
    """A Total row is refused as no timestamp and adds nothing."""
    parsed = csv(PLAIN + "Total,3\n", **ONE)
    assert parsed.rows == [A0, A1]
    assert parsed.refused == [(4, "A", "Total", "not a timestamp")]


def test_24_hours(csv: Reader) -> None:
    """24:00 is the midnight that follows; 24:30 and 25:00 do not exist."""
    text = "t,a\n2023-12-31 24:00Z,1\n2024-01-01 24:30Z,2\n2024-01-01 25:00Z,3\n"
    parsed = csv(text, **ONE)
    assert parsed.rows == [A0]
    assert [line[0] for line in parsed.refused] == [3, 4]


def test_blank_rows_and_columns(csv: Reader) -> None:
    """Blank rows and columns are nothing, and the rows below keep the spreadsheet's numbers."""
    parsed = csv("t,,a,\n\n,,,\n2024-01-01T00:00Z,,1,\n\n2024-01-01T01:00Z,,x,\n", **ONE)
    assert parsed.rows == [A0]
    assert parsed.refused == [(6, "C", "x", "not a number")]


def test_wrong_number_of_fields(csv: Reader) -> None:
    """A row of too many or too few fields is refused by itself, with its number."""
    text = (
        "t,a\n2024-01-01T00:00Z,1\n2024-01-01T01:00Z,1,5\n\n"
        "2024-01-01T02:00Z\n2024-01-01T01:00Z,2\n"
    )
    parsed = csv(text, **ONE)
    assert parsed.rows == [A0, A1]
    assert parsed.refused == [
        (3, None, "2024-01-01T01:00Z,1,5", "3 fields where the header has 2"),
        (5, None, "2024-01-01T02:00Z", "1 fields where the header has 2"),
    ]


def test_duplicates(csv: Reader) -> None:
    """Equal repeats collapse and count; different values of one instant are both refused."""
    text = PLAIN + "2024-01-01T01:00Z,2\n2024-01-01T02:00Z,5\n2024-01-01T02:00Z,6\n"
    parsed = csv(text, **ONE)
    assert (parsed.rows, parsed.all.repeated, parsed.all.rows_read) == ([A0, A1], 1, 5)
    assert parsed.refused == [
        (5, "B", "5", "row 6 holds 6 for the same series and instant"),
        (6, "B", "6", "row 5 holds 5 for the same series and instant"),
    ]


@pytest.mark.parametrize(("rule", "kept", "lost"), [("first", 5.0, "6"), ("last", 6.0, "5")])
def test_duplicates_by_rule(csv: Reader, rule: str, kept: float, lost: str) -> None:
    """The declared rule keeps the first or the last value; the other is still a refusal."""
    text = "t,a\n2024-01-01T00:00Z,5\n2024-01-01T00:00Z,6\n2024-01-01T00:00Z,6\n"
    parsed = csv(text, duplicates=rule, **ONE)
    assert parsed.rows == [("s/a", "2024-01-01 00:00:00", kept)]
    assert {line[2] for line in parsed.refused} == {lost}
    assert (
        len(parsed.all.rows) + parsed.all.repeated + parsed.all.refused_count
        == parsed.all.rows_read
        == 3
    )


def test_clock_changes(csv: Reader) -> None:
    """Local times that a clock change makes double or missing are refused one by one."""
    text = (
        "t,a\n2024-04-07 01:30,1\n2024-04-07 02:30,2\n2024-04-07 02:30+10:00,3\n"
        "2024-10-06 02:30,4\n2024-10-06 03:30,5\n"
    )
    parsed = csv(text, times="local", zone="Australia/Melbourne", freq="PT30M", **ONE)
    assert parsed.rows == [
        ("s/a", "2024-04-06 14:30:00", 1.0),
        ("s/a", "2024-04-06 16:30:00", 3.0),
        ("s/a", "2024-10-05 16:30:00", 5.0),
    ]
    assert parsed.refused == [
        (3, "A", "2024-04-07 02:30", "a local time that occurs twice (clocks went back)"),
        (5, "A", "2024-10-06 02:30", "a local time that does not exist (clocks went forward)"),
    ]


def test_missing_column(csv: Reader) -> None:
    """A declared column that is absent refuses the whole file, naming it."""
    with pytest.raises(DataFault, match="column 'b'"):
        csv(PLAIN)


def test_undeclared_column(csv: Reader) -> None:
    """A named column that nobody declared is reported once, unless it is to be ignored."""
    text = "t,a,note\n2024-01-01T00:00Z,1,hello\n"
    why = "a column that the source does not declare"
    assert csv(text, **ONE).refused == [(1, "C", "note", why)]
    assert csv(text, ignore=["Note"], **ONE).refused == []


def test_unit_in_header(csv: Reader) -> None:
    """A unit in the header must be the declared one."""
    series = {"series": {"Demand": {"unit": "MW", "unique_id": "s/a"}}}
    assert csv("t,Demand (MW)\n2024-01-01T00:00Z,1\n", **series).rows == [A0]
    with pytest.raises(DataFault) as caught:
        csv("t,Demand (kW)\n2024-01-01T00:00Z,1\n", **series)
    assert (caught.value.value, caught.value.allowed) == ("kW", "'MW'")
    assert "row 1 B" in caught.value.thing


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_empty_file(csv: Reader, content: str) -> None:
    """A file without a header is refused as a whole."""
    with pytest.raises(DataFault):
        csv(content, **ONE)


def test_header_only(csv: Reader) -> None:
    """A header without rows is no error and no reading."""
    parsed = csv("t,a\n", **ONE)
    assert (parsed.rows, parsed.refused, parsed.all.rows_read) == ([], [], 0)
    assert str(parsed.all.rows["ds"].dtype) == "datetime64[ns, UTC]"


def test_gzip(csv: Reader) -> None:
    """A gzipped CSV reads as its content; a truncated one is refused as a whole."""
    body = "".join(
        f"{t:%Y-%m-%dT%H:%MZ},{i}\n"
        for i, t in enumerate(pd.date_range("2024-01-01", periods=5000, freq="h"))
    )
    packed = gzip.compress(("t,a\n" + body).encode())
    assert len(csv(packed, name="f.csv.gz", **ONE).rows) == 5000
    with pytest.raises(DataFault) as caught:
        csv(packed[:-200], name="f.csv.gz", **ONE)
    assert caught.value.allowed == "a complete gzip file"


@pytest.mark.parametrize("stamp", ["1900-01-01 00:00Z", "2262-05-01 00:00Z", "9999-12-31 23:00Z"])
def test_far_years(csv: Reader, stamp: str) -> None:
    """Years that spreadsheets invent are refused instead of wrapping or crashing."""
    parsed = csv(f"t,a\n{stamp},1\n", **ONE)
    assert parsed.refused == [(2, "A", stamp, "a year outside 1901 to 2199")]


def test_off_grid(csv: Reader) -> None:
    """A time between grid points is refused and the nearest two are named."""
    parsed = csv(PLAIN + "2024-01-01T02:07Z,3\n", **ONE)
    assert parsed.rows == [A0, A1]
    assert parsed.refused == [(4, "A", "2024-01-01T02:07:00Z", "off the PT1H grid")]
    assert parsed.all.refused["fix"].tolist() == [
        "the nearest grid points are 2024-01-01T02:00:00Z or 2024-01-01T03:00:00Z"
    ]


def test_half_hour_zone(csv: Reader) -> None:
    """Whole local hours of a zone at +05:30 are on its grid."""
    parsed = csv("t,a\n2024-01-01 05:00,1\n", times="local", zone="Asia/Kolkata", **ONE)
    assert parsed.rows == [("s/a", "2023-12-31 23:30:00", 1.0)]


def test_calendar_days(csv: Reader) -> None:
    """Dates of a daily source are labels: they stay the same days in a zone that changes clocks."""
    parsed = csv(
        "t,a\n2024-01-01,1\n2024-07-01,2\n", times="local", zone="Europe/Berlin", freq="P1D", **ONE
    )
    assert [line[1] for line in parsed.rows] == ["2024-01-01 00:00:00", "2024-07-01 00:00:00"]


def test_portuguese_months(csv: Reader) -> None:
    """Named months are read in Portuguese and English; an unknown word is refused."""
    text = (
        "t,a\n1 de março de 2024 10h30Z,1\n01-fev-2024 10:30Z,2\n"
        "1/Sep/2024 10:30Z,3\n1 foo 2024,4\n"
    )
    parsed = csv(text, freq="PT30M", **ONE)
    assert [line[1] for line in parsed.rows] == [
        "2024-03-01 10:30:00",
        "2024-02-01 10:30:00",
        "2024-09-01 10:30:00",
    ]
    assert parsed.refused == [(5, "A", "1 foo 2024", "no such date or time")]


def test_date_and_time_columns(csv: Reader) -> None:
    """A date column and a time column make one time, 24:00 included."""
    text = "d,h,a\n31/12/2023,24:00,1\n01/01/2024,01:00,2\n"
    parsed = csv(text, timestamp=["d", "h"], times="local", day_first=True, **ONE)
    assert (parsed.rows, parsed.refused) == ([A0, A1], [])


def test_long_ids(csv: Reader) -> None:
    """A long file maps its ids; an undeclared id is refused, an ignored one is not."""
    text = "t,id,y\n2024-01-01T00:00Z,a,1\n2024-01-01T00:00Z,c,2\n2024-01-01T00:00Z,z,3\n"
    parsed = csv(text, layout="long", id="id", value="y", ignore=["z"])
    assert parsed.rows == [A0]
    assert parsed.refused == [(3, "B", "c", "an id that the source does not declare")]


def test_future_readings(csv: Reader) -> None:
    """On a wall clock a past-only reading from after now is refused; one known ahead is not."""
    text = "t,a,b\n2024-01-01T00:00Z,1,2\n2024-01-01T01:00Z,3,4\n"
    series = {"a": {}, "b": {"known_ahead": "P1D"}}
    parsed = csv(text, now="2024-01-01T00:30Z", series=series)
    assert parsed.rows == [A0, ("s/b", A0[1], 2.0), ("s/b", A1[1], 4.0)]
    why = "after now, 2024-01-01T00:30:00Z, in a series that is not known ahead"
    assert parsed.refused == [(3, "A", "2024-01-01T01:00:00Z", why)]
    assert len(csv(text, now="2024-01-01T00:30Z", series=series, clock="recorded").rows) == 4


def test_beyond_limits(csv: Reader) -> None:
    """Values outside the physical limits are kept: cleaning flags them."""
    assert csv("t,a\n2024-01-01T00:00Z,-999\n", series={"a": {"lower": 0}}).rows[0][2] == -999
