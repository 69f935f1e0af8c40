"""The queue of retrainings: what was asked for, and how far each request has come.

Only rows are added. A request waits until one of its steps is an end, so a worker that was killed
leaves it waiting and the next one takes it up where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import pandas as pd
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from horizonte.errors import DataFault, NotFound
from horizonte.store import seen
from horizonte.store.bulk import read_frame
from horizonte.store.connection import Connection

CHANNEL = "horizonte_retrain"
ENDS = ("promoted", "refused", "failed")
Action = Literal["recalibrate", "retrain"]
Step = Literal[
    "started",
    "pinned",
    "trained",
    "gated",
    "pushed",
    "committed",
    "promoted",
    "refused",
    "failed",
]
TURN = 4_614_110_870_016  # the advisory lock that a worker holds while it is at work


@dataclass(frozen=True)
class Run:
    """One request: what to do, and why."""

    id: int
    action: Action
    why: str
    requested_by: str
    verdict_id: int | None
    recorded_at: datetime


def request(
    conn: Connection, action: Action, *, why: str, by: str, verdict_id: int | None = None
) -> int:
    """Queue a request, say so on channel ``horizonte_retrain`` and return its number.

    Raises DataFault without a reason.
    """
    if not why.strip():
        raise DataFault("why", why, "a reason", "say in a sentence why: the ledger keeps it")
    with conn.transaction():
        row = conn.execute(
            """INSERT INTO retrain_run (action, why, requested_by, verdict_id)
               VALUES (%s, %s, %s, %s) RETURNING id""",
            (action, why, by, verdict_id),
        ).fetchone()
        assert row is not None
        number = int(row[0])
        conn.execute("SELECT pg_notify(%s, %s)", (CHANNEL, str(number)))
    return number


def waiting(conn: Connection) -> Run | None:
    """Return the oldest request without an end, or None."""
    with conn.cursor(row_factory=class_row(Run)) as cursor:
        return cursor.execute(
            """SELECT * FROM retrain_run AS r WHERE NOT EXISTS (
                   SELECT FROM retrain_step WHERE run_id = r.id AND step = ANY(%s))
               ORDER BY id LIMIT 1""",
            (list(ENDS),),
        ).fetchone()


def idle(conn: Connection) -> tuple[Run, datetime] | None:
    """Return the oldest request without an end, and when it was asked for or last came to a step.

    None where a worker is at work.
    """
    run = waiting(conn)
    if run is None or seen.held(conn, TURN):
        return None
    [[at]] = conn.execute(
        "SELECT max(recorded_at) FROM retrain_step WHERE run_id = %s", (run.id,)
    ).fetchall()
    return run, at or run.recorded_at


def whole(conn: Connection, number: int) -> Run:
    """Return request ``number``; raise NotFound."""
    with conn.cursor(row_factory=class_row(Run)) as cursor:
        found = cursor.execute("SELECT * FROM retrain_run WHERE id = %s", (number,)).fetchone()
    if found is None:
        raise NotFound(
            "retraining", number, "a number in the ledger", "see `horizonte retrainings`"
        )
    return found


def record(conn: Connection, run_id: int, step: Step, detail: Mapping[str, Any]) -> None:
    """Append that ``run_id`` has come to ``step``."""
    conn.execute(
        "INSERT INTO retrain_step (run_id, step, detail) VALUES (%s, %s, %s)",
        (run_id, step, Jsonb(dict(detail))),
    )


def done(conn: Connection, run_id: int) -> dict[str, dict[str, Any]]:
    """Return the last detail of every step that ``run_id`` has come to."""
    rows = conn.execute(
        "SELECT step, detail FROM retrain_step WHERE run_id = %s ORDER BY id", (run_id,)
    ).fetchall()
    return dict(rows)


def times(conn: Connection, run_id: int, step: Step) -> int:
    """Return how often ``run_id`` has come to ``step``."""
    row = conn.execute(
        "SELECT count(*) FROM retrain_step WHERE run_id = %s AND step = %s", (run_id, step)
    ).fetchone()
    assert row is not None
    return int(row[0])


def last(conn: Connection) -> Sequence[tuple[str, datetime, str | None]]:
    """Return the last request of each action: (action, when, the step that ended it or None)."""
    return conn.execute(
        """SELECT DISTINCT ON (r.action) r.action, r.recorded_at, s.step
           FROM retrain_run AS r LEFT JOIN LATERAL (
               SELECT step FROM retrain_step WHERE run_id = r.id AND step = ANY(%s)
               ORDER BY id DESC LIMIT 1) AS s ON true
           ORDER BY r.action, r.id DESC""",
        (list(ENDS),),
    ).fetchall()


def last_ended(conn: Connection) -> tuple[int, str] | None:
    """Return the newest request that has ended, and the step that ended it."""
    return conn.execute(
        "SELECT run_id, step FROM retrain_step WHERE step = ANY(%s) ORDER BY id DESC LIMIT 1",
        (list(ENDS),),
    ).fetchone()


def runs(conn: Connection) -> pd.DataFrame:
    """Return every request, newest first, with its newest step (null: none yet) and that detail."""
    return read_frame(
        conn,
        """SELECT r.*, s.step, s.detail, s.recorded_at AS stepped_at FROM retrain_run AS r
           LEFT JOIN LATERAL (SELECT step, detail, recorded_at FROM retrain_step
                              WHERE run_id = r.id ORDER BY id DESC LIMIT 1) AS s ON true
           ORDER BY r.id DESC""",
    )


def steps(conn: Connection, run_id: int) -> pd.DataFrame:
    """Return the steps of ``run_id`` (step, detail, recorded_at), in order."""
    return read_frame(
        conn,
        """SELECT step, detail, recorded_at FROM retrain_step WHERE run_id = %(id)s ORDER BY id""",
        {"id": run_id},
    )


@contextmanager
def turn(conn: Connection) -> Iterator[bool]:
    """Hold the turn of the one worker, if it is free; it ends with the connection at the latest."""
    row = conn.execute("SELECT pg_try_advisory_lock(%s)", (TURN,)).fetchone()
    held = bool(row and row[0])
    try:
        yield held
    finally:
        if held and not conn.closed:
            conn.execute("SELECT pg_advisory_unlock(%s)", (TURN,))
