"""Readings as they come in, committed: rows, corrections and dead letters in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from horizonte import freq
from horizonte.ingest.sources import Source, series_of
from horizonte.store import ledger, observations, series
from horizonte.store.connection import Connection, atomic
from horizonte.store.ledger import Counts
from horizonte.store.locks import REGISTER, lock

CROWDED = "more new series than source {} may register"


@dataclass(frozen=True)
class Origin:
    """Where readings came from: a stream or request by name, the source, and when they arrived.

    ``messages`` (topic, payload, arrival in ns) are those that ``at`` of the rows counts.
    """

    kind: Literal["stream", "request"]
    name: str
    source: Source
    arrived: pd.Timestamp
    messages: Sequence[tuple[str, bytes, int]] = ()


@dataclass(frozen=True)
class Accepted:
    """What became of readings: ``outcome`` by the index of the rows given, and the counts.

    ``outcome`` says accepted, unchanged, corrected or refused; empty where nobody asked.
    """

    batch_id: int
    counts: Counts
    refused: int
    outcome: pd.Series[str] = field(repr=False)

    def __add__(self, other: Accepted) -> Accepted:
        """Return the sums of both, under the later batch."""
        return Accepted(
            other.batch_id,
            self.counts + other.counts,
            self.refused + other.refused,
            pd.concat([self.outcome, other.outcome], ignore_index=True),
        )


def accept(
    conn: Connection,
    rows: pd.DataFrame,
    letters: pd.DataFrame,
    *,
    origin: Origin,
    each: bool = True,
) -> Accepted:
    """Store ``rows`` (unique_id, ds, y, stamped, delivery_key) in their order, and ``letters``.

    One transaction: after it all of them are there, before it none. A delivery that was seen
    before changes nothing; another value for an instant is a correction, also within ``rows``.
    Series that the source does not declare are registered while it allows more, and refused
    beyond. ``letters`` are as ``ledger.refuse`` takes them. What became of ``each`` row costs a
    look at all of them.
    """
    source = origin.source
    with atomic(conn):
        batch = ledger.open_batch(
            conn, source=source.name, kind=origin.kind, name=origin.name, sha256=None
        )
        crowded = _register(conn, rows, source)
        lost = rows[rows["unique_id"].isin(crowded)] if crowded else rows[:0]
        kept = rows.drop(lost.index) if crowded else rows
        arrival = origin.arrived if source.clock == "wall" else None
        counts, fates = Counts(), []
        for turn in (turns := _turns(kept)):
            if each:
                some, fate = observations.append_each(conn, turn, batch=batch, arrival=arrival)
                fates.append(fate)
            else:
                some = observations.append(conn, turn, batch=batch, arrival=arrival)
            counts += some
        # The rest of what is kept is the same delivery twice in one batch.
        counts += Counts(unchanged=len(kept) - sum(map(len, turns)))
        outcome = _outcome(rows, lost, fates) if each else _UNASKED
        refused = letters
        if len(lost):
            parts = [part for part in (letters, _crowded(lost, origin)) if len(part)]
            refused = pd.concat(parts, ignore_index=True)
        told = ledger.refuse(conn, batch, refused) if len(refused) else 0
        counts += Counts(unchanged=len(refused) - told)  # of messages that came before
        stamped = int(kept["stamped"].sum())
        ledger.close_batch(conn, batch, counts, refused=told, stamped=stamped)
    return Accepted(batch.id, counts, told, outcome)


def declare(conn: Connection, source: Source) -> None:
    """Register ``source`` and its declared series: once, before its first readings."""
    with conn.transaction():
        step_seconds = freq.step(source.freq).total_seconds()
        ledger.register_source(conn, source.name, clock=source.clock, step_seconds=step_seconds)
        if source.series:
            series.register(conn, series_of(source))


def _turns(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Split ``rows`` so that no part holds an instant twice; a repeated delivery drops out."""
    key = ["unique_id", "ds"]
    if not rows.duplicated(key).any():
        return [rows] if len(rows) else []
    rows = rows[~rows.duplicated([*key, "delivery_key"]) | rows["delivery_key"].isna()]
    turn = rows.groupby(key, sort=False).cumcount()
    return [rows[turn == n] for n in range(int(turn.max()) + 1)]


def _register(conn: Connection, rows: pd.DataFrame, source: Source) -> set[str]:
    """Register what is new among ``rows``; return the series that there is no room for."""
    declared = {source.unique_id(key) for key in source.series}
    given = [name for name in rows["unique_id"].unique().tolist() if name not in declared]
    if not given:
        return set()
    if _known(conn, source).issuperset(given):
        return set()
    lock(conn, REGISTER, [source.name])
    known = _known(conn, source)
    new = [name for name in given if name not in known]
    room = max(0, source.new_series - len(known - declared))
    if new[:room]:
        series.register(conn, series_of(source, new=new[:room]))
    return set(new[room:])


def _known(conn: Connection, source: Source) -> set[str]:
    query = "SELECT unique_id FROM series WHERE source = %s"
    return {row[0] for row in conn.execute(query, (source.name,)).fetchall()}


def _outcome(rows: pd.DataFrame, lost: pd.DataFrame, fates: list[pd.Series[str]]) -> pd.Series[str]:
    outcome = pd.Series("unchanged", index=rows.index, dtype=object)
    outcome[lost.index] = "refused"
    for fate in fates:
        outcome[fate.index] = fate
    return outcome


def _crowded(lost: pd.DataFrame, origin: Origin) -> pd.DataFrame:
    source = origin.source
    letters = pd.DataFrame(
        {
            "value": lost["unique_id"],
            "reason": CROWDED.format(f"{source.name} ({source.new_series})"),
            "fix": "declare them, or raise new_series",
        }
    )
    if not origin.messages or lost.empty:
        return letters
    topics, payloads, arrived = zip(*(origin.messages[at] for at in lost["at"]), strict=True)
    when = pd.to_datetime(list(arrived), unit="ns", utc=True)
    return letters.assign(topic=topics, payload=payloads, arrived_at=when)


_UNASKED: pd.Series[str] = pd.Series(dtype=object)
