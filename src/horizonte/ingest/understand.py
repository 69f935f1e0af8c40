"""Understand a file that nobody declared: from its whole columns, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from horizonte import freq as grids
from horizonte.errors import ConfigFault, DataFault
from horizonte.ingest import delimited, dialect, evidence, xlsx
from horizonte.ingest.chunk import Chunk, Refusals, letter
from horizonte.ingest.declaration import Source, slug
from horizonte.ingest.evidence import Evidence
from horizonte.ingest.files import format_of

MOSTLY = 0.9  # of a column's cells must read as times, or as numbers, to make it one
_Hints = dict[str, Any]


def understand(path: Path | str, hints: _Hints | None = None) -> Source:
    """Return how to read ``path``: layout, columns, decimal mark, date order, grid.

    ``hints`` are settings of a Source that are known, such as ``zone`` or ``day_first``. What
    the whole columns leave open (a date or number with two readings, naive times without a
    zone, several value columns) raises DataFault, whose ``fix`` says which setting to pass.
    """
    path = Path(path)
    known = dict(hints or {})
    if unknown := sorted(set(known) - set(Source.model_fields)):
        raise ConfigFault(
            "option", unknown[0], f"one of {sorted(Source.model_fields)}", "correct its name"
        )
    known = {"name": slug(path.name.split(".")[0]) or "file", **known}
    known |= {k: (known[k],) for k in ("timestamp",) if isinstance(known.get(k), str)}
    names, chunks, known = table(path, known)
    seen = evidence.gather(names, chunks, known)
    return _decide(path, seen, known)


def table(path: Path, known: _Hints) -> tuple[list[str], Iterator[Chunk], _Hints]:
    """Return the column names of ``path``, its chunks, and ``known`` with its dialect added."""
    if (known.get("format") or format_of(path)) == "xlsx":
        book = xlsx.Sheet(path, evidence.probe(known))
        if "header_row" not in known:
            known = {**known, "header_row": dialect.header_row(book.first(dialect.ROWS), path.name)}
        book.start(known["header_row"])
        names = book.header(path)
        return names, book.chunks(list(range(len(names)))), known
    if "delimiter" not in known:
        known = {**known, "delimiter": dialect.delimiter(path, evidence.probe(known))}
    if "header_row" not in known:
        rows, _ = delimited.preamble(path, evidence.probe(known), dialect.ROWS)
        known = {**known, "header_row": dialect.header_row(rows, path.name)}
    names = delimited.header(path, evidence.probe(known))
    wanted = list(range(len(names)))
    return names, delimited.chunks(path, evidence.probe(known), wanted, _ignore), known


def _ignore(refusals: list[Refusals]) -> None:
    """Let malformed rows pass: ``read`` will report them."""


def _decide(path: Path, seen: Evidence, known: _Hints) -> Source:
    known = {"timestamp": _time_columns(path, seen), **known}
    times = evidence.instants(seen, known, path.name)
    known = {**times.settings, **known}
    known = {**_marks(path, seen, known), **known}
    known = {**_layout(path, seen, known), **known}
    known.setdefault("freq", _freq(path, times.ds))
    try:
        return Source.model_validate(known)
    except ValidationError as why:
        first = why.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or path.name
        raise ConfigFault(place, str(first["input"])[:80], first["msg"], "correct it") from None


def _time_columns(path: Path, seen: Evidence) -> tuple[str, ...]:
    times = [name for name, c in seen.columns.items() if c.rows and c.times >= MOSTLY * c.rows]
    if not times:
        shown = ", ".join(f"{letter(c.place)} {n!r}" for n, c in list(seen.columns.items())[:8])
        raise DataFault(f"{path.name}: columns", shown, "times in one column", "pass timestamp")
    clocks = [n for n, c in seen.columns.items() if c.rows and c.clocks >= MOSTLY * c.rows]
    dated = seen.columns[times[0]].midnights == seen.columns[times[0]].times
    return (times[0], clocks[0]) if clocks and dated else (times[0],)


def _marks(path: Path, seen: Evidence, known: _Hints) -> _Hints:
    """Return decimal and thousands: the only marks, or equal ones, that read every number."""
    if "decimal" in known:
        return {}
    columns = [c for n, c in seen.columns.items() if n not in known["timestamp"]]
    numeric = [c for c in columns if c.rows and max(c.reals) >= MOSTLY * c.rows]
    total = [sum(c.reals[i] for c in numeric) for i in range(len(evidence.MARKS))]
    best = [i for i, n in enumerate(total) if n == max(total)]
    if any(c.sums[i] != c.sums[best[0]] for c in numeric for i in best):
        bad = next(c for c in numeric if len({c.sums[i] for i in best}) > 1)
        raise DataFault(
            f"{path.name} column {letter(bad.place)}",
            bad.sample,
            "a number with one reading: its mark may be decimal or thousands",
            'pass decimal "." or ",", and thousands where there are',
        )
    decimal, thousands = evidence.MARKS[best[0]]
    return {"decimal": decimal, "thousands": thousands}


def _layout(path: Path, seen: Evidence, known: _Hints) -> _Hints:
    used = {*known["timestamp"], *known.get("ignore", ())}
    rest = {n: c for n, c in seen.columns.items() if n not in used and c.rows}
    numeric = [n for n, c in rest.items() if max(c.reals) >= MOSTLY * c.rows]
    words = [n for n in rest if n not in numeric]
    if known.get("layout") == "long" or "id" in known or (seen.times_repeat and words):
        return _long(path, seen, known, (words, numeric))
    if not numeric:
        raise DataFault(f"{path.name}: columns", words, "a column of numbers", "check decimal")
    if seen.times_repeat and known.get("layout") != "wide":
        raise DataFault(
            f"{path.name}: times", "repeated", "once each, or with an id column", "pass id"
        )
    names = [n for n in numeric if n not in known.get("ignore", ())]
    channels = {name: {"unique_id": name} for name in names}
    others = tuple(n for n in seen.columns if n not in channels and n not in known["timestamp"])
    return {"layout": "wide", "series": channels, "ignore": others}


def _long(path: Path, seen: Evidence, known: _Hints, kinds: tuple[list[str], list[str]]) -> _Hints:
    words, numeric = kinds
    ids = [known["id"]] if "id" in known else words
    values = [known["value"]] if "value" in known else [n for n in numeric if n not in ids]
    for option, found in (("id", ids), ("value", values)):
        if len(found) != 1:
            raise DataFault(
                f"{path.name}: columns", found, f"one {option} column", f"pass {option}"
            )
    column = seen.columns.get(ids[0])
    if column is None:
        raise DataFault(f"{path.name}: id", ids[0], f"one of {list(seen.columns)}", "correct id")
    keys = {key: {"unique_id": key} for key in column.ids}
    return {"layout": "long", "id": ids[0], "value": values[0], "series": keys}


def _freq(path: Path, ds: pd.DatetimeIndex) -> str:
    """Return the commonest step between the file's instants, if it carries most of them."""
    distinct = ds.unique().sort_values()
    gaps = pd.Series(distinct[1:] - distinct[:-1])
    fix = "pass freq, such as PT1H; months have no fixed step"
    if gaps.empty:
        raise DataFault(f"{path.name}: times", len(distinct), "two instants or more", fix)
    step = gaps.mode()[0]
    on_grid = float((gaps.to_numpy().astype(int) % step.value == 0).mean())
    usual = float((gaps == step).mean())
    if on_grid < MOSTLY or usual < 0.5 or not grids.MIN_STEP <= step <= grids.MAX_STEP:
        raise DataFault(f"{path.name}: steps", str(step), "one step that most times keep", fix)
    return grids.iso(step)
