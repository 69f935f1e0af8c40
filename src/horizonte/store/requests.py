"""Requests that carry a key are done once: their answer is stored with what they changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import psycopg

from horizonte.errors import DataFault, StoreFault
from horizonte.store.connection import Connection

WAIT_SECONDS = 2  # for another request of the same key, before asking to come back
KEPT_DAYS = 7


class KeyReused(DataFault):
    """An Idempotency-Key that another body was sent with."""


class InProgress(StoreFault):
    """A request of this key is being worked on at this moment."""


class Answer(NamedTuple):
    """The bytes answered, and whether they are those of an earlier request."""

    body: bytes
    replayed: bool


def once(
    conn: Connection, key: str, *, route: str, body: bytes, work: Callable[[], bytes]
) -> Answer:
    """Return what ``work`` answers, done once per ``key`` and ``route`` in one transaction.

    A request seen before is answered as it was then, and changes nothing; one that was killed
    left nothing, and is done now. Of two at once the second waits. Raises KeyReused for another
    body, InProgress when the first takes longer than WAIT_SECONDS. Answers are kept KEPT_DAYS.
    """
    digest = hashlib.sha256(body).hexdigest()
    with conn.transaction():
        if _claimed(conn, (route, key, digest)):
            answer = work()
            conn.execute(
                "UPDATE request_answer SET answer = %s WHERE route = %s AND idempotency_key = %s",
                (answer, route, key),
            )
            conn.execute(_PRUNE, (KEPT_DAYS,))
            return Answer(answer, replayed=False)
        row = conn.execute(
            """SELECT body_sha256, answer FROM request_answer
               WHERE route = %s AND idempotency_key = %s""",
            (route, key),
        ).fetchone()
    if row is None:  # pruned in between
        return once(conn, key, route=route, body=body, work=work)
    if row[0] != digest:
        fix = "make a new key for every new body; resend an old one unchanged"
        raise KeyReused("Idempotency-Key", key, "free: another body was sent with it", fix)
    return Answer(bytes(row[1]), replayed=True)


def _claimed(conn: Connection, row: tuple[str, str, str]) -> bool:
    """Say whether this transaction is the first of its key; wait for one that is not over."""
    conn.execute(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'")
    try:
        made = conn.execute(_CLAIM, row).fetchone()
    except psycopg.errors.LockNotAvailable:
        raise InProgress(
            "Idempotency-Key", row[1], "finished yet", "ask again with the same key and body"
        ) from None
    conn.execute("SET LOCAL lock_timeout = DEFAULT")
    return made is not None


_CLAIM = """INSERT INTO request_answer (route, idempotency_key, body_sha256, answer)
    VALUES (%s, %s, %s, '') ON CONFLICT DO NOTHING RETURNING 1"""
_PRUNE = """DELETE FROM request_answer WHERE (route, idempotency_key) IN (
    SELECT route, idempotency_key FROM request_answer
    WHERE recorded_at < now() - make_interval(days => %s) LIMIT 100 FOR UPDATE SKIP LOCKED)"""
