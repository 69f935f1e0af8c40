"""Readings that pages show before cleaning has seen them, in the unit of their series."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from horizonte.prepare.convert import CONVERTED, OWN, Conversion
from horizonte.store import annotations as store
from horizonte.store.connection import Connection

Conversions = Mapping[str, Conversion]


def conversions(conn: Connection, ids: Collection[str] = ()) -> Conversions:
    """Return what notes in force say of the units of ``ids`` (none: of all series), by name."""
    found = store.read(conn, store.EVER, ids or None)
    named = found.loc[found["kind"].isin(CONVERTED), "unique_id"].unique()
    return {str(name): Conversion.of(found, str(name)) for name in named}


def converted(y: float, known: Conversions, *, name: str, at: float) -> float:
    """Return ``y``, read of series ``name`` at an instant (seconds since 1970), in its unit."""
    factor, offset = known[name].at(round(at * 1e6) * 1000) if name in known else OWN
    return factor * y + offset
