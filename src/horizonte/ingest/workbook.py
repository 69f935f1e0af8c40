"""A workbook's ZIP and XML looked at before any reader opens it: bombs, formulas, errors."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from xml.etree import ElementTree as ET

from horizonte.errors import DataFault
from horizonte.ingest.chunk import MAX_COLUMNS

MAX_UNPACKED = 1 << 29  # bytes of all parts
MAX_PARTS = 5_000
MAX_CELLS = 10_000_000  # of the rectangle that a sheet spans
_TAIL = 1 << 16
_XML = (".xml", ".rels", ".vml")
_REL = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_R = rb"r\s*=\s*[\"']"  # the place of a cell or row, however it is quoted
_COLUMN, _ROW = re.compile(_R + rb"([A-Za-z]+)"), re.compile(_R + rb"[A-Za-z]*(\d+)")
_BIG_ROW = re.compile(_R + rb"[A-Za-z]*\d{6}")
_SMALL_ROWS = 99_999  # what a row of up to five digits can be
_ERROR = re.compile(rb"\st\s*=\s*[\"']e[\"']")
_FILLED = re.compile(rb"<(?:\w+:)?c(?=\s)[^>]*?" + _R + rb"([A-Za-z]+)(\d+)[\"'][^>]*(?<!/)>")
_ODD = re.compile(
    rb"<(?:\w+:)?c\s(?P<attributes>[^>]*)>\s*(?:<(?:\w+:)?f(?:\s[^>]*?)?(?:/>|>(?P<formula>[^<]*)</(?:\w+:)?f>)\s*)?"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>(?P<value>[^<]*)</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)


Odd = dict[tuple[int, int], str]  # by row and column from 1: formulas never calculated, errors


def check(path: Path, sheet: str | None) -> tuple[str, Odd]:
    """Return the name of the sheet to read and its odd cells, once the file is known to be safe.

    Raises DataFault for what is not a workbook, unpacks to over 512 MiB, lies about its sizes,
    declares XML entities, spans over ten million cells or 16,384 columns, or has several sheets
    of which none is declared.
    """
    with _opened(path) as (book, raw):
        name, part = _sheet(path, book, sheet)
        return name, _scan(f"{path.name} {name}", book.getinfo(part), raw)


def sheets(path: Path) -> list[str]:
    """Return the names of the visible sheets; raises as ``check`` does."""
    with _opened(path) as (book, _):
        return list(_parts(book))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, IO[bytes]]]:
    """Lend a workbook whose sizes and parts, its sheets aside, are safe."""
    try:
        with zipfile.ZipFile(path) as book, path.open("rb") as raw:
            _check_sizes(path, book)
            for info in book.infolist():
                _check_xml(path, info, raw)
            yield book, raw
    except (zipfile.BadZipFile, KeyError, ET.ParseError, zlib.error, EOFError) as why:
        raise DataFault(
            path.name, str(why)[:200], "an XLSX workbook", "save it again as .xlsx"
        ) from None
    except OSError as why:
        raise DataFault(str(path), str(why.strerror), "a readable file", "check its name") from None


def _check_sizes(path: Path, book: zipfile.ZipFile) -> None:
    parts = book.infolist()
    total = sum(info.file_size for info in parts)
    if total > MAX_UNPACKED or len(parts) > MAX_PARTS:
        raise DataFault(
            path.name,
            f"{total:,} bytes in {len(parts)} parts unpacked",
            f"at most {MAX_UNPACKED:,} in {MAX_PARTS}",
            "delete unused sheets, or send CSV",
        )
    if any(info.flag_bits & 1 for info in parts):
        raise DataFault(
            path.name, "encrypted", "a workbook without a password", "remove the password"
        )
    if len({info.filename for info in parts}) < len(parts):
        raise DataFault(
            path.name, "two parts of one name", "an XLSX workbook", "save it again as .xlsx"
        )


def _check_xml(path: Path, info: zipfile.ZipInfo, raw: IO[bytes]) -> None:
    if info.filename.startswith("xl/worksheets/sheet") or not info.filename.endswith(_XML):
        return  # a sheet is looked at when it is chosen
    before = b""
    for block in _inflate(path.name, info, raw):
        text = before + block
        _refuse_entities(f"{path.name}: {info.filename}", text)
        before = text[-16:]


def _refuse_entities(place: str, text: bytes) -> None:
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text or text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        fix = "save it again as .xlsx with a spreadsheet program"
        raise DataFault(place, "a DOCTYPE, ENTITY or UTF-16 part", "plain XML", fix)


def _inflate(name: str, info: zipfile.ZipInfo, raw: IO[bytes]) -> Iterator[bytes]:
    """Yield a part's bytes, never more than its declared size."""
    raw.seek(info.header_offset)
    head = raw.read(30)
    raw.seek(int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"), 1)
    packed, left, engine = info.compress_size, info.file_size, zlib.decompressobj(-15)
    if (
        info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        or head[:4] != b"PK\3\4"
    ):
        raise zipfile.BadZipFile(f"{info.filename} is not deflated")
    while packed > 0 and (data := raw.read(min(packed, 1 << 18))):
        packed -= len(data)
        block = (
            data if info.compress_type == zipfile.ZIP_STORED else engine.decompress(data, left + 1)
        )
        left -= len(block)
        if left < 0:
            raise DataFault(
                f"{name}: {info.filename}",
                f"more than its declared {info.file_size:,} bytes",
                "a workbook that states its true size",
                "save it again as .xlsx",
            )
        yield block


def _parts(book: zipfile.ZipFile) -> dict[str, str]:
    """Return the part that holds each visible sheet, by its name."""
    root = ET.fromstring(book.read("xl/workbook.xml"))  # noqa: S314 (every DOCTYPE was refused)
    links = ET.fromstring(book.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    target = {link.get("Id"): link.get("Target", "") for link in links}
    return {
        node.get("name", ""): target.get(node.get(_REL), "")
        for node in root.iter()
        if node.tag.endswith("}sheet") and node.get("state", "visible") == "visible"
    }


def _sheet(path: Path, book: zipfile.ZipFile, wanted: str | None) -> tuple[str, str]:
    sheets = _parts(book)
    if (wanted is None and len(sheets) != 1) or (wanted is not None and wanted not in sheets):
        raise DataFault(
            f"{path.name}: sheet",
            wanted or list(sheets),
            f"one of {list(sheets)}",
            "declare sheet with the name to read",
        )
    name = wanted or next(iter(sheets))
    part = sheets[name]
    return name, part.lstrip("/") if part.startswith("/") else f"xl/{part}"


def _scan(place: str, info: zipfile.ZipInfo, raw: IO[bytes]) -> Odd:
    odd: Odd = {}
    tail, rows, columns, cells = b"", 0, 0, 0
    for block in _inflate(place, info, raw):
        text = tail + block
        _refuse_entities(place, text)
        cells += block.count(b"<c")
        columns = max([columns, *map(number, set(_COLUMN.findall(text)))])
        big = _BIG_ROW.search(text)
        rows = max([rows, *map(int, set(_ROW.findall(text)))]) if big else max(rows, _SMALL_ROWS)
        if b"<f" in text or b":f" in text or b't="e"' in text or b"t='e'" in text:
            _note(place, text, odd)
        tail = text[max(text.rfind(b"<c "), len(text) - _TAIL, 0) :]
    if rows * columns > MAX_CELLS or columns > MAX_COLUMNS:
        rows, columns = _filled(place, info, raw)
    if cells > 4 * MAX_CELLS or rows * columns > MAX_CELLS or columns > MAX_COLUMNS:
        raise DataFault(
            place,
            f"{rows:,} rows × {columns:,} columns",
            f"at most {MAX_CELLS:,} cells and {MAX_COLUMNS:,} columns",
            "delete what stands far below or to the right, or send CSV",
        )
    return odd


def _filled(place: str, info: zipfile.ZipInfo, raw: IO[bytes]) -> tuple[int, int]:
    """Return the last row and column that hold something: formatted blanks do not count."""
    tail, rows, columns = b"", 0, 0
    for block in _inflate(place, info, raw):
        text = tail + block
        for column, row in _FILLED.findall(text):
            rows, columns = max(rows, int(row)), max(columns, number(column))
        tail = text[-256:]
    return rows, columns


def _note(place: str, text: bytes, odd: Odd) -> None:
    for found in _ODD.finditer(text):
        attributes, formula, value = found.group("attributes", "formula", "value")
        is_error = _ERROR.search(b" " + attributes) is not None
        has_formula = b"<f" in found[0] or b":f" in found[0]
        if not is_error and (value or not has_formula):
            continue
        at = re.search(rb"(?:^|\s)r\s*=\s*[\"']([A-Za-z]+)(\d+)", attributes)
        if at is None:
            raise DataFault(
                place,
                found[0][:80].decode(errors="replace"),
                "a cell with its place",
                "save it again as .xlsx with a spreadsheet program",
            )
        shown = (value or b"#N/A") if is_error else b"=" + (formula or b"")
        odd[int(at[2]), number(at[1])] = shown.decode(errors="replace")[:200]


def number(letters: bytes) -> int:
    """Return the number from 1 of a column: A → 1, AA → 27."""
    value = 0
    for letter in letters.upper():
        value = value * 26 + letter - 64
    return value
