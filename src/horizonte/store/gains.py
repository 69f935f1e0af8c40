"""Did a promotion help? What it gained once actuals came; the last row of a promotion counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from horizonte.store.connection import Connection


@dataclass(frozen=True)
class Gained:
    """One row of the ledger: the gain of a promotion's version over the one before it."""

    id: int
    promotion_id: int
    as_of: datetime
    days: int
    gain: float
    low: float
    high: float
    said: str
    evidence: dict[str, Any]
    recorded_at: datetime


def add(
    conn: Connection,
    promotion_id: int,
    *,
    as_of: pd.Timestamp,
    found: Mapping[str, Any],
    evidence: Mapping[str, Any],
) -> int:
    """Append what was ``found`` (days, gain, low, high, said) of a promotion; return the row's id."""
    facts = {"promotion": promotion_id, "as_of": as_of, "evidence": Jsonb(dict(evidence)), **found}
    row = conn.execute(
        """INSERT INTO gain (promotion_id, as_of, days, gain, low, high, said, evidence)
           VALUES (%(promotion)s, %(as_of)s, %(days)s, %(gain)s, %(low)s, %(high)s, %(said)s,
                   %(evidence)s) RETURNING id""",
        facts,
    ).fetchone()
    assert row is not None
    return int(row[0])


def latest(conn: Connection, promotion_id: int) -> Gained | None:
    """Return what was last found of a promotion, or None before anything was."""
    with conn.cursor(row_factory=class_row(Gained)) as cursor:
        return cursor.execute(
            "SELECT * FROM gain WHERE promotion_id = %s ORDER BY id DESC LIMIT 1", (promotion_id,)
        ).fetchone()


def newest(conn: Connection) -> tuple[str, str] | None:
    """Return the model version that was judged last after its promotion, and what was said."""
    return conn.execute(
        """SELECT p.sha256, g.said FROM gain AS g JOIN promotion AS p ON p.id = g.promotion_id
           ORDER BY g.id DESC LIMIT 1"""
    ).fetchone()


def read(conn: Connection) -> list[Gained]:
    """Return the last row of every promotion that has one, newest promotion first."""
    with conn.cursor(row_factory=class_row(Gained)) as cursor:
        return cursor.execute(
            """SELECT DISTINCT ON (promotion_id) * FROM gain
               ORDER BY promotion_id DESC, id DESC"""
        ).fetchall()
