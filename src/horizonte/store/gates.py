"""Every comparison of a challenger with the champion: who was compared, what was said and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from horizonte.store.connection import Connection


@dataclass(frozen=True)
class Gated:
    """One row of the ledger; ``evidence`` holds every number, ``page`` says where its page lies."""

    id: int
    run_id: int | None
    champion: str
    challenger: str
    passed: bool
    reasons: list[str]
    evidence: dict[str, Any]
    page: str | None
    recorded_at: datetime


def add(
    conn: Connection,
    champion: str,
    challenger: str,
    *,
    passed: bool,
    reasons: Sequence[str],
    evidence: Mapping[str, Any],
    page: str | None = None,
    run_id: int | None = None,
) -> int:
    """Append one comparison, won or lost, and return its id."""
    row = conn.execute(
        """INSERT INTO gate (run_id, champion, challenger, passed, reasons, evidence, page)
           VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id""",
        (run_id, champion, challenger, passed, list(reasons), Jsonb(dict(evidence)), page),
    ).fetchone()
    assert row is not None
    return int(row[0])


def read(conn: Connection, *, limit: int = 100) -> list[Gated]:
    """Return the newest ``limit`` comparisons, newest first."""
    with conn.cursor(row_factory=class_row(Gated)) as cursor:
        return cursor.execute("SELECT * FROM gate ORDER BY id DESC LIMIT %s", (limit,)).fetchall()


def pages(conn: Connection, start: str) -> int:
    """Return how many comparisons have a page whose name begins with ``start``."""
    row = conn.execute("SELECT count(*) FROM gate WHERE starts_with(page, %s)", (start,)).fetchone()
    return 0 if row is None else int(row[0])


def passed(conn: Connection, champion: str, challenger: str) -> bool:
    """Return whether ``challenger`` won its newest comparison with ``champion`` since it serves.

    A comparison from before the promotion in force does not count: a version that was reverted
    needs a new one.
    """
    row = conn.execute(
        """SELECT passed FROM gate WHERE champion = %s AND challenger = %s
               AND recorded_at >= coalesce((SELECT max(recorded_at) FROM promotion), '-infinity')
           ORDER BY id DESC LIMIT 1""",
        (champion, challenger),
    ).fetchone()
    return row is not None and bool(row[0])
