"""XLSX sheets as chunks of cells: numbers stay numbers, dates become ISO texts."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from python_calamine import CalamineError, CalamineWorkbook

from horizonte.errors import DataFault
from horizonte.ingest import workbook
from horizonte.ingest.chunk import Chunk, Column, letter
from horizonte.ingest.sources import Source

ROWS = 50_000
_SLASHED = re.compile(r"^\s*(\d{1,2})[-/.](\d{1,2})[-/.]\d{4}\b")
_HALF_SECOND = dt.timedelta(microseconds=500_000)


class Sheet:
    """One sheet in memory; ``name``, ``header`` as texts, and ``chunks`` of the rows below it."""

    def __init__(self, path: Path, source: Source) -> None:
        self.name, odd = workbook.check(path, source.sheet)
        try:
            with CalamineWorkbook.from_path(path) as book:
                self._cells = book.get_sheet_by_name(self.name).to_python(skip_empty_area=False)
        except CalamineError as why:
            raise DataFault(
                path.name, str(why)[:200], "an XLSX workbook", "save it again as .xlsx"
            ) from None
        self._from = source.header_row
        for (row, column), text in odd.items():
            self._put(row, column, text)

    def start(self, header_row: int) -> None:
        """Take ``header_row`` as the row of the column names."""
        self._from = header_row

    def header(self, path: Path) -> list[str]:
        """Return the column names; raise DataFault when the sheet has no header row."""
        row = self._cells[self._from - 1] if len(self._cells) >= self._from else []
        names = [str(text(cell) or _plain(cell)) for cell in row]
        if not any(names):
            raise DataFault(
                f"{path.name} {self.name} row {self._from}",
                "no header",
                "a row of column names",
                "send a sheet with a header, or declare header_row",
            )
        return names

    def first(self, rows: int) -> list[list[str]]:
        """Return the first rows as texts."""
        return [[str(text(cell) or _plain(cell)) for cell in row] for row in self._cells[:rows]]

    def chunks(self, wanted: list[int]) -> Iterator[Chunk]:
        """Yield the rows below the header, columns ``wanted`` only."""
        for start in range(self._from, len(self._cells), ROWS):
            part = self._cells[start : start + ROWS]
            rows = np.arange(start + 1, start + 1 + len(part))
            yield Chunk(rows, [column([row[i] for row in part]) for i in wanted])

    def refuse_swapped(self, place: int, name: str) -> None:
        """Raise DataFault when a program has swapped day and month in some dates of a column.

        Opening dd/mm texts under mm/dd rules leaves true dates up to the 12th, day and month
        exchanged, beside texts from the 13th on.
        """
        cells = [row[place] for row in self._cells[self._from :]]
        dates = [cell for cell in cells if isinstance(cell, dt.date)]
        texts = [m for cell in cells if isinstance(cell, str) and (m := _SLASHED.match(cell))]
        early = all(date.day <= 12 for date in dates)
        late = all(max(int(found[1]), int(found[2])) > 12 for found in texts)
        if dates and texts and early and late:
            raise DataFault(
                f"{name} {self.name} column {letter(place)}",
                f"{len(dates)} true dates, none after a 12th, and {len(texts)} as text",
                "all true dates or all texts: day and month may have been swapped",
                "export it again with dates as YYYY-MM-DD",
            )

    def _put(self, row: int, at: int, value: str) -> None:
        width = len(self._cells[0]) if self._cells else 0
        while len(self._cells) < row:
            self._cells.append([""] * width)
        cells = self._cells[row - 1]
        cells.extend([""] * (at - len(cells)))
        cells[at - 1] = value


def column(cells: list[Any]) -> Column:
    """Return one column of calamine cells."""
    kinds = set(map(type, cells))
    if kinds <= {float, int}:
        return Column(pa.nulls(len(cells), pa.string()), np.array(cells, dtype=float))
    real = None
    if kinds & {float, int}:
        real = np.array([c if type(c) in (float, int) else np.nan for c in cells], dtype=float)
    return Column(pc.utf8_trim_whitespace(pa.array(map(text, cells), pa.string())), real)


def text(cell: Any) -> str | None:
    """Return a cell as text, None where it is a number; times are rounded to the second."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, dt.datetime):
        return str((cell + _HALF_SECOND).replace(microsecond=0) if cell.microsecond else cell)
    if isinstance(cell, dt.timedelta):
        seconds = round(cell.total_seconds())
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    return None


def _plain(cell: Any) -> str:
    return "" if cell is None else f"{cell:g}" if isinstance(cell, float) else str(cell)
