"""From a spreadsheet to the frame that ``quick`` forecasts, and from its forecast to a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from horizonte.errors import DataFault
from horizonte.ingest.declaration import Source
from horizonte.ingest.files import read
from horizonte.ingest.understand import understand
from horizonte.quick import page, words, workbook
from horizonte.quick.chain import Quick

FORMATS = (".xlsx", ".csv", ".parquet")


@dataclass(frozen=True)
class Sheet:
    """A spreadsheet as understood: ``frame`` (unique_id, ds, y, covariates…), refusals, how it was read."""

    frame: pd.DataFrame
    known_future: pd.DataFrame | None
    refused: pd.DataFrame
    source: Source

    def understood(self) -> str:
        """Return in one sentence how the file was read, so that a person can object."""
        said = self.source
        ids = self.frame["unique_id"].unique()
        covariates = [str(c) for c in self.frame if c not in ("unique_id", "ds", "y")]
        extra = f", with {', '.join(covariates)} beside them" if covariates else ""
        return (
            f"Read as a {said.layout} table: time in {' and '.join(said.timestamp)} ({said.times}, {said.zone}), "
            f"decimal mark '{said.decimal}', one value per {said.freq}; forecasting {len(ids)} series "
            f"({', '.join(map(str, ids[:4]))}{', …' if len(ids) > 4 else ''}){extra}."
        )


def settings(texts: Sequence[str]) -> dict[str, Any]:
    """Return ``name=value`` texts as settings of a source; a value is read as YAML."""
    pairs = [text.partition("=") for text in texts]
    for name, mark, _ in pairs:
        if not mark:
            raise DataFault("--set", name, "name=value", "write it as sheet=Plan1")
    try:
        return {name: yaml.safe_load(value) for name, _, value in pairs}
    except yaml.YAMLError as why:
        raise DataFault("--set", str(why)[:200], "YAML", "quote the value") from None


def load(
    path: Path,
    *,
    known_future: Path | None = None,
    targets: Sequence[str] = (),
    hints: Mapping[str, Any],
) -> Sheet:
    """Read ``path`` (CSV or XLSX) with every column understood from its whole content.

    Every column of numbers is a series to forecast, unless ``targets`` names them or the file
    ``known_future`` holds the same column: the others are then covariates. Raises DataFault for
    whatever has two readings, saying which option settles it.
    """
    source = understand(path, dict(hints))
    parsed = read(path, source)
    future = None if known_future is None else _future(known_future, source, hints)
    rows, refused = parsed.rows, parsed.refused
    if source.layout == "long":
        return Sheet(rows, future, refused, source)
    beside = [] if future is None else [str(c) for c in future if c != "ds"]
    return Sheet(_targets(rows, list(targets), beside, path.name), future, refused, source)


def save(path: Path, found: Quick, *, refused: pd.DataFrame, sentences: Sequence[str]) -> None:
    """Write the forecast as .xlsx, .csv or .parquet, by the suffix of ``path``; raise DataFault for others."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise DataFault(
            "--out", path.name, f"a file ending in {', '.join(FORMATS)}", "change the ending"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".xlsx":
        workbook.write(path, found, refused=refused, sentences=sentences)
    elif suffix == ".csv":
        found.forecast.to_csv(path, index=False, date_format="%Y-%m-%dT%H:%M:%SZ")
    else:
        found.forecast.to_parquet(path, index=False)


def report(path: Path, found: Quick, *, refused: pd.DataFrame, sentences: Sequence[str]) -> None:
    """Write the HTML report."""
    page.write(path, found, refused=refused, sentences=sentences)


def sentences(sheet: Sheet, found: Quick) -> list[str]:
    """Return what a person should know, beginning with how the file was read."""
    return [sheet.understood(), *words.sentences(found, refused=len(sheet.refused))]


def _future(path: Path, source: Source, hints: Mapping[str, Any]) -> pd.DataFrame:
    """Return the covariates known ahead as (ds, columns…); they hold for every series."""
    rows = read(path, understand(path, {**hints, "freq": source.freq})).rows
    return _wide(rows)


def _targets(rows: pd.DataFrame, targets: list[str], beside: list[str], name: str) -> pd.DataFrame:
    ids = list(rows["unique_id"].unique())
    unknown = [t for t in targets if t not in ids]
    if unknown:
        raise DataFault(
            "--target", unknown[0], f"one of the columns {ids} of {name}", "correct the name"
        )
    chosen = targets or [i for i in ids if i not in beside]
    rest = [i for i in ids if i not in chosen]
    if not rest:
        return rows
    covariates = _wide(rows[rows["unique_id"].isin(rest)])
    return rows[rows["unique_id"].isin(chosen)].merge(covariates, on="ds", how="left")


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    return (
        rows.pivot(index="ds", columns="unique_id", values="y")
        .rename_axis(columns=None)
        .reset_index()
    )
