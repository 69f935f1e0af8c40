"""What the whole columns of a file say: which hold times, numbers, ids, under which reading."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from horizonte.errors import DataFault
from horizonte.ingest import reals, times
from horizonte.ingest.chunk import Chunk, Column
from horizonte.ingest.declaration import MISSING, Source
from horizonte.ingest.readings import blank_cells, shown_cells
from horizonte.ingest.stamps import stamps

MARKS = ((".", None), (",", None), (".", ","), (",", "."), (".", " "), (",", " "))
MAX_IDS = 100_000
_CLOCK = r"^\d{1,2}[:h]\d{2}(:\d{2})?$"


@dataclass
class Facts:
    """One column: how many of its ``rows`` read as times, clock times, or numbers by mark."""

    place: int
    rows: int = 0
    times: int = 0
    midnights: int = 0
    clocks: int = 0
    reals: list[int] = field(default_factory=lambda: [0] * len(MARKS))
    sums: list[float] = field(default_factory=lambda: [0.0] * len(MARKS))
    sample: str = ""
    first: bool = True
    ids: dict[str, None] = field(default_factory=dict)
    cells: list[Column] = field(default_factory=list)


@dataclass
class Evidence:
    """The facts of each named column, and whether an instant occurs in several rows."""

    columns: dict[str, Facts]
    times_repeat: bool = False


@dataclass(frozen=True)
class Times:
    """The instants of the file and the settings that read them."""

    ds: pd.DatetimeIndex
    settings: dict[str, Any]


def probe(known: dict[str, Any], **more: Any) -> Source:
    """Return a source that only serves to read cells: unchecked, with defaults."""
    defaults = {
        "freq": "PT1S",
        "series": {},
        "times": "local",
        "zone": "UTC",
        "missing": MISSING,
    }
    return Source.model_construct(**{**defaults, **known, **more})


def gather(names: list[str], chunks: Iterable[Chunk], known: dict[str, Any]) -> Evidence:
    """Return the facts of every named column; cells that might be times are kept."""
    columns = {name: Facts(i) for i, name in enumerate(names) if name}
    named = {*known.get("timestamp", ()), known.get("id")}
    for chunk in chunks:
        for facts in columns.values():
            asked = names[facts.place] in named
            _add(facts, chunk.columns[facts.place], known, asked=asked)
    return Evidence(columns)


def instants(seen: Evidence, known: dict[str, Any], file: str) -> Times:
    """Return the file's instants under the only reading that its time columns allow.

    Raises DataFault when day and month can be exchanged, or naive times lack a zone.
    """
    columns = [_column(seen, name, file) for name in known["timestamp"]]
    text = pa.chunked_array(
        [
            stamps(list(part), probe(known))
            for part in zip(*(c.cells for c in columns), strict=True)
        ],
        pa.string(),
    ).combine_chunks()
    order = _order(text, known, file)
    settings = {"day_first": order, **_zone(text, known, order, file)}
    found = times.resolve(text, probe(known, **settings))
    good = pd.DatetimeIndex(found.ds[found.code == times.OK], tz="UTC")
    seen.times_repeat = bool(good.duplicated().mean() > 0.01) if len(good) else False
    return Times(good, settings)


def _column(seen: Evidence, name: str, file: str) -> Facts:
    if name not in seen.columns:
        raise DataFault(f"{file}: timestamp", name, f"one of {list(seen.columns)}", "correct it")
    return seen.columns[name]


def _order(text: pa.StringArray, known: dict[str, Any], file: str) -> bool | None:
    if known.get("day_first") is not None:
        return bool(known["day_first"])
    found = {
        order: times.resolve(text, probe(known, day_first=order)) for order in (None, True, False)
    }
    if not (found[None].code == times.ORDER).any():
        return None
    slashed = np.flatnonzero(found[None].code == times.ORDER)
    first, second = (found[order].code[slashed] == times.OK for order in (True, False))
    if (first & ~second).any() != (second & ~first).any():
        return bool((first & ~second).any())
    raise DataFault(
        f"{file}: times",
        text[int(slashed[0])].as_py(),
        "a date with one reading in this file",
        "pass day_first: true or false",
    )


def _zone(
    text: pa.StringArray, known: dict[str, Any], order: bool | None, file: str
) -> dict[str, Any]:
    if "times" in known:
        return {}
    code = times.resolve(text, probe(known, times="offset", day_first=order)).code
    if not (code == times.NAIVE).any():
        return {"times": "offset"}
    if "zone" in known:
        return {"times": "local"}
    shown = text[int(np.flatnonzero(code == times.NAIVE)[0])].as_py()
    raise DataFault(
        f"{file}: times",
        shown,
        "a time with its offset, or in a known zone",
        "pass zone, such as America/Sao_Paulo, or UTC to take times as they stand",
    )


def _add(facts: Facts, cells: Column, known: dict[str, Any], *, asked: bool) -> None:
    facts.rows += int((~blank_cells(cells)).sum())
    _add_reals(facts, cells, known)
    if asked or max(facts.reals) < facts.rows:
        if facts.first or facts.times or asked:
            _add_times(facts, cells, known)
        _add_ids(facts, cells)
    if asked or facts.times or facts.clocks:
        facts.cells.append(cells)
    facts.first = facts.first and not facts.rows


def _add_times(facts: Facts, cells: Column, known: dict[str, Any]) -> None:
    text = stamps([cells], probe(known))
    walls = {"times": "local", "zone": "UTC"}  # midnight is midnight on the wall
    read = {
        order: times.resolve(text, probe(known, **walls, day_first=order))
        for order in (True, False)
    }
    good = {order: found.code == times.OK for order, found in read.items()}
    best = max(good, key=lambda order: good[order].sum())
    ds = read[best].ds[good[best]]
    facts.times += len(ds)
    facts.midnights += int((ds == ds.astype("M8[D]")).sum())
    facts.clocks += int(pc.sum(pc.match_substring_regex(text, _CLOCK)).as_py() or 0)


def _add_reals(facts: Facts, cells: Column, known: dict[str, Any]) -> None:
    for i, (decimal, thousands) in enumerate(MARKS):
        values, state = reals.resolve(cells, probe(known, decimal=decimal, thousands=thousands))
        facts.reals[i] += int((state != reals.REFUSED).sum()) - int((state == reals.EMPTY).sum())
        facts.sums[i] += float(values[state == reals.REAL].sum())
    if not facts.sample:
        facts.sample = next((c for c in shown_cells(cells) if c), "")


def _add_ids(facts: Facts, cells: Column) -> None:
    if len(facts.ids) < MAX_IDS:
        facts.ids |= dict.fromkeys(c for c in dict.fromkeys(shown_cells(cells)) if c and c != "nan")
