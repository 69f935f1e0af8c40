"""What has become known of each series, counted, so that a forecast is made anew only then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from horizonte.store import clocks
from horizonte.store.connection import Connection

CHANNEL = "horizonte_reading"  # told, with the rows, of readings, corrections and annotations


def count(conn: Connection, rows: Mapping[str, int]) -> None:
    """Add what was stored of each series; the caller's transaction holds the rows."""
    names = sorted(name for name, new in rows.items() if new)
    if names:
        conn.execute(_COUNT, (names, [rows[name] for name in names]))


def announce(conn: Connection, source: str) -> None:
    """Say, when the transaction commits, that something of ``source`` has become known."""
    conn.execute("SELECT pg_notify(%s, %s)", (CHANNEL, source[:200]))


def read(conn: Connection, targets: Iterable[str]) -> dict[str, int]:
    """Return of each target how often its rows, its covariates' or their annotations changed.

    Read it before what a forecast reads: what comes in between is then forecast again, never
    passed over.
    """
    return dict(conn.execute(_READ, (sorted(set(targets)),)).fetchall())


@dataclass(frozen=True)
class Standing:
    """The newest live vintage of one target: by which model, knowing what, how far it reaches."""

    unique_id: str
    source: str
    freq: str
    model_version: str | None
    as_of: pd.Timestamp | None
    changes: int | None
    last_ds: pd.Timestamp | None


def standings(conn: Connection, targets: Iterable[str]) -> list[Standing]:
    """Return the newest live vintage of each registered target, without its rows."""
    found = conn.execute(_STANDINGS, (sorted(set(targets)),)).fetchall()
    return [
        Standing(name, source, freq, version, _instant(as_of), changes, _instant(last))
        for name, source, freq, version, as_of, changes, last in found
    ]


class Unchanged(NamedTuple):
    """A newest live vintage since which nothing became known, and its series as declared now."""

    run_id: int
    model_version: str
    facts: tuple[str, str, str, str]  # source, freq, unit, zone


def unchanged(conn: Connection, targets: Iterable[str]) -> dict[str, Unchanged]:
    """Return, in one look, each target's newest live vintage if it knows all that is known now."""
    found = conn.execute(_UNCHANGED, (sorted(set(targets)),)).fetchall()
    return {name: Unchanged(run, version, tuple(facts)) for name, run, version, *facts in found}


def _instant(value: object) -> pd.Timestamp | None:
    return None if value is None else pd.Timestamp(value)  # type: ignore[arg-type]


_COUNT = """INSERT INTO series_change AS held
    SELECT * FROM unnest(%s::text[], %s::bigint[]) ON CONFLICT (unique_id)
    DO UPDATE SET changes = held.changes + excluded.changes"""
_COUNTED = """(
        coalesce((SELECT sum(changes) FROM series_change
                  WHERE unique_id = ANY(s.unique_id || s.covariates)), 0)
        + (SELECT count(*) FROM annotation WHERE unique_id = ANY(s.unique_id || s.covariates))
    )::bigint"""
_READ = f"SELECT s.unique_id, {_COUNTED} FROM series AS s WHERE s.unique_id = ANY(%s)"  # noqa: S608 (fixed texts)
_UNCHANGED = f"""SELECT s.unique_id, v.run_id, r.model_version, s.source, s.freq, s.unit, s.zone
    FROM series AS s LEFT JOIN source AS c ON c.name = s.source, LATERAL (
        SELECT run_id, changes FROM vintage WHERE unique_id = s.unique_id AND purpose = 'live'
        ORDER BY issued_at DESC, run_id DESC LIMIT 1) AS v
    JOIN forecast_run AS r ON r.id = v.run_id, LATERAL (
        SELECT max(newest_available_at) AS newest FROM ingest_batch WHERE source = s.source) AS b
    WHERE s.unique_id = ANY(%s) AND v.changes = {_COUNTED} AND r.as_of = {clocks.NOW}"""  # noqa: S608 (fixed texts)
_STANDINGS = """SELECT s.unique_id, s.source, s.freq, r.model_version, r.as_of, v.changes, v.last_ds
    FROM series AS s LEFT JOIN LATERAL (
        SELECT * FROM vintage WHERE unique_id = s.unique_id AND purpose = 'live'
        ORDER BY issued_at DESC, run_id DESC LIMIT 1) AS v ON true
    LEFT JOIN forecast_run AS r ON r.id = v.run_id
    WHERE s.unique_id = ANY(%s) AND s.role = 'target' ORDER BY s.unique_id"""
