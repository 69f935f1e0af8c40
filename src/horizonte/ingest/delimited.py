"""CSV and gzipped CSV, streamed as text: no type is guessed and memory stays bounded."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from horizonte.errors import DataFault
from horizonte.ingest.chunk import MAX_COLUMNS, Chunk, Column, Refusals, letter
from horizonte.ingest.sources import Source

BLOCK = 1 << 22  # bytes parsed at a time; no row may be longer
HEADER_BYTES = 1 << 20
MAX_BYTES = 1 << 33  # of text, unpacked
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class _Bounded(io.RawIOBase):
    """A stream that refuses to give more than MAX_BYTES."""

    def __init__(self, raw: IO[bytes], name: str, *, zipped: bool) -> None:
        self._raw, self._name, self._left = raw, name, MAX_BYTES
        self._inner = gzip.GzipFile(fileobj=raw) if zipped else raw

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._inner.read(size if size >= 0 else BLOCK)
        self._left -= len(data)
        if self._left < 0:
            raise DataFault(
                self._name,
                f"over {MAX_BYTES:,} bytes unpacked",
                "of a bounded size",
                "split the file",
            )
        return data

    def close(self) -> None:
        self._inner.close()
        self._raw.close()
        super().close()


def encoding_of(path: Path, declared: str | None) -> str:
    """Return the byte order mark's encoding, else the declared one, else UTF-8, unverified."""
    with _open(path) as stream:
        start = stream.read(4)
    for mark, name in _BOMS:
        if start.startswith(mark):
            return name
    if declared is None and b"\0" in start:
        raise DataFault(
            path.name, start.hex(" "), "UTF-8 text", "declare encoding: utf-16-le or -be"
        )
    return declared or "utf-8"


def preamble(path: Path, source: Source, rows: int) -> tuple[list[list[str]], int]:
    """Return the first ``rows`` records as text and how many lines they take."""
    text = _start(path, encoding_of(path, source.encoding))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=source.delimiter)
    records = []
    try:
        for record in reader:
            records.append([cell.strip() for cell in record])
            if len(records) == rows:
                break
    except csv.Error as why:
        raise DataFault(path.name, str(why), "CSV", "correct the header") from None
    _check_header(path, records, len(text) >= HEADER_BYTES and len(records) < rows)
    return records, reader.line_num


def header(path: Path, source: Source) -> list[str]:
    """Return the column names; raise DataFault when the file has no header row."""
    records, _ = preamble(path, source, source.header_row)
    if len(records) < source.header_row or not any(records[-1]):
        raise DataFault(
            f"{path.name} row {source.header_row}",
            "no header",
            "a row of column names",
            "send a file with a header, or declare header_row",
        )
    return records[-1]


def chunks(
    path: Path, source: Source, wanted: list[int], refuse: Callable[[list[Refusals]], None]
) -> Iterator[Chunk]:
    """Yield the rows below the header, columns ``wanted`` only, as text.

    Rows with a wrong number of fields go to ``refuse``. Raises DataFault for a file that is
    truncated, not in its encoding, or has a row longer than 4 MiB.
    """
    records, lines = preamble(path, source, source.header_row)
    names = [letter(i) for i in range(len(records[-1]))]
    bad: list[arrow_csv.InvalidRow] = []

    def keep(row: arrow_csv.InvalidRow) -> str:
        bad.append(row)
        return "skip"

    following = source.header_row + 1
    for batch in _batches(path, source, (names, lines, [names[i] for i in wanted], keep)):
        skipped = _refuse(path, bad, (source.header_row - lines, len(names)), refuse)
        numbers = np.arange(following, following + batch.num_rows + len(skipped))
        numbers = numbers[~np.isin(numbers, skipped)][: batch.num_rows]
        following = int(numbers[-1]) + 1 if len(numbers) else following
        yield Chunk(numbers, [Column(pc.utf8_trim_whitespace(c)) for c in batch.columns])
    _refuse(path, bad, (source.header_row - lines, len(names)), refuse)


