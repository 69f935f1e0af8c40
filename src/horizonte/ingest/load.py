"""Load one file into the store: idempotent by content, all or nothing, every refusal kept."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pandas as pd

from horizonte import freq
from horizonte.errors import DataFault
from horizonte.ingest import files
from horizonte.ingest.sources import Source, series_of
from horizonte.store import ledger, observations, series
from horizonte.store.connection import Connection
from horizonte.store.ledger import Batch, Counts

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchResult:
    """What became of a file's readings: ``rows_read`` is the sum of the four counts after it.

    ``touched`` are the ranges (unique_id, starts_at, ends_at) that changed, half open.
    """

    rows_read: int
    accepted: int
    unchanged: int
    corrected: int
    refused: int
    batch_id: int
    sha256: str
    touched: pd.DataFrame = field(repr=False, compare=False)


def ingest(
    conn: Connection, path: Path | str, *, source: Source, now: datetime, again: bool = False
) -> BatchResult:
    """Load the file as ``source`` declares and return what became of its readings.

    Content that this source has loaded before is left alone, unless ``again`` (after a
    correction of the declaration). Each refusal is a dead letter with its place and fix. A
    structural error stores nothing but a refused batch that says why, and raises DataFault.
    ``now`` is the arrival of corrections where the source's clock is ``wall``.
    """
    path = Path(path)
    digest = files.sha256(path)
    try:
        with conn.transaction():
            return _load(conn, path, (source, pd.Timestamp(now)), None if again else digest)
    except DataFault as fault:
        _record(conn, path, (source, digest), fault)
        raise


def _load(
    conn: Connection, path: Path, how: tuple[Source, pd.Timestamp], key: str | None
) -> BatchResult:
    source, now = how
    batch = ledger.open_batch(conn, source=source.name, kind="file", name=path.name, sha256=key)
    if batch.loaded:
        log.info("%s is loaded already as batch %d", path.name, batch.id)
        return _before(conn, batch, key or "")
    parsed = files.read(path, source, now=now)
    step_seconds = freq.step(source.freq).total_seconds()
    ledger.register_source(conn, source.name, clock=source.clock, step_seconds=step_seconds)
    series.register(conn, series_of(source))
    arrival = now if source.clock == "wall" else None
    counts = observations.append(conn, parsed.rows, batch=batch, arrival=arrival)
    counts += Counts(unchanged=parsed.repeated)
    if len(parsed.refused):
        ledger.refuse(conn, batch, parsed.refused)
    ledger.close_batch(conn, batch, counts, refused=parsed.refused_count)
    log.info(
        "%s: %d accepted, %d unchanged, %d corrected, %d refused",
        path.name,
        counts.accepted,
        counts.unchanged,
        counts.corrected,
        parsed.refused_count,
    )
    return BatchResult(
        parsed.rows_read,
        counts.accepted,
        counts.unchanged,
        counts.corrected,
        parsed.refused_count,
        batch.id,
        parsed.sha256,
        counts.touched,
    )


def _before(conn: Connection, batch: Batch, digest: str) -> BatchResult:
    """Return the result of loading again what batch ``batch`` loaded: all of it is unchanged."""
    known = ledger.batches(conn)
    counts = known[known["id"] == batch.id][["rows_read", "refused"]].to_numpy()[0]
    read, refused = int(counts[0]), int(counts[1])
    return BatchResult(read, 0, read - refused, 0, refused, batch.id, digest, Counts().touched)


def _record(conn: Connection, path: Path, what: tuple[Source, str], fault: DataFault) -> None:
    source, digest = what
    with conn.transaction():
        batch = ledger.open_batch(
            conn, source=source.name, kind="file", name=path.name, sha256=digest
        )
        if batch.loaded:
            return
        letter = {
            "file": path.name,
            "value": str(fault.value),
            "reason": f"{fault.thing}: not {fault.allowed}",
            "fix": fault.fix,
        }
        ledger.refuse(conn, batch, pd.DataFrame([letter]))
        ledger.close_batch(conn, batch, Counts(), refused=1, status="refused")
    log.warning("%s refused: %s", path.name, fault)
