"""The time of a row as one text, from one column or from a date and a time column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from horizonte.ingest.chunk import Column
from horizonte.ingest.sources import Source

_SERIAL = r"^\d{1,6}([.,]\d+)?$"
_FIRST = {1900: pd.Timestamp("1899-12-30"), 1904: pd.Timestamp("1904-01-01")}
_LAST = 73_051.0  # serial of 2100-01-01


def stamps(columns: list[Column], source: Source) -> pa.StringArray:
    """Return one text per row; bare serial numbers become ISO where their epoch is declared."""
    if len(columns) == 1:
        return _dates(columns[0], source)
    date = pc.replace_substring_regex(_dates(columns[0], source), r"[ T]00:00(:00)?$", "")
    hours = _times(columns[1])
    joined = pc.binary_join_element_wise(date, hours, " ")
    return pc.utf8_trim_whitespace(joined)


def _dates(column: Column, source: Source) -> pa.StringArray:
    text, real = column.text, column.real
    if source.serial_epoch:
        bare = pc.fill_null(pc.match_substring_regex(text, _SERIAL), False)
        found = pc.cast(pc.replace_substring(pc.if_else(bare, text, None), ",", "."), pa.float64())
        parsed = np.asarray(pc.fill_null(found, float("nan")))
        real = parsed if real is None else np.where(np.isnan(real), parsed, real)
        return _fill(text, real, [_from_serial(v, source.serial_epoch) for v in real.tolist()])
    return text if real is None else _fill(text, real, [f"{v:.15g}" for v in real.tolist()])


def _times(column: Column) -> pa.StringArray:
    if column.real is None:
        return column.text
    clock = [_clock(v) for v in column.real.tolist()]
    return _fill(column.text, column.real, clock)


def _fill(text: pa.StringArray, real: np.ndarray, shown: list[str]) -> pa.StringArray:
    return pc.if_else(pa.array(~np.isnan(real)), pa.array(shown, pa.string()), text)


def _from_serial(value: float, epoch: int) -> str:
    if not 61 <= value <= _LAST:  # 1900 was no leap year, whatever serial 60 says
        return f"{value:.15g}"
    return str((_FIRST[epoch] + pd.Timedelta(days=value)).round("s"))


def _clock(value: float) -> str:
    """Return a bare fraction of a day as a time: 0.5 → 12:00:00, 1 → 24:00:00."""
    if not 0 <= value <= 1:
        return f"{value:.15g}"
    seconds = round(value * 86_400)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