def _refuse(
    path: Path,
    bad: list[arrow_csv.InvalidRow],
    shape: tuple[int, int],
    refuse: Callable[[list[Refusals]], None],
) -> list[int]:
    """Hand over the malformed rows seen so far and return their numbers."""
    shift, width = shape
    found = []
    for row in bad:
        if row.text.count("\n") > 20:
            raise DataFault(
                f"{path.name} row {row.number + shift}",
                row.text[:80],
                "a row whose quotes close",
                "close or double the quote",
            )
        found.append(
            Refusals(
                np.array([row.number + shift]),
                None,
                [row.text[:200]],
                f"{row.actual_columns} fields where the header has {width}",
                ["correct the row: quote a field that holds the delimiter"],
            )
        )
    refuse(found)
    seen = [row.number + shift for row in bad]
    bad.clear()
    return seen


def _batches(
    path: Path, source: Source, shape: tuple[list[str], int, list[str], Callable[..., str]]
) -> Iterator[pa.RecordBatch]:
    names, lines, wanted, keep = shape
    encoding = encoding_of(path, source.encoding)
    plain = encoding in ("utf-8", "utf-8-sig")
    try:
        with _open(path) as stream:
            yield from arrow_csv.open_csv(
                stream,
                read_options=arrow_csv.ReadOptions(
                    use_threads=False,
                    block_size=BLOCK,
                    skip_rows=lines,
                    column_names=names,
                    encoding="utf8" if plain else encoding,
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=source.delimiter,
                    newlines_in_values=True,
                    ignore_empty_lines=False,
                    invalid_row_handler=keep,
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(wanted, pa.string()),
                    include_columns=wanted,
                    strings_can_be_null=False,
                ),
            )
    except (pa.ArrowException, EOFError, OSError, UnicodeError, zlib.error) as why:
        if "Empty CSV file" not in str(why):
            raise _unreadable(path, encoding, why) from None


def _unreadable(path: Path, encoding: str, why: Exception) -> DataFault:
    text = str(why)
    if "UTF8" in text or isinstance(why, UnicodeError):
        return DataFault(
            path.name,
            f"bytes that are not {encoding}",
            f"{encoding} text",
            "declare its encoding, such as cp1252 for older Brazilian files",
        )
    if "straddling" in text:
        return DataFault(
            path.name,
            "a row of over 4 MiB",
            "a table of text",
            "close the quotes, or check the delimiter",
        )
    if isinstance(why, EOFError | gzip.BadGzipFile | zlib.error):
        return DataFault(path.name, text, "a complete gzip file", "copy the file again")
    return DataFault(path.name, text[:200], "a readable CSV file", "check delimiter and quotes")


def _open(path: Path) -> _Bounded:
    try:
        raw = path.open("rb")
    except OSError as why:
        raise DataFault(str(path), str(why.strerror), "a readable file", "check its name") from None
    zipped = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    return _Bounded(raw, path.name, zipped=zipped)


def _start(path: Path, encoding: str) -> str:
    try:
        with _open(path) as stream:
            data = b""
            while len(data) < HEADER_BYTES and (more := stream.read(HEADER_BYTES - len(data))):
                data += more
        return codecs.getincrementaldecoder(encoding)().decode(data)
    except (UnicodeError, EOFError, OSError, zlib.error) as why:
        raise _unreadable(path, encoding, why) from None
    except LookupError:
        raise DataFault(path.name, encoding, "an encoding", "declare one, such as cp1252") from None


def _check_header(path: Path, records: list[list[str]], cut: bool) -> None:
    width = max((len(record) for record in records), default=0)
    if cut or width > MAX_COLUMNS:
        seen = f"{width:,} columns" if width > MAX_COLUMNS else "a header of over 1 MiB"
        raise DataFault(
            path.name,
            seen,
            f"a table of at most {MAX_COLUMNS:,} columns",
            "delete the empty columns, or check the delimiter",
        )
