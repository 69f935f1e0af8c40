"""What was loaded, what was refused and why, and how far a source's clock has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from horizonte.store import changes
from horizonte.store.bulk import read_frame
from horizonte.store.connection import Connection
from horizonte.store.promotions import (
    CHANNEL,
    Promotion,
    current_promotion,
    model_versions,
    promote,
    promotions,
    register_model,
)
from horizonte.store.refusals import PAYLOAD_BYTES, VALUE_BYTES, bounded, refuse

__all__ = [
    "CHANNEL",
    "PAYLOAD_BYTES",
    "VALUE_BYTES",
    "Batch",
    "Counts",
    "Promotion",
    "batches",
    "bounded",
    "close_batch",
    "current_promotion",
    "dead_letters",
    "model_versions",
    "open_batch",
    "promote",
    "promotions",
    "refuse",
    "register_model",
    "register_source",
    "source_now",
]
_TOUCHED = ("unique_id", "starts_at", "ends_at")


@dataclass(frozen=True)
class Batch:
    """One load; ``loaded`` says that this content of this source is already in: do nothing."""

    id: int
    source: str
    kind: str
    loaded: bool


@dataclass(frozen=True)
class Counts:
    """What became of the rows of an append, and where.

    ``accepted`` counts first versions and ``corrected`` further revisions; with ``unchanged``
    they add up to the rows given. ``touched`` holds stretches (unique_id, starts_at, ends_at),
    half-open.
    """

    accepted: int = 0
    unchanged: int = 0
    corrected: int = 0
    touched: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(_TOUCHED)))

    def __add__(self, other: Counts) -> Counts:
        """Return the counts of both, and the stretches of both."""
        parts = [part for part in (self.touched, other.touched) if len(part)]
        return Counts(
            self.accepted + other.accepted,
            self.unchanged + other.unchanged,
            self.corrected + other.corrected,
            pd.concat(parts, ignore_index=True) if parts else self.touched,
        )


def open_batch(
    conn: Connection,
    *,
    source: str,
    kind: Literal["file", "request", "stream"],
    name: str,
    sha256: str | None,
) -> Batch:
    """Return the batch to load into; its ``loaded`` is true when this content already is in.

    A batch left open by a crash is taken up again: appending is idempotent. Another process
    that is loading the same content in a transaction is waited for.
    """
    row = conn.execute(
        """INSERT INTO ingest_batch (source, kind, name, sha256) VALUES (%s, %s, %s, %s)
           ON CONFLICT DO NOTHING RETURNING id""",
        (source, kind, name, sha256),
    ).fetchone()
    if row is not None:
        return Batch(row[0], source, kind, loaded=False)
    known = conn.execute(
        """SELECT id, status = 'loaded' FROM ingest_batch
                            WHERE source = %s AND sha256 = %s AND status <> 'refused'""",
        (source, sha256),
    ).fetchone()
    if known is None:  # its loader gave it up in between
        return open_batch(conn, source=source, kind=kind, name=name, sha256=sha256)
    return Batch(known[0], source, kind, loaded=known[1])


def close_batch(
    conn: Connection,
    batch: Batch,
    counts: Counts,
    *,
    refused: int = 0,
    status: Literal["loaded", "refused"] = "loaded",
    stamped: int = 0,
) -> None:
    """Write the counts of ``batch`` and whether it was loaded or refused as a whole.

    ``stamped`` counts readings without a time of their own, which carry that of their arrival.

    A batch refused as a whole may be opened again with the same content. Where something became
    known, channel ``horizonte_reading`` is told of the source when the transaction commits.
    """
    read = counts.accepted + counts.unchanged + counts.corrected + refused
    conn.execute(
        """UPDATE ingest_batch SET status = %s, rows_read = %s, accepted = %s, unchanged = %s,
                  corrected = %s, refused = %s, stamped = %s, closed_at = now()
           WHERE id = %s""",
        (
            status,
            read,
            counts.accepted,
            counts.unchanged,
            counts.corrected,
            refused,
            stamped,
            batch.id,
        ),
    )
    if counts.accepted + counts.corrected:
        changes.announce(conn, batch.source)


def batches(conn: Connection) -> pd.DataFrame:
    """Return every batch, oldest first, with its counts."""
    return read_frame(conn, "SELECT * FROM ingest_batch ORDER BY id")


def dead_letters(conn: Connection, batch_id: int) -> pd.DataFrame:
    """Return what batch ``batch_id`` refused, in the order it was met."""
    return read_frame(
        conn,
        "SELECT * FROM dead_letter WHERE ingest_batch_id = %(id)s ORDER BY id",
        {"id": batch_id},
    )


def register_source(conn: Connection, name: str, *, clock: str, step_seconds: float) -> None:
    """Insert or update a source: its clock (``wall`` or ``recorded``) and the step of its grid."""
    conn.execute(
        """INSERT INTO source VALUES (%s, %s, %s) ON CONFLICT (name)
           DO UPDATE SET clock = excluded.clock, step_seconds = excluded.step_seconds""",
        (name, clock, step_seconds),
    )


def source_now(conn: Connection, source: str) -> pd.Timestamp | None:
    """Return the now of a source whose clock is ``recorded``: its newest ``available_at``.

    Values known ahead do not move a clock. None before the first row.
    """
    row = conn.execute(
        """SELECT newest_available_at FROM ingest_batch WHERE source = %s
                          ORDER BY newest_available_at DESC NULLS LAST LIMIT 1""",
        (source,),
    ).fetchone()
    return pd.Timestamp(row[0]).tz_convert("UTC") if row and row[0] else None
