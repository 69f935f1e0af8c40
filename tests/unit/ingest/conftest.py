"""Small files and the source that most of them are read by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from horizonte.ingest.files import Parsed, read
from horizonte.ingest.sources import Source


def source(**changes: Any) -> Source:
    """Return an hourly UTC source of columns a and b, with ``changes``."""
    settings = {"name": "s", "freq": "PT1H", "timestamp": "t", "series": {"a": {}, "b": {}}}
    return Source.model_validate({**settings, **changes})


@dataclass(frozen=True)
class Seen:
    """What was read, in plain tuples."""

    all: Parsed

    @property
    def rows(self) -> list[tuple[str, str, float]]:
        """The rows as (unique_id, instant, y)."""
        stamps = self.all.rows["ds"].dt.strftime("%Y-%m-%d %H:%M:%S")
        return list(zip(self.all.rows["unique_id"], stamps, self.all.rows["y"], strict=True))

    @property
    def refused(self) -> list[tuple[Any, ...]]:
        """The refusals as (row, column, value, reason)."""
        frame = self.all.refused[["row", "column", "value", "reason"]]
        return [tuple(line) for line in frame.itertuples(index=False)]


@pytest.fixture(name="source")
def _source() -> Callable[..., Source]:
    """Declare an hourly UTC source of columns a and b, with changes."""
    return source


@pytest.fixture
def csv(tmp_path: Path) -> Callable[..., Seen]:
    """Read text (or bytes) as a CSV file."""

    def run(
        content: str | bytes, name: str = "f.csv", now: str | None = None, **changes: Any
    ) -> Seen:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        instant = None if now is None else pd.Timestamp(now)
        return Seen(read(path, source(**changes), now=instant))

    return run


@pytest.fixture
def xlsx(tmp_path: Path) -> Callable[..., Seen]:
    """Read rows written by openpyxl as an XLSX file; ``edit`` may change workbook and sheet."""

    def run(
        table: list[list[Any]], edit: Callable[[Any, Any], None] | None = None, **changes: Any
    ) -> Seen:
        book = openpyxl.Workbook()
        sheet = book.active
        for line in table:
            sheet.append(line)
        if edit is not None:
            edit(book, sheet)
        book.save(tmp_path / "f.xlsx")
        return Seen(read(tmp_path / "f.xlsx", source(**changes)))

    return run
