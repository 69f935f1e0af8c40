"""Which source a series belongs to, and how that source reads it: from sources.yaml or the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from psycopg.rows import dict_row

from horizonte.ingest import live
from horizonte.ingest.resolve import is_new_key
from horizonte.ingest.sources import Channel, Source
from horizonte.store.connection import Connection


@dataclass(frozen=True)
class Owned:
    """The series that one source holds: as it is declared, and as given names are typed by it."""

    source: Source
    reader: Source  # its series are the given unique_ids themselves; no other is read


def declared_ids(source: Source) -> set[str]:
    """Return the unique_ids that ``source`` declares."""
    return {source.unique_id(key) for key in source.series}


def owners(conn: Connection, ids: Iterable[str], sources: Mapping[str, Source]) -> dict[str, Owned]:
    """Return the source of each of ``ids`` that has one, by unique_id; register declared ones.

    A registered series belongs to the source that the store names, one that is not to the
    source that declares it, or whose name and a slash it starts with where new series are
    allowed. A source absent from ``sources`` is read by what the store knows: naive times refused.
    """
    wanted = sorted(set(ids))
    with conn.cursor(row_factory=dict_row) as cursor:
        known = {row["unique_id"]: row for row in cursor.execute(_KNOWN, (wanted,)).fetchall()}
    declared = {s.unique_id(key): s for s in sources.values() for key in s.series}
    by_source: dict[str, dict[str, Channel]] = {}
    for name in wanted:
        source = known[name]["source"] if name in known else _claims(name, declared, sources)
        if source is not None:
            by_source.setdefault(source, {})[name] = _channel(name, known.get(name), declared)
    for source in set(by_source) & set(sources):
        if any(n not in known and n in declared for n in by_source[source]) or (
            source not in {row["source"] for row in known.values() if row["clock"]}
        ):
            live.declare(conn, sources[source])
    return {
        name: owned
        for source, channels in by_source.items()
        for owned in [_owned(source, channels, (sources, known))]
        for name in channels
    }


def _claims(name: str, declared: Mapping[str, Source], sources: Mapping[str, Source]) -> str | None:
    if name in declared:
        return declared[name].name
    owner, _, key = name.partition("/")
    if owner not in sources or not sources[owner].new_series or key in sources[owner].series:
        return None
    return owner if is_new_key(owner, key) else None


def _channel(name: str, row: Mapping[str, Any] | None, declared: Mapping[str, Source]) -> Channel:
    if name in declared:
        source = declared[name]
        key = next(k for k in source.series if source.unique_id(k) == name)
        return source.series[key].model_copy(update={"unique_id": name})
    ahead = pd.Timedelta(hours=row["known_ahead_hours"]) if row else pd.Timedelta(0)
    return Channel(unique_id=name, known_ahead=ahead.isoformat())


def _owned(
    name: str,
    channels: dict[str, Channel],
    where: tuple[Mapping[str, Source], Mapping[str, Mapping[str, Any]]],
) -> Owned:
    sources, known = where
    if name in sources:
        reader = sources[name].model_copy(update={"series": channels, "new_series": 0})
        return Owned(sources[name], reader)
    row = known[next(iter(channels))]
    facts = {
        "name": name,
        "freq": row["freq"],
        "zone": row["zone"],
        "clock": row["clock"] or "recorded",  # the store's own reading of an unknown source
        "publication_lag": pd.Timedelta(seconds=row["publication_lag_seconds"]).isoformat(),
    }
    stored = Source.model_validate({**facts, "series": channels})
    return Owned(stored, stored)


_KNOWN = """SELECT s.*, c.clock FROM series s LEFT JOIN source c ON c.name = s.source
    WHERE unique_id = ANY(%s::text[])"""
