"""Series that a client declares: a source of theirs, by the rules of ``sources.yaml``, in the store."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import pandas as pd
from pydantic import ValidationError

from horizonte.contracts import SERIES
from horizonte.errors import DataFault
from horizonte.ingest import live
from horizonte.ingest.declaration import Source, slug
from horizonte.ingest.sources import series_of, wrong
from horizonte.store import series
from horizonte.store.connection import Connection
from horizonte.store.locks import REGISTER, lock

KEYS = ("name", "freq", "zone", "clock", "publication_lag", "series")  # what the store keeps
MAX_SERIES = 1000
LONGEST_NAME = 60
LONGEST_ID = 200  # as POST /forecast takes them
_SHARED = ("freq", "zone", "publication_lag_seconds")


def declaration(given: Mapping[str, Any]) -> Source:
    """Return what ``given`` (KEYS) declares; raise DataFault naming the key that is wrong."""
    if strange := sorted(set(given) - set(KEYS)):
        near = difflib.get_close_matches(strange[0], KEYS, n=1)
        fix = f"did you mean {near[0]}?" if near else "leave it out"
        raise DataFault(strange[0][:60], "given", f"one of {', '.join(KEYS)}", fix)
    name = given.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or slug(name) != name:
        allowed = f"1 to {LONGEST_NAME} letters, digits and _ in lower case"
        raise DataFault("name", _brief(name), allowed, f"try {slug(str(name)[:60]) or 'plant'}")
    try:
        source = Source.model_validate(dict(given))
    except ValidationError as why:
        key, value, allowed, fix = wrong(why)
        raise DataFault(key or "series", value, allowed, fix) from None
    _bounded(source)
    return source


def register(conn: Connection, source: Source, *, project: Mapping[str, Source]) -> dict[str, str]:
    """Register the series of ``source`` and return by unique_id: ``registered`` or ``unchanged``.

    All of them or none. Raises DataFault for a source or series that ``project`` declares, for a
    series that is registered otherwise, and for what differs between series of one source.
    """
    _refuse_declared(source, project)
    frame = series_of(source)
    with conn.transaction():
        lock(conn, REGISTER, [source.name, *frame["unique_id"]])
        known = series.known(conn, frame["unique_id"])
        for row in frame.to_dict("records"):
            _refuse_other(row, known.get(row["unique_id"]))
        _refuse_mixed(conn, source, frame)
        _refuse_unknown(conn, source)
        new = frame[~frame["unique_id"].isin(known)]
        if len(new):
            live.declare(conn, source)
    return {
        name: "unchanged" if name in known else "registered" for name in frame["unique_id"].tolist()
    }


def _bounded(source: Source) -> None:
    names = [source.unique_id(key) for key in source.series]
    if not 0 < len(names) <= MAX_SERIES:
        raise DataFault("series", len(names), f"1 to {MAX_SERIES:,} series", "split them")
    for name in names:
        if not 0 < len(name) <= LONGEST_ID or not name.isprintable():
            allowed = f"1 to {LONGEST_ID} printable characters"
            raise DataFault("series: unique_id", name[:60], allowed, "give it another id")


def _refuse_declared(source: Source, project: Mapping[str, Source]) -> None:
    if source.name in project:
        fix = "declare its series there, or choose another name"
        raise DataFault("name", source.name, "free: sources.yaml declares it", fix)
    names = {source.unique_id(key) for key in source.series}
    for other in project.values():
        if taken := sorted(names & {other.unique_id(key) for key in other.series}):
            fix = "send its readings as they are, or choose another unique_id"
            raise DataFault("series", taken[0], f"free: source {other.name} declares it", fix)


def _refuse_other(row: Mapping[Any, Any], known: Mapping[str, Any] | None) -> None:
    """Refuse to say of a registered series anything but what is on record."""
    for name in SERIES.columns if known else ():
        was, said = known[name], row[name]  # type: ignore[index]
        if _plain(was) != _plain(said):
            allowed = f"as on record, {_plain(was)!r}"
            fix = "declare it as it is, or under another unique_id"
            raise DataFault(f"series {row['unique_id']}: {name}", _plain(said), allowed, fix)


def _refuse_mixed(conn: Connection, source: Source, frame: pd.DataFrame) -> None:
    """Refuse a clock, grid, zone or lag other than that of the series that the source has."""
    found = conn.execute(_SOURCE, (source.name,)).fetchone()
    if found is None:
        return
    said = (*(frame[name].iloc[0] for name in _SHARED), source.clock)
    for name, was, value in zip((*_SHARED, "clock"), found, said, strict=True):
        if was is not None and was != value:
            allowed = f"that of source {source.name}, {was!r}"
            raise DataFault(name, value, allowed, "declare them under another source's name")


def _refuse_unknown(conn: Connection, source: Source) -> None:
    own = {source.unique_id(key) for key in source.series}
    read = {c for channel in source.series.values() for c in channel.covariates}
    series.read(conn, read - own)


def _plain(value: Any) -> Any:
    """Return a value of a row so that it compares: no NaN, and a list for any array."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float | int):
        return None if value != value else float(value)  # noqa: PLR0124 (not NaN)
    return list(value)


def _brief(value: object) -> str:
    return f"{value!r:.60}"


_SOURCE = """SELECT s.freq, s.zone, s.publication_lag_seconds, c.clock
    FROM series s LEFT JOIN source c ON c.name = s.source WHERE s.source = %s LIMIT 1"""
