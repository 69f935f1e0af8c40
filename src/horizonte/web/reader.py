"""The process that reads an uploaded file: what it says, as files that pages show and send.

It runs in the folder of the upload, under limits, by the code of ``horizonte ingest`` and
``horizonte quick``. It reads ``ask.json`` (see ``Asked``) and writes ``told.json``,
``refused.json`` and ``part-N.json``, each the body of one ``POST /observations``.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from horizonte.errors import DataFault, Fault
from horizonte.ingest import workbook
from horizonte.ingest.chunk import letter
from horizonte.ingest.declaration import Source, Zone, slug
from horizonte.ingest.files import Parsed, format_of, read
from horizonte.ingest.readings import shown_cells
from horizonte.ingest.sources import wrong
from horizonte.ingest.understand import table, understand

PART = 5_000  # readings of one request
MOST_READINGS, MOST_SERIES, MOST_COLUMNS = 500_000, 1_000, 200
SHOWN, CELL = 6, 120  # rows and series shown of each kind; characters of a cell
_UNIT = re.compile(r"^(.*\S)\s*[(\[]([^()\[\]]+)[)\]]$")


def main() -> None:
    """Read what ``ask.json`` names and write what it says, or the fault that it is."""
    asked = json.loads(Path("ask.json").read_text(encoding="utf-8"))
    Path("told.json").write_text(json.dumps(told(Path("in") / asked["file"], asked)))


def told(path: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Return what ``path`` says under ``asked`` (hints, values, names, units, source, clock).

    ``fault`` stands there instead of rows where the file has two readings, or none.
    """
    found: dict[str, Any] = {"columns": [], "sheets": [], "settings": dict(asked["hints"])}
    try:
        hints = _hints(path, asked["hints"], found)
        found["columns"] = _columns(path, hints)
        source = declared(understand(path, hints), asked)
        _describe(found, source)
        return found | _rows(path, source)
    except Fault as why:
        given = {"thing": why.thing, "value": why.value, "allowed": why.allowed, "fix": why.fix}
        return found | {"fault": {name: str(value)[:400] for name, value in given.items()}}


def declared(source: Source, asked: dict[str, Any]) -> Source:
    """Return ``source`` with the series, names and units that ``asked`` gives it.

    Names left out are the source's name and the column's in snake case, without its unit.
    """
    name = slug(asked.get("source") or source.name)
    wanted = [*source.series, *(v for v in asked.get("values", ()) if v not in source.series)]
    keys = list(source.series) if source.layout == "long" else wanted
    if len(keys) > MOST_SERIES:
        fix = "declare the source in sources.yaml and use horizonte ingest"
        raise DataFault("series", len(keys), f"at most {MOST_SERIES:,}", fix)
    channels = {key: _channel(key, name, asked) for key in keys}
    others = {*source.ignore, *source.series} - set(keys)
    facts = {"name": name, "series": channels, "ignore": tuple(sorted(others))}
    facts |= {k: asked[k] for k in ("clock", "duplicates") if asked.get(k)}
    try:
        return Source.model_validate(source.model_dump() | facts)
    except ValidationError as why:
        key, value, allowed, fix = wrong(why)
        raise DataFault(key or "series", str(value)[:80], allowed, fix) from None


def _channel(key: str, source: str, asked: dict[str, Any]) -> dict[str, str]:
    plain, unit = parts(key)
    named = asked.get("names", {}).get(key) or f"{source}/{slug(plain) or 'series'}"
    return {"unique_id": named, "unit": asked.get("units", {}).get(key) or unit}


def parts(header: str) -> tuple[str, str]:
    """Return the name and the unit that a header holds: ``Demand (MW)``; a unit of 1 without."""
    found = _UNIT.match(header)
    return (found[1], found[2].strip()) if found else (header, "1")


def encoding(path: Path) -> str | None:
    """Return ``cp1252`` for a text that is not UTF-8, as older Brazilian files are; else None."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as stream:
        start = stream.read(1 << 20)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in start:
            return None
        try:
            while start:
                decoder.decode(start)
                start = stream.read(1 << 20)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return None


def _hints(path: Path, given: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Return what is known before the columns are looked at, and note it in ``found``."""
    kind = format_of(path)
    hints = {"name": slug(path.name.split(".")[0]) or "file", "format": kind, **given}
    found["settings"] = hints
    if "zone" in given:
        _checked(given["zone"])
    if kind == "xlsx":
        found["sheets"] = workbook.sheets(path)
        if "sheet" not in hints and found["sheets"]:
            hints["sheet"] = found["sheets"][0]
    elif "encoding" not in hints and (seen := encoding(path)):
        hints["encoding"] = seen
    return hints


