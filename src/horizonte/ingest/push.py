"""Readings that a client pushes: each row stored, or refused with its reason and its fix."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from horizonte.ingest import live
from horizonte.ingest.intake import nobody
from horizonte.ingest.live import Accepted, Origin
from horizonte.ingest.messages import NO_FIELD, Columns, Raw
from horizonte.ingest.owners import Owned, declared_ids, owners
from horizonte.ingest.resolve import LONGEST_KEY, typed
from horizonte.ingest.sources import Source
from horizonte.store.connection import Connection
from horizonte.store.locks import APPEND, REGISTER, lock

FIELDS = ("unique_id", "ds", "y")
SHOWN = 200  # characters of a refused row
Why = tuple[str, str]  # reason, fix
_UNKNOWN = "no registered series"
_REGISTER = "declare it in sources.yaml; names are exact"
_GUESSED = 20  # unknown names for which the nearest known one is looked for


class Fate(NamedTuple):
    """What became of one row: accepted, unchanged, corrected or refused (why, and the fix)."""

    outcome: str
    reason: str | None = None
    fix: str | None = None


class Stored(NamedTuple):
    """What one source was given (unique_id, ds), and what became of it: to be counted."""

    source: str
    rows: pd.DataFrame
    accepted: Accepted


class Door(NamedTuple):
    """Where rows come in: its name, when, the declared sources, and the key of the request.

    ``told`` hears what was stored of each source, before it is committed.
    """

    name: str
    now: pd.Timestamp
    sources: Mapping[str, Source]
    key: str | None = None
    told: Callable[[Stored], None] = lambda _: None


def push(conn: Connection, given: Sequence[object], door: Door) -> list[Fate]:
    """Store the rows (mappings of FIELDS) and return their fates in order; all in one transaction.

    Each source reads its own series by its own rules. What is refused is a dead letter too,
    with its index as row. With a key, rows that came before under it change nothing, also after
    a correction; without one an old value that comes again is a new correction, as in a file.
    """
    fates: dict[int, Fate] = {}
    for place, row in enumerate(given):
        if why := _shape(row):
            fates[place] = Fate("refused", *why)
    sound = {place: dict(row) for place, row in enumerate(given) if place not in fates}  # type: ignore[call-overload]
    with conn.transaction():
        known = owners(conn, (row["unique_id"] for row in sound.values()), door.sources)
        lost = [p for p, row in sound.items() if row["unique_id"] not in known]
        meant = _nearest(conn, [sound[place]["unique_id"] for place in lost])
        fates |= {p: Fate("refused", _UNKNOWN, meant[sound[p]["unique_id"]]) for p in lost}
        if fates:
            _refuse(conn, given, fates, door)
        by_source: dict[str, list[int]] = {}
        for place in sorted(sound.keys() - set(lost)):
            by_source.setdefault(known[sound[place]["unique_id"]].source.name, []).append(place)
        _take_turns(conn, known)
        for places in by_source.values():
            owned = known[sound[places[0]]["unique_id"]]
            fates |= _store(conn, {p: sound[p] for p in places}, owned, door)
    return [fates[place] for place in range(len(given))]


def _nearest(conn: Connection, lost: Sequence[str]) -> dict[str, str]:
    """Return a fix for each name that nobody registered."""
    fixes = dict.fromkeys(lost, _REGISTER)
    if fixes:
        found = conn.execute("SELECT unique_id FROM series LIMIT 1000").fetchall()
        for name in list(fixes)[:_GUESSED]:
            near = difflib.get_close_matches(name[:LONGEST_KEY], [n for (n,) in found], n=1)
            fixes[name] = f"did you mean {near[0]}?" if near else _REGISTER
    return fixes


def _take_turns(conn: Connection, known: Mapping[str, Owned]) -> None:
    """Take every lock that the sources need, in one order: no two requests wait for each other."""
    growing = {o.source.name for n, o in known.items() if n not in declared_ids(o.source)}
    lock(conn, REGISTER, sorted(growing))
    lock(conn, APPEND, sorted(known))


def _shape(row: object) -> Why | None:
    """Return why ``row`` is no reading, as far as its form tells; None for one that may be."""
    if not isinstance(row, Mapping):
        return "not an object", 'send {"unique_id": …, "ds": …, "y": …}'
    if strange := sorted(set(row) - set(FIELDS)):
        return f"unknown field {_json(strange[0])[:60]}", f"send {', '.join(FIELDS)} alone"
    name, y = row.get("unique_id"), row.get("y")
    if not isinstance(name, str) or not 0 < len(name) <= 2 * LONGEST_KEY or not name.isprintable():
        return "no name of a series", "send unique_id as GET /series lists it"
    if row.get("ds") is None:
        return "no time", "send ds, the instant at which the interval starts"
    if isinstance(y, str):
        return "text, not a number", "send y as a JSON number"
    return None


def _store(
    conn: Connection, rows: Mapping[int, dict[str, Any]], owned: Owned, door: Door
) -> dict[int, Fate]:
    places = list(rows)
    raws = Columns.of(Raw(r["unique_id"], r.get("y", NO_FIELD), r["ds"]) for r in rows.values())
    arrived = np.full(len(rows), door.now.value, np.int64)
    found = typed(raws, arrived, owned.reader, unit=None)
    at = [places[place] for place in found.rows["place"]]
    keys = [None if door.key is None else _key(door.key, p, rows[p]) for p in at]
    frame = found.rows.assign(delivery_key=pd.Series(keys, dtype=object))
    refused = {places[p]: Fate("refused", reason, fix) for p, _, reason, fix in found.letters}
    letters = _letters(rows, refused)
    origin = Origin("request", door.name, owned.source, door.now)
    done = live.accept(conn, frame, letters, origin=origin)
    door.told(Stored(origin.source.name, frame, done))
    crowd = Fate("refused", live.CROWDED.format(owned.source.name), "declare it in sources.yaml")
    stored = {
        p: crowd if fate == "refused" else Fate(fate)
        for p, fate in zip(at, done.outcome, strict=True)
    }
    return refused | stored


def _refuse(
    conn: Connection, given: Sequence[object], fates: Mapping[int, Fate], door: Door
) -> None:
    letters = _letters(given, fates)
    origin = Origin("request", door.name, nobody(), door.now)
    done = live.accept(conn, _NO_ROWS, letters, origin=origin)
    door.told(Stored(origin.source.name, _NO_ROWS, done))


def _letters(given: Any, fates: Mapping[int, Fate]) -> pd.DataFrame:
    told = [(p, _shown(given[p]), fate.reason, fate.fix) for p, fate in sorted(fates.items())]
    return pd.DataFrame(told, columns=["row", "value", "reason", "fix"])


def _key(key: str, place: int, row: Mapping[str, object]) -> str:
    text = _json([key, place, *(row.get(name) for name in FIELDS)])
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _shown(row: object) -> str:
    return _json(row)[:SHOWN]


def _json(value: object) -> str:
    try:
        return json.dumps(value, default=str)
    except RecursionError:
        return "nested too deeply"


_NO_ROWS = pd.DataFrame(
    {
        "unique_id": [],
        "ds": pd.to_datetime([], utc=True),
        "y": [],
        "stamped": [],
        "delivery_key": [],
    }
)
