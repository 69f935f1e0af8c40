"""From the cells of a chunk to readings: series, instant and value, each with its place."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from horizonte.ingest import reals, times
from horizonte.ingest.chunk import Chunk, Column, Refusals, letter
from horizonte.ingest.shape import Shape, plain
from horizonte.ingest.sources import Source
from horizonte.ingest.stamps import stamps

COLUMNS = {
    "series": "int32",
    "ds": "int64",
    "y": "float64",
    "row": "int32",
    "column": "int16",
    "time_column": "int16",
}
_Frame = dict[str, np.ndarray]
_FIX = "correct the cell, or delete the row if it is no reading"
WHY = {
    times.EMPTY: ("no timestamp", _FIX),
    times.WORDS: ("not a timestamp", _FIX),
    times.ORDER: ("day and month can be read either way", "declare day_first: true or false"),
    times.SHORT: ("a year of two digits", "write four digits"),
    times.SERIAL: ("a bare number", "format it as a date, or declare serial_epoch: 1900 or 1904"),
    times.IMPOSSIBLE: ("no such date or time", "correct it, or check day_first"),
    times.NAIVE: ("no offset from UTC", "write it (Z or +10:00), or declare times: local and zone"),
    times.TWICE: ("a local time that occurs twice (clocks went back)", "write its offset from UTC"),
    times.NEVER: (
        "a local time that does not exist (clocks went forward)",
        "write its offset from UTC",
    ),
    times.FAR: (f"a year outside {times.FIRST_YEAR} to {times.LAST_YEAR}", _FIX),
}


def empty() -> pd.DataFrame:
    """Return no readings, with the columns and types that ``of`` gives."""
    return pd.DataFrame({name: np.zeros(0, kind) for name, kind in COLUMNS.items()})


def of(chunk: Chunk, shape: Shape, source: Source) -> tuple[pd.DataFrame, list[Refusals]]:
    """Return the chunk's readings and what was refused; blank rows and cells are neither."""
    at = {place: chunk.columns[i] for i, place in enumerate(shape.wanted)}
    text = stamps([at[place] for place in shape.times], source)
    instants = times.resolve(text, source)
    good = instants.code == times.OK
    blank = instants.code == times.EMPTY
    for place in set(shape.wanted) - set(shape.times):
        blank &= blank_cells(at[place])
    refusals = _bad_times(chunk, text, np.where(blank, times.OK, instants.code), shape.times[0])
    read = _long if shape.id is not None else _wide
    frames, bad = read(chunk.rows, (at, good), shape, source)
    for frame in frames:
        frame["ds"] = instants.ds.view("int64")[frame.pop("position")]
        frame["time_column"] = np.full(len(frame["ds"]), shape.times[0])
    parts = [pd.DataFrame(frame).astype(COLUMNS)[list(COLUMNS)] for frame in frames]
    rows = pd.concat(parts, ignore_index=True) if parts else empty()
    return rows, refusals + bad


def blank_cells(column: Column) -> np.ndarray:
    """Tell which cells hold nothing."""
    nothing = np.asarray(pc.fill_null(pc.equal(column.text, ""), True))
    return nothing if column.real is None else nothing & np.isnan(column.real)


def _wide(
    rows: np.ndarray, cells: tuple[dict[int, Column], np.ndarray], shape: Shape, source: Source
) -> tuple[list[_Frame], list[Refusals]]:
    at, good = cells
    index = {key: i for i, key in enumerate(source.series)}
    frames, refusals = [], []
    for place, key in sorted(shape.series.items()):
        values, state = reals.resolve(at[place], source)
        take = np.flatnonzero(good & (state == reals.REAL))
        frames.append(
            {
                "series": np.full(len(take), index[key]),
                "position": take,
                "y": values[take],
                "row": rows[take],
                "column": np.full(len(take), place),
            }
        )
        bad = np.flatnonzero(good & (state == reals.REFUSED))
        refusals += _bad_numbers(at[place], rows, (bad, place), source)
    return frames, refusals


def _long(
    rows: np.ndarray, cells: tuple[dict[int, Column], np.ndarray], shape: Shape, source: Source
) -> tuple[list[_Frame], list[Refusals]]:
    at, good = cells
    key_at, value_at = shape.id or 0, shape.value or 0
    series, names = _ids(at[key_at], source)
    values, state = reals.resolve(at[value_at], source)
    known = good & (series >= 0)
    take = np.flatnonzero(known & (state == reals.REAL))
    frame = {
        "series": series[take],
        "position": take,
        "y": values[take],
        "row": rows[take],
        "column": np.full(len(take), value_at),
    }
    refusals = _bad_numbers(
        at[value_at], rows, (np.flatnonzero(known & (state == reals.REFUSED)), value_at), source
    )
    strange = np.flatnonzero(good & (series == -1))
    if len(strange):
        refusals.append(
            Refusals(
                rows[strange],
                letter(key_at),
                [names[i] for i in strange],
                "an id that the source does not declare",
                [f"declare it under {source.name}.series, or list it under ignore"],
            )
        )
    return [frame], refusals


def _ids(column: Column, source: Source) -> tuple[np.ndarray, list[str]]:
    """Return the index of each cell's series: -1 undeclared, -2 to be ignored."""
    index = {plain(key): i for i, key in enumerate(source.series)}
    index |= {plain(name): -2 for name in source.ignore}
    coded = pc.dictionary_encode(column.text)
    distinct = np.array(
        [index.get(plain(name), -1) for name in coded.dictionary.to_pylist()] + [-1]
    )
    at = np.asarray(pc.fill_null(coded.indices, len(distinct) - 1))
    series = distinct[at]
    shown = shown_cells(column)
    if column.real is not None:
        series = np.array([index.get(plain(name), -1) for name in shown])
    return series, shown


def shown_cells(column: Column) -> list[str]:
    """Return the cells as texts, true numbers with up to 15 digits."""
    text: list[str] = column.text.to_pylist()
    if column.real is None:
        return text
    return [
        f"{real:.15g}" if cell is None else cell
        for cell, real in zip(text, column.real, strict=True)
    ]


def _bad_times(chunk: Chunk, text: pa.StringArray, code: np.ndarray, place: int) -> list[Refusals]:
    refusals = []
    for kind in np.unique(code[code != times.OK]).tolist():
        at = np.flatnonzero(code == kind)
        reason, fix = WHY[kind]
        refusals.append(
            Refusals(
                chunk.rows[at], letter(place), text.take(pa.array(at)).to_pylist(), reason, [fix]
            )
        )
    return refusals


def _bad_numbers(
    column: Column, rows: np.ndarray, where: tuple[np.ndarray, int], source: Source
) -> list[Refusals]:
    bad, place = where
    if not len(bad):
        return []
    part = Column(
        column.text.take(pa.array(bad)), None if column.real is None else column.real[bad]
    )
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    shown = shown_cells(part)
    for i, value in enumerate(shown):
        groups[reals.why(value, source)].append(i)
    return [
        Refusals(rows[bad[found]], letter(place), [shown[i] for i in found], reason, [fix])
        for (reason, fix), found in groups.items()
    ]
