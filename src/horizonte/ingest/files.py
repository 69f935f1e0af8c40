"""Read one file as its source declares: rows that may be stored, and every refusal explained."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from horizonte.errors import DataFault
from horizonte.ingest import delimited, normalise, readings, xlsx
from horizonte.ingest.chunk import Chunk, Refusals, letter
from horizonte.ingest.shape import Shape, locate
from horizonte.ingest.sources import Source

if TYPE_CHECKING:
    from horizonte.ingest.load import BatchResult
    from horizonte.store.connection import Connection

REFUSED = ("file", "sheet", "row", "column", "value", "reason", "fix")
MAX_DETAILS = 10_000  # refusals listed for one file; all are counted


@dataclass(frozen=True)
class Parsed:
    """What a file says: ``rows`` (unique_id, ds, y) of one value per instant on the grid.

    ``refused`` has one row per refusal (file, sheet, row from 1, column letter, value, reason,
    fix), at most 10,000 of the ``refused_count``. ``repeated`` readings said the same again, and
    ``rows_read`` counts all three: rows, repeated and refused. Empty cells are no readings.
    """

    rows: pd.DataFrame
    refused: pd.DataFrame
    rows_read: int
    sha256: str
    refused_count: int = 0
    repeated: int = 0


@dataclass
class _Ledger:
    """Refusals of one file, counted all and kept up to MAX_DETAILS."""

    file: str
    sheet: str | None = None
    count: int = 0
    kept: list[dict[str, object]] = field(default_factory=list)

    def add(self, refusals: list[Refusals]) -> None:
        for refusal in refusals:
            self._add(refusal)

    def _add(self, refusals: Refusals) -> None:
        self.count += len(refusals.rows)
        room = MAX_DETAILS - len(self.kept)
        fixes = refusals.fixes * (len(refusals.rows) if len(refusals.fixes) == 1 else 1)
        for row, value, fix in list(zip(refusals.rows, refusals.values, fixes, strict=True))[:room]:
            cells = (
                self.file,
                self.sheet,
                int(row),
                refusals.column,
                value[:200],
                refusals.reason,
                fix,
            )
            self.kept.append(dict(zip(REFUSED, cells, strict=True)))

    def frame(self) -> pd.DataFrame:
        frame = pd.DataFrame(self.kept, columns=list(REFUSED)).astype({"row": "int64"})
        return frame.sort_values("row", kind="stable", ignore_index=True)


def read(path: Path | str, source: Source, *, now: pd.Timestamp | None = None) -> Parsed:
    """Return what the file says under ``source``, without touching any database.

    A reading that cannot be understood is refused by itself; a structural error (unreadable
    file, missing or repeated column, another unit, a bomb) raises DataFault and nothing counts.
    With ``now``, readings from its future are refused where the source's clock is ``wall``.
    """
    path = Path(path)
    digest = sha256(path)
    ledger = _Ledger(path.name)
    names, chunks, ledger.sheet = _open(path, source, ledger)
    place = path.name if ledger.sheet is None else f"{path.name} {ledger.sheet}"
    shape = locate(names, source, place)
    _strangers(names, shape, source, ledger)
    parts = []
    for chunk in chunks(shape):
        part, refusals = readings.of(chunk, shape, source)
        parts.append(part)
        ledger.add(refusals)
    rows = pd.concat(parts, ignore_index=True) if parts else readings.empty()
    if source.clock == "wall" and now is not None:
        rows, refusals = normalise.not_future(rows, source, now)
        ledger.add(refusals)
    return _finish(rows, source, ledger, digest)


def ingest(
    conn: Connection, path: Path | str, *, source: Source, now: datetime, again: bool = False
) -> BatchResult:
    """Load the file into the store: ``load.ingest``, imported only when a store is there."""
    from horizonte.ingest import load

    return load.ingest(conn, path, source=source, now=now, again=again)


def sha256(path: Path) -> str:
    """Return the hex SHA-256 of the file's bytes; raise DataFault when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as why:
        raise DataFault(str(path), str(why.strerror), "a readable file", "check its name") from None


def format_of(path: Path, source: Source | None = None) -> str:
    """Return ``csv`` or ``xlsx``: as declared, else by the suffix, ``.gz`` aside."""
    if source is not None and source.format:
        return source.format
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".xlsx", ".xlsm")) and not path.name.lower().endswith(".gz"):
        return "xlsx"
    if name.endswith((".csv", ".tsv", ".txt")):
        return "csv"
    raise DataFault(
        path.name, path.suffix, "a .csv, .csv.gz or .xlsx file", "convert it, or declare format"
    )


_Chunks = Callable[[Shape], Iterator[Chunk]]


def _open(path: Path, source: Source, ledger: _Ledger) -> tuple[list[str], _Chunks, str | None]:
    if path.stat().st_size == 0:
        raise DataFault(path.name, "an empty file", "a table with a header", "send the file again")
    if format_of(path, source) == "xlsx":
        sheet = xlsx.Sheet(path, source)
        return sheet.header(path), lambda shape: _cells(sheet, shape, path), sheet.name
    names = delimited.header(path, source)
    return names, lambda shape: delimited.chunks(path, source, shape.wanted, ledger.add), None


def _cells(sheet: xlsx.Sheet, shape: Shape, path: Path) -> Iterator[Chunk]:
    sheet.refuse_swapped(shape.times[0], path.name)
    return sheet.chunks(shape.wanted)


def _strangers(names: list[str], shape: Shape, source: Source, ledger: _Ledger) -> None:
    fix = f"declare it under {source.name}.series, or list it under ignore"
    why = "a column that the source does not declare"
    row = np.array([source.header_row])
    ledger.add([Refusals(row, letter(at), [names[at]], why, [fix]) for at in shape.strangers])


def _finish(rows: pd.DataFrame, source: Source, ledger: _Ledger, digest: str) -> Parsed:
    rows, refusals = normalise.on_grid(rows, source)
    ledger.add(refusals)
    rows, refusals, repeated = normalise.once(rows, source)
    ledger.add(refusals)
    ids = np.array([source.unique_id(key) for key in source.series], dtype=object)
    frame = pd.DataFrame(
        {
            "unique_id": ids[rows["series"].to_numpy()],
            "ds": pd.DatetimeIndex(rows["ds"].to_numpy().view("M8[ns]"), tz="UTC"),
            "y": rows["y"].to_numpy(),
        }
    )
    read_count = len(frame) + repeated + ledger.count
    return Parsed(frame, ledger.frame(), read_count, digest, ledger.count, repeated)
