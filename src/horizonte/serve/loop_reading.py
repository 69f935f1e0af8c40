"""What the routes of the loop answer, from the ledger alone."""

from __future__ import annotations

from typing import Any

from horizonte.errors import NotFound
from horizonte.serve import cursors
from horizonte.serve import schemas_loop as loop
from horizonte.store import alarms as raised
from horizonte.store import browse_loop, retrainings
from horizonte.store.browse import Row
from horizonte.store.connection import Connection


def ask(conn: Connection, asked: loop.RetrainRequest, by: str) -> loop.Retraining:
    """Queue a request to the worker and return it."""
    number = retrainings.request(conn, asked.action, why=asked.why, by=by)
    return one(conn, number)


def page(conn: Connection, asked: loop.PageAsked) -> loop.RetrainingsPage:
    """Return a page of requests, newest first."""
    before = cursors.read(asked.cursor, cursors.whole)
    found = browse_loop.retrainings(conn, before=before, limit=asked.limit + 1)
    rows, further = cursors.page(found, asked.limit, lambda row: row["id"])
    entries = [loop.Retraining(**_request(row)) for row in rows]
    return loop.RetrainingsPage(retrainings=entries, next=further)


def one(conn: Connection, number: int) -> loop.RetrainingWhole:
    """Return one request with its steps; raise NotFound."""
    row = browse_loop.retraining(conn, number)
    if row is None:
        raise _unknown("retraining", number, "/retrainings")
    steps = [loop.RetrainStep(**step) for step in row["steps"]]
    return loop.RetrainingWhole(**_request(row) | {"steps": steps})


def verdicts(conn: Connection, asked: loop.PageAsked) -> loop.VerdictsPage:
    """Return a page of verdicts, newest first."""
    before = cursors.read(asked.cursor, cursors.whole)
    found = browse_loop.verdicts(conn, before=before, limit=asked.limit + 1)
    rows, further = cursors.page(found, asked.limit, lambda row: row["id"])
    entries = [loop.VerdictEntry(verdict_id=row["id"], **row) for row in rows]
    return loop.VerdictsPage(verdicts=entries, next=further)


def verdict(conn: Connection, number: int) -> loop.Verdict:
    """Return one verdict with all that it was made from; raise NotFound."""
    row = browse_loop.verdict(conn, number)
    if row is None:
        raise _unknown("verdict", number, "/verdicts")
    return loop.Verdict(verdict_id=row["id"], **row)


def alarms(conn: Connection) -> loop.AlarmList:
    """Return the alarms that are raised now, newest first."""
    found = [vars(row) for row in reversed(raised.raised(conn))]
    return loop.AlarmList(alarms=[loop.Alarm(raised_at=row["recorded_at"], **row) for row in found])


def _request(row: Row) -> dict[str, Any]:
    return row | {"run_id": row["id"], "requested_at": row["recorded_at"]}


def _unknown(what: str, number: int, where: str) -> NotFound:
    return NotFound(what, number, "a number in the ledger", f"see GET {where} for what there is")
