"""The delimiter of a CSV file and the row of its header, from its first rows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa

from horizonte.errors import DataFault
from horizonte.ingest import delimited, evidence, reals, times
from horizonte.ingest.chunk import Column
from horizonte.ingest.declaration import Source

ROWS = 60
DELIMITERS = (",", ";", "\t", "|")


def delimiter(path: Path, probe: Source) -> str:
    """Return the delimiter that splits most of the first rows into as many fields, over one.

    Raises DataFault when none does: its fix is to pass ``delimiter``.
    """
    scores = {}
    for mark in DELIMITERS:
        rows, _ = delimited.preamble(path, probe.model_copy(update={"delimiter": mark}), ROWS)
        widths = Counter(len(row) for row in rows if any(row))
        width, count = widths.most_common(1)[0] if widths else (1, 0)
        if width > 1:
            scores[mark] = (count, width)
    if not scores:
        raise DataFault(path.name, "one column", "a table of two columns or more", "pass delimiter")
    return max(scores, key=lambda mark: scores[mark])


def header_row(rows: list[list[str]], name: str) -> int:
    """Return the row from 1 of the column names: the first that is as full as most rows.

    Raises DataFault when that row holds times or numbers: the file has no header.
    """
    full = Counter(sum(1 for cell in row if cell) for row in rows if any(row))
    wanted = max(2, full.most_common(1)[0][0] if full else 2)
    for at, row in enumerate(rows, start=1):
        if sum(1 for cell in row if cell) >= min(wanted, len(row)) and len(row) > 1:
            if any(_is_data(cell) for cell in row if cell):
                break
            return at
    shown = next((row for row in rows if any(row)), [])
    raise DataFault(name, shown[:8], "a table under a row of column names", "pass header_row")


def _is_data(cell: str) -> bool:
    probe = evidence.probe({"day_first": True, "missing": ("",)})
    text = pa.array([cell.replace(",", ".")])
    is_time = times.resolve(text, probe).code[0] in (times.OK, times.IMPOSSIBLE)
    return bool(is_time or reals.resolve(Column(text), probe)[1][0] == reals.REAL)