def _checked(zone: str) -> None:
    try:
        TypeAdapter(Zone).validate_python(zone)
    except ValidationError as why:
        raise DataFault("zone", zone, wrong(why)[2], "pass zone, correctly spelt") from None


def _columns(path: Path, hints: dict[str, Any]) -> list[dict[str, Any]]:
    names, chunks, _ = table(path, hints)
    cells: list[list[str]] = [[] for _ in names]
    for chunk in islice(chunks, 1):
        cells = [shown_cells(column)[:SHOWN] for column in chunk.columns]
    return [
        {"letter": letter(i), "name": name, "sample": [c[:CELL] for c in cells[i] if c][:3]}
        for i, name in enumerate(names[:MOST_COLUMNS])
        if name
    ]


def _describe(found: dict[str, Any], source: Source) -> None:
    """Note how the file is read, and which part each column plays."""
    said = source.model_dump(mode="json", exclude={"series", "ignore", "missing", "files"})
    found["settings"] = {**said, "name": source.name}
    roles = dict.fromkeys(source.timestamp[:1], "time") | dict.fromkeys(
        source.timestamp[1:], "clock"
    )
    if source.layout == "long":
        roles |= {source.id: "id", source.value: "value"}
    else:
        roles |= dict.fromkeys(source.series, "value")
    for column in found["columns"]:
        column["role"] = roles.get(column["name"], "ignore")


def _rows(path: Path, source: Source) -> dict[str, Any]:
    """Write the parts and the refused rows, and return what a page shows of them."""
    parsed = read(path, source)
    if len(parsed.rows) > MOST_READINGS:
        fix = "split the file, or use horizonte ingest"
        raise DataFault("file", f"{len(parsed.rows):,} readings", f"{MOST_READINGS:,} at most", fix)
    refused = parsed.refused.astype(object).where(parsed.refused.notna(), None)
    Path("refused.json").write_text(json.dumps(refused.to_dict("records")))
    return {
        "mark": _mark(parsed, source),
        "parts": write_parts(parsed.rows, Path()),
        "rows": len(parsed.rows),
        "repeated": parsed.repeated,
        "refused": parsed.refused_count,
        "series": _series(parsed.rows, source),
        "sample": _sample(parsed.rows, source),
        "newest": None if parsed.rows.empty else _iso(parsed.rows["ds"].max()),
    }


def _mark(parsed: Parsed, source: Source) -> str:
    """Return what stands for this content under this mapping."""
    said = json.dumps([parsed.sha256, source.name, source.model_dump(mode="json"), PART])
    return hashlib.sha256(said.encode()).hexdigest()


def write_parts(rows: pd.DataFrame, folder: Path) -> int:
    """Write the rows as bodies of ``POST /observations``, in their order; return how many."""
    for old in folder.glob("part-*.json"):
        old.unlink()
    texts = rows["ds"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    plain = rows.assign(ds=texts)[["unique_id", "ds", "y"]]
    count = 0
    for start in range(0, len(plain), PART):
        body = {"readings": plain.iloc[start : start + PART].to_dict("records")}
        (folder / f"part-{count}.json").write_text(json.dumps(body))
        count += 1
    return count


def _series(rows: pd.DataFrame, source: Source) -> list[dict[str, Any]]:
    """Return each series: its column or id, name, unit, and what the file has of it."""
    seen = rows.groupby("unique_id", observed=True)["ds"].agg(["size", "min", "max"])
    facts = {str(name): row for name, *row in seen.itertuples()}
    found = []
    for key, channel in source.series.items():
        size, first, last = facts.get(source.unique_id(key), (0, None, None))
        one: dict[str, Any] = {"key": key, "unique_id": source.unique_id(key), "unit": channel.unit}
        found.append(one | {"rows": int(size), "first": _iso(first), "last": _iso(last)})
    return found


def _sample(rows: pd.DataFrame, source: Source) -> dict[str, Any]:
    """Return the first and the last instants as they were read, of the first series."""
    ids = [source.unique_id(key) for key in source.series][:SHOWN]
    wide = rows[rows["unique_id"].isin(ids)].pivot(index="ds", columns="unique_id", values="y")
    ends = wide if len(wide) <= 2 * SHOWN else pd.concat([wide.head(SHOWN), wide.tail(SHOWN)])
    lines = [
        {"ds": _iso(ds), "values": [None if pd.isna(v) else float(v) for v in row]}
        for ds, row in zip(ends.index, ends.reindex(columns=ids).to_numpy(), strict=True)
    ]
    return {"ids": ids, "rows": lines, "whole": len(wide) == len(ends)}


def _iso(at: pd.Timestamp | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"


if __name__ == "__main__":
    main()
