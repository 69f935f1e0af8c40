"""Vintages on record: found while they are fresh, issued when they are not."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

import pandas as pd
from psycopg.errors import LockNotAvailable

from horizonte import __version__
from horizonte.serve import inputs, predict
from horizonte.serve.champion import Champion
from horizonte.serve.inputs import Knowledge
from horizonte.serve.predict import Vintage
from horizonte.serve.present import Told
from horizonte.serve.stored import Entry
from horizonte.serve.suppose import Ahead
from horizonte.store import changes, forecasts, series
from horizonte.store.connection import Connection

LOCK = 4_614_110_870_014
PATIENCE = "10s"
ROWS = "source_rows"  # beside the seconds of a run: how many rows its sources had brought


class Asked(NamedTuple):
    """What a forecast is made from: None is what is known now, and what is on record ahead."""

    as_of: pd.Timestamp | None = None
    ahead: Ahead | None = None

    @property
    def purpose(self) -> forecasts.Purpose:
        """Return what such a forecast is for; only live ones are ever scored."""
        return "what_if" if self.ahead else "live" if self.as_of is None else "replay"


LIVE = Asked()


def fresh(
    conn: Connection, champion: Champion | None, sources: Mapping[str, str]
) -> dict[str, Told]:
    """Return the stored live vintage of each series that a new one would only repeat.

    Fresh means: by the version that answers now, as of now on the clock of its source, and nothing
    became known since of the series, its covariates or their annotations. ``sources`` maps
    unique_id to source.
    """
    with inputs.one_view(conn):
        known = inputs.knowledge(conn, sources.values())
        counted = changes.read(conn, sources)
        found = forecasts.latest(conn, sources)
        rows = rows_seen(conn, [v.run_id for v in found.values()])
        iso = dict(series.read(conn, found)[["unique_id", "freq"]].to_numpy())
    told = {}
    for name, stored in found.items():
        now = known.get(sources[name])
        seen = Knowledge(stored.as_of, rows[stored.run_id])
        same = now is not None and (now.as_of, counted[name]) == (seen.as_of, stored.changes)
        if now is not None and same and stored.model_version == predict.version(champion, name):
            told[name] = Told(_vintage(stored, iso[name], seen), "stored", now.as_of)
    return told


def still_fresh(conn: Connection, champion: Champion | None, entries: Mapping[str, Entry]) -> bool:
    """Return whether each of ``entries``, by unique_id, is what ``fresh`` would find, in one look."""
    found, known = changes.unchanged(conn, entries), set(predict.served(champion))
    trained = champion.version if champion else predict.UNTRAINED

    def same(name: str, held: Entry) -> bool:
        version = trained if name in known else predict.UNTRAINED
        facts = tuple(held.facts[key] for key in ("source", "freq", "unit", "zone"))
        return found.get(name) == (held.vintage.run_id, version, facts)

    return all(same(name, held) for name, held in entries.items())


def compute(
    conn: Connection,
    champion: Champion | None,
    names: Sequence[str],
    *,
    request_id: str | None = None,
    asked: Asked = LIVE,
) -> dict[str, Told]:
    """Forecast ``names`` as ``asked``, store the vintages for its purpose, and return them.

    One process of a database computes live forecasts at a time; what another has stored meanwhile
    is returned as stored, so that nothing is issued twice.
    """
    if asked != LIVE:
        return _compute(conn, champion, names, request_id=request_id, asked=asked)
    with _turn(conn):
        sources = {s.unique_id: s.source for s in changes.standings(conn, names)}
        told = fresh(conn, champion, sources)
        missing = [name for name in names if name not in told]
        if missing:
            told |= _compute(conn, champion, missing, request_id=request_id, asked=asked)
        return told


class Made(NamedTuple):
    """A live forecast that is not stored, and what ``changes.read`` gave before it was made."""

    vintage: Vintage
    changes: int
    source: str


def make(
    conn: Connection, champion: Champion, names: Sequence[str], *, source: str
) -> dict[str, Made]:
    """Forecast ``names``, which are of ``source``, live and store nothing."""
    counted = changes.read(conn, names)
    made = predict.forecast(conn, champion, unique_ids=names, now=database_now(conn))
    return {v.unique_id: Made(v, counted[v.unique_id], source) for v in made}


def holding(conn: Connection, made: Mapping[str, Made]) -> dict[str, Made]:
    """Return those of ``made`` that would be made again just so: nothing became known since."""
    with inputs.one_view(conn):
        known = inputs.knowledge(conn, {one.source for one in made.values()})
        counted = changes.read(conn, made)
    found = {}
    for name, one in made.items():
        now, seen = known.get(one.source), (one.vintage.at.as_of, one.changes)
        if now and (now.as_of, counted.get(name)) == seen:
            found[name] = one._replace(vintage=replace(one.vintage, at=now))
    return found


def take(conn: Connection, champion: Champion, made: Mapping[str, Made]) -> dict[str, Told]:
    """Store those of ``made`` that still hold and are not on record, and return them."""
    with _turn(conn):
        good, known = holding(conn, made), changes.unchanged(conn, made)
        done = {n for n, seen in known.items() if seen.model_version == champion.version}
        now = database_now(conn)
        new = [replace(m.vintage, issued_at=now) for n, m in good.items() if n not in done]
        issue(conn, new, seconds=0.0, counted={n: m.changes for n, m in good.items()})
        return {v.unique_id: Told(v, "computed", v.at.as_of) for v in new}


def _compute(
    conn: Connection,
    champion: Champion | None,
    names: Sequence[str],
    *,
    request_id: str | None,
    asked: Asked,
) -> dict[str, Told]:
    began, counted = time.perf_counter(), changes.read(conn, names)
    made = predict.forecast(
        conn,
        champion,
        unique_ids=names,
        now=database_now(conn),
        as_of=asked.as_of,
        ahead=asked.ahead,
        purpose=asked.purpose,
    )
    seconds = time.perf_counter() - began
    issue(conn, made, seconds=seconds, counted=counted, request_id=request_id)
    return {v.unique_id: Told(v, "computed", v.at.as_of) for v in made}


@contextmanager
def _turn(conn: Connection) -> Iterator[None]:
    """Hold the database's lock of who computes; it ends with the connection at the latest.

    Who holds it too long is not waited for: twice is better than not at all.
    """
    conn.execute("SELECT set_config('lock_timeout', %s, false)", (PATIENCE,))
    try:
        conn.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        held = True
    except LockNotAvailable:
        held = False
    conn.execute("SELECT set_config('lock_timeout', '0', false)")
    try:
        yield
    finally:
        if held and not conn.closed:
            conn.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))


def issue(
    conn: Connection,
    made: Sequence[Vintage],
    *,
    seconds: float,
    counted: Mapping[str, int] | None = None,
    request_id: str | None = None,
) -> list[int]:
    """Store vintages, one run per instant of knowledge, and return the runs' ids.

    ``counted`` is what ``changes.read`` gave before they were made; without it, none is fresh.
    """
    ids = []
    ordered = sorted(made, key=_knowledge)
    with conn.transaction():
        for (as_of, rows), together in groupby(ordered, key=_knowledge):
            part = list(together)
            run = forecasts.Run(
                part[0].purpose,
                part[0].model_version,
                as_of,
                part[0].issued_at,
                cutoffs={v.unique_id: v.cutoff for v in part},
                degraded={v.unique_id: v.degraded for v in part},
                code_revision=__version__,
                request_id=request_id,
                timings={"forecast": round(seconds, 4), ROWS: rows},
                changes=counted or {},
            )
            ids.append(forecasts.issue(conn, run, pd.concat([v.rows for v in part])))
    return ids


def database_now(conn: Connection) -> datetime:
    """Return now on the one clock that every process of an installation shares."""
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    now: datetime = row[0]
    return now


def rows_seen(conn: Connection, runs: Sequence[int]) -> dict[int, int]:
    """Return how many rows the sources of each run had brought, -1 where that is unknown."""
    found = conn.execute(
        "SELECT id, (timings ->> %s)::float8 FROM forecast_run WHERE id = ANY(%s)",
        (ROWS, list(runs)),
    ).fetchall()
    return {run: -1 if rows is None else int(rows) for run, rows in found}


def _vintage(stored: forecasts.Vintage, iso: str, seen: Knowledge) -> Vintage:
    return Vintage(
        stored.unique_id,
        iso,
        stored.model_version,
        "live",
        seen,
        stored.cutoff,
        stored.issued_at,
        stored.degraded,
        stored.rows,
    )


def _knowledge(vintage: Vintage) -> tuple[pd.Timestamp, int]:
    return vintage.at.as_of, vintage.at.rows
