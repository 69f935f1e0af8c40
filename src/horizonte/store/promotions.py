"""Which model serves, since when and why: one row per promotion or rollback, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import pandas as pd
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from horizonte.errors import StoreFault
from horizonte.store.bulk import read_frame
from horizonte.store.connection import Connection

CHANNEL = "horizonte_promotion"
REGISTERED = "horizonte_model"  # told of every registered version, by its hash
Kind = Literal["promote", "rollback"]
_LOCK = 4_614_110_870_002


class Moved(StoreFault):
    """The champion is not the one that a move was decided about."""


@dataclass(frozen=True)
class Promotion:
    """One row of the ledger: from ``recorded_at`` on, ``sha256`` is the champion."""

    id: int
    sha256: str
    previous: str | None
    kind: str
    why: str
    promoted_by: str
    evidence: dict[str, Any]
    recorded_at: datetime


def register_model(conn: Connection, sha256: str, *, uri: str, card: Mapping[str, Any]) -> None:
    """Record a published model folder by its content hash; a second time changes nothing.

    Said on channel ``horizonte_model``, so that services make it ready before it is promoted.
    """
    with conn.transaction():
        conn.execute(
            """INSERT INTO model_version (sha256, uri, card) VALUES (%s, %s, %s)
                        ON CONFLICT DO NOTHING""",
            (sha256, uri, Jsonb(dict(card))),
        )
        conn.execute("SELECT pg_notify(%s, %s)", (REGISTERED, sha256))


def candidates(conn: Connection) -> list[str]:
    """Return what may be promoted next: the newest registered version and the previous champion.

    At most two, and never the champion itself.
    """
    found = conn.execute(
        """WITH pointer AS (SELECT sha256, previous FROM promotion ORDER BY id DESC LIMIT 1),
                newest AS (SELECT sha256 FROM model_version ORDER BY recorded_at DESC LIMIT 1)
           SELECT sha256 FROM newest UNION SELECT previous FROM pointer WHERE previous IS NOT NULL
           EXCEPT SELECT sha256 FROM pointer ORDER BY 1"""
    ).fetchall()
    return [version for (version,) in found]


def model_versions(conn: Connection) -> pd.DataFrame:
    """Return every registered model version (sha256, uri, card, recorded_at), oldest first."""
    return read_frame(
        conn,
        "SELECT sha256, uri, card, recorded_at FROM model_version ORDER BY recorded_at, sha256",
    )


def card(conn: Connection, sha256: str) -> dict[str, Any]:
    """Return the card of a registered model version; raise StoreFault for another."""
    row = conn.execute("SELECT card FROM model_version WHERE sha256 = %s", (sha256,)).fetchone()
    if row is None:
        raise StoreFault(
            "model version", sha256, "a registered model", "publish the model folder first"
        )
    return dict(row[0])


def promote(
    conn: Connection,
    sha256: str,
    why: str,
    *,
    by: str,
    evidence: Mapping[str, Any] | None = None,
    kind: Kind = "promote",
    over: str | None = None,
) -> Promotion:
    """Make ``sha256`` the champion, say so on channel ``horizonte_promotion`` and return the row.

    Raises StoreFault when the model was never registered, and Moved when ``over`` is given and is
    not the champion any more: what was decided about one champion holds for no other.
    """
    if not conn.execute("SELECT FROM model_version WHERE sha256 = %s", (sha256,)).fetchall():
        raise StoreFault(
            "model version", sha256, "a registered model", "publish the model folder first"
        )
    with conn.transaction():
        hold(conn)
        _still(conn, over)
        with conn.cursor(row_factory=class_row(Promotion)) as cursor:
            row = cursor.execute(
                """INSERT INTO promotion (sha256, previous, kind, why, promoted_by, evidence)
                    SELECT %s, (SELECT sha256 FROM promotion ORDER BY id DESC LIMIT 1),
                           %s, %s, %s, %s
                    RETURNING *""",
                (sha256, kind, why, by, Jsonb(dict(evidence or {}))),
            ).fetchone()
        conn.execute("SELECT pg_notify(%s, %s)", (CHANNEL, sha256))
    assert row is not None
    return row


def _still(conn: Connection, over: str | None) -> None:
    current = current_promotion(conn)
    if over is not None and (current is None or current.sha256 != over):
        raise Moved(
            "champion",
            current and current.sha256[:12],
            f"{over[:12]}, as it was when this was decided",
            "look at `horizonte models list`, and decide again",
        )


def hold(conn: Connection) -> None:
    """Let nobody else move the pointer until the caller's transaction ends."""
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))


def current_promotion(conn: Connection) -> Promotion | None:
    """Return the promotion in force, or None before the first."""
    with conn.cursor(row_factory=class_row(Promotion)) as cursor:
        return cursor.execute("SELECT * FROM promotion ORDER BY id DESC LIMIT 1").fetchone()


def promotions(conn: Connection) -> pd.DataFrame:
    """Return every promotion and rollback, oldest first."""
    return read_frame(conn, "SELECT * FROM promotion ORDER BY id")
