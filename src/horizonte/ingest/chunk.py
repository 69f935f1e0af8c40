"""Cells as they stand in the file: text, or true numbers where a workbook holds them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

MAX_COLUMNS = 16_384  # what a spreadsheet program can show


@dataclass(frozen=True)
class Column:
    """One column of a chunk: ``text`` as stripped strings, null where ``real`` holds a number."""

    text: pa.StringArray
    real: np.ndarray | None = None  # float64, NaN where the cell is text


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of a sheet; ``rows`` are numbered from 1, as a spreadsheet shows them."""

    rows: np.ndarray
    columns: list[Column]


@dataclass(frozen=True)
class Refusals:
    """Rows or cells refused for one reason; ``rows`` and ``values`` run in parallel."""

    rows: np.ndarray
    column: str | None
    values: list[str]
    reason: str
    fixes: list[str]


def letter(index: int) -> str:
    """Return the letters of the column at ``index`` from 0: 0 → A, 26 → AA."""
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(65 + rest) + text
    return text
