"""Requests to the retraining worker."""

from __future__ import annotations

from typing import Literal

from horizonte.store.connection import Connection


def request(
    conn: Connection,
    action: Literal["retrain", "recalibrate"],
    *,
    why: str,
    by: str,
    verdict_id: int | None,
) -> int:
    """Append a request and return its number."""
    row = conn.execute(
        """INSERT INTO retrain_run (action, why, requested_by, verdict_id)
           VALUES (%s, %s, %s, %s) RETURNING id""",
        (action, why, by, verdict_id),
    ).fetchone()
    assert row is not None
    return int(row[0])
