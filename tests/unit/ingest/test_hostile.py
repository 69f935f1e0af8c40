"""Files made to exhaust a reader: refused as a whole, in bounded memory and time."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from horizonte.errors import DataFault
from horizonte.ingest import delimited
from horizonte.ingest.files import read

ONE: dict[str, Any] = {"series": {"a": {}}, "times": "local"}
CELL = '<row r="{0}"><c r="{1}{0}"><v>1</v></c></row>'


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A small honest workbook."""
    path = tmp_path / "f.xlsx"
    made = openpyxl.Workbook()
    made.active.append(["t", "a"])
    made.save(path)
    return path


def _replace(path: Path, part: str, content: bytes) -> None:
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in {**parts, part: content}.items():
            new.writestr(name, data)


def _sheet(path: Path, rows: str) -> None:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    text = f'<worksheet xmlns="{space}"><sheetData>{rows}</sheetData></worksheet>'
    _replace(path, "xl/worksheets/sheet1.xml", text.encode())


def _refused(path: Path, source: Callable[..., Any], **changes: Any) -> DataFault:
    """Return the fault of reading ``path``: within 300 MiB more than the process held before."""
    before = _held("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here on
    with pytest.raises(DataFault) as caught:
        read(path, source(**{**ONE, **changes}))
    assert _held("VmHWM") - before < 300 << 20
    return caught.value


def _held(field: str) -> int:
    """Return a figure of this process's memory in bytes, native libraries included."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) << 10


def test_zip_bomb(book: Path, source: Callable[..., Any]) -> None:
    """A workbook whose parts unpack to over 512 MiB is refused before any is read."""
    with (
        zipfile.ZipFile(book, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as bomb,
        bomb.open("xl/media/x.bin", "w") as part,
    ):
        for _ in range(520):
            part.write(bytes(1 << 20))
    assert "at most 536,870,912" in _refused(book, source).allowed


def test_zip_bomb_that_lies(book: Path, source: Callable[..., Any]) -> None:
    """A part that unpacks to more than it declares is refused when the limit is passed."""
    _replace(book, "xl/sharedStrings.xml", bytes(64 << 20))
    data = bytearray(book.read_bytes())
    for size in ((64 << 20).to_bytes(4, "little"),):
        assert data.count(size) >= 2
        data = data.replace(size, (1000).to_bytes(4, "little"))
    book.write_bytes(data)
    assert _refused(book, source).allowed == "a workbook that states its true size"


def test_billion_laughs(book: Path, source: Callable[..., Any]) -> None:
    """A part that declares entities is refused, expanded nowhere."""
    laughs = (
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">'
        + "".join(f'<!ENTITY a{i} "{f"&a{i - 1 or str()};" * 10}">' for i in range(1, 10))
        + "]><sst>&a9;</sst>"
    )
    _replace(book, "xl/sharedStrings.xml", laughs.encode())
    fault = _refused(book, source)
    assert fault.thing == "f.xlsx: xl/sharedStrings.xml"
    assert fault.allowed == "plain XML"


@pytest.mark.parametrize(("row", "column"), [(1_048_576, "XFD"), (1_000_000, "Z"), (5, "ZZZ")])
def test_far_cell(book: Path, source: Callable[..., Any], row: int, column: str) -> None:
    """One cell far away does not make a reader allocate the rectangle up to it."""
    _sheet(book, CELL.format(1, "A") + CELL.format(row, column))
    assert "cells and 16,384 columns" in _refused(book, source).allowed


def test_far_cell_quoted_otherwise(book: Path, source: Callable[..., Any]) -> None:
    """A far cell is seen however its place is written in XML."""
    _sheet(book, CELL.format(1, "A") + "<row><c\nr = 'xfd1048576'><v>1</v></c></row>")
    assert "cells and 16,384 columns" in _refused(book, source).allowed


def test_formatted_blanks(tmp_path: Path, source: Callable[..., Any]) -> None:
    """Blank cells that are merely formatted, up to the last column, do no harm."""
    made = openpyxl.Workbook()
    sheet = made.active
    for line in (["t", "a"], ["2024-01-01 00:00", 1]):
        sheet.append(line)
    for row in range(1, 700):
        sheet.cell(row, 16_384).number_format = "0.00"
    made.save(tmp_path / "f.xlsx")
    parsed = read(tmp_path / "f.xlsx", source(**ONE))
    assert parsed.rows["y"].tolist() == [1.0]


def test_million_empty_columns(tmp_path: Path, source: Callable[..., Any]) -> None:
    """A million empty CSV columns are refused at the header."""
    path = tmp_path / "f.csv"
    path.write_text("t,a" + "," * 1_000_000 + "\n2024-01-01 00:00,1" + "," * 1_000_000 + "\n")
    fault = _refused(path, source)
    assert fault.value == "1,000,002 columns"
    assert fault.allowed == "a table of at most 16,384 columns"


@pytest.mark.parametrize("content", [b"x" * (9 << 20), b"t,a\n" + b'"' + b"x\n" * (5 << 20)])
def test_endless_line(tmp_path: Path, source: Callable[..., Any], content: bytes) -> None:
    """A header or a quoted field that does not end is refused, not collected."""
    path = tmp_path / "f.csv"
    path.write_bytes(content)
    _refused(path, source)


def test_gzip_bomb(
    tmp_path: Path, source: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text that unpacks beyond the limit is refused while it is being read."""
    monkeypatch.setattr(delimited, "MAX_BYTES", 32 << 20)
    path = tmp_path / "f.csv.gz"
    path.write_bytes(gzip.compress(b"t,a\n" + b"2024-01-01 00:00,1\n" * (2 << 20), 1))
    assert _refused(path, source).allowed == "of a bounded size"


@pytest.mark.parametrize("content", [b"PK\x03\x04 no", b"\xd0\xcf\x11\xe0" + bytes(600), b"t,a\n"])
def test_not_a_workbook(tmp_path: Path, source: Callable[..., Any], content: bytes) -> None:
    """What is not a ZIP of XML (old, encrypted or renamed) is refused with the way out."""
    path = tmp_path / "f.xlsx"
    path.write_bytes(content)
    assert _refused(path, source).fix == "save it again as .xlsx"


def test_binary_csv(tmp_path: Path, source: Callable[..., Any]) -> None:
    """Bytes that are no text are refused as a whole."""
    path = tmp_path / "f.csv"
    path.write_bytes(bytes(range(256)) * 100)
    _refused(path, source)


def test_many_refusals(tmp_path: Path, source: Callable[..., Any]) -> None:
    """All refusals are counted, and the first ten thousand are listed."""
    path = tmp_path / "f.csv"
    path.write_text("t,a\n" + "never,1\n" * 25_000)
    parsed = read(path, source(**ONE))
    assert (parsed.refused_count, len(parsed.refused), parsed.rows_read) == (25_000, 10_000, 25_000)


@pytest.mark.parametrize("value", ["=cmd|' /C calc'!A0", "'; DROP TABLE x", "\u202e1\u0000", "1_0"])
def test_hostile_cell(tmp_path: Path, source: Callable[..., Any], value: str) -> None:
    """A cell that is no number is refused verbatim and touches no other."""
    path = tmp_path / "f.csv"
    path.write_text(f"t,a\n2024-01-01 00:00,{value}\n2024-01-01 01:00,2\n")
    parsed = read(path, source(**ONE))
    assert parsed.rows["y"].tolist() == [2.0]
    assert parsed.refused["value"].tolist() == [value]
