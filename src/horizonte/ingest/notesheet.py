"""Annotations in a spreadsheet: its rows as they stand, or a fault when it is no such sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from horizonte.errors import DataFault
from horizonte.ingest import delimited, files, xlsx
from horizonte.ingest.chunk import Chunk, Refusals
from horizonte.ingest.readings import shown_cells
from horizonte.ingest.shape import plain
from horizonte.ingest.sources import Source
from horizonte.ingest.stamps import stamps

COLUMNS = ("unique_id", "starts_at", "ends_at", "kind", "note", "withdrawn", "factor", "offset")
OPTIONAL = ("withdrawn", "factor", "offset")
MAX_ROWS = 10_000
Place = str | int
Bad = tuple[Place, str, str, str]  # place, value, reason, fix


class Note(NamedTuple):
    """One annotation as it was written: times as texts, nothing checked yet."""

    unique_id: object
    starts_at: object
    ends_at: object
    kind: object
    note: object = ""
    withdrawn: object = False
    factor: object = None
    offset: object = None


def read_sheet(path: Path) -> tuple[dict[Place, Note], list[Bad]]:
    """Return the rows of the sheet by their place, and the rows that are malformed.

    Raises DataFault for an unreadable file, a missing or repeated column and more than 10,000
    rows. Blank rows are skipped; other columns are left alone.
    """
    path, bad = Path(path), list[Bad]()

    def refuse(refusals: list[Refusals]) -> None:
        bad.extend(
            (f"{path.name} row {row}", value, refusal.reason, refusal.fixes[0])
            for refusal in refusals
            for row, value in zip(refusal.rows, refusal.values, strict=True)
        )

    rows: dict[Place, Note] = {}
    source, names, chunks = _chunks(path, refuse)
    for chunk in chunks:
        rows |= _rows(path, chunk, source, names)
        if len(rows) > MAX_ROWS:
            allowed = f"a sheet of at most {MAX_ROWS:,} annotations"
            raise DataFault(path.name, "more", allowed, "split the file")
    return rows, bad


def _chunks(
    path: Path, refuse: Callable[[list[Refusals]], None]
) -> tuple[Source, list[str], Iterator[Chunk]]:
    if files.format_of(path) == "xlsx":
        source = _reader(",")
        sheet = xlsx.Sheet(path, source)
        places = _places(sheet.header(path), path)
        return source, list(places), sheet.chunks(list(places.values()))
    source = next((s for s in map(_reader, ",;\t") if _fits(path, s)), _reader(","))
    places = _places(delimited.header(path, source), path)
    chunks = delimited.chunks(path, source, list(places.values()), refuse)
    return source, list(places), chunks


def _fits(path: Path, source: Source) -> bool:
    return len(delimited.header(path, source)) > 1


def _reader(delimiter: str) -> Source:
    settings = {"name": "annotations", "freq": "PT1S", "new_series": 1, "delimiter": delimiter}
    return Source.model_validate(settings)


def _places(names: list[str], path: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in COLUMNS:
        at = [i for i, given in enumerate(names) if plain(given) == name]
        if len(at) > 1 or (not at and name not in OPTIONAL):
            allowed = f"a header with column {name!r} once"
            fix = f"name the columns {', '.join(COLUMNS)} (the last three may be left out)"
            raise DataFault(f"{path.name} row 1", [n for n in names if n][:20], allowed, fix)
        found |= zip([name] * len(at), at, strict=True)
    return found


def _rows(path: Path, chunk: Chunk, source: Source, names: list[str]) -> dict[Place, Note]:
    texts = [
        stamps([column], source).to_pylist() if name.endswith("_at") else shown_cells(column)
        for name, column in zip(names, chunk.columns, strict=True)
    ]
    return {
        f"{path.name} row {row}": Note(**dict(zip(names, cells, strict=True)))
        for row, *cells in zip(chunk.rows.tolist(), *texts, strict=True)
        if any(cells)
    }
