"""Alarms: a row when one is raised and one when it is cleared; the last of a thing is its state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from psycopg.rows import class_row

from horizonte.store.connection import Connection

_LOCK = 4_614_110_870_021


class Told(Protocol):
    """An alarm that is on: its name, what it concerns, and its sentences."""

    @property
    def name(self) -> str:
        """Return its name."""

    @property
    def thing(self) -> str:
        """Return what it concerns."""

    @property
    def sentence_en(self) -> str:
        """Return the sentence in English."""

    @property
    def sentence_pt(self) -> str:
        """Return the sentence in Portuguese."""


@dataclass(frozen=True)
class Row:
    """One change of an alarm."""

    id: int
    name: str
    thing: str
    state: Literal["raised", "cleared"]
    sentence_en: str
    sentence_pt: str
    recorded_at: datetime


def update(
    conn: Connection, found: Iterable[Told], *, names: Iterable[str], over: Callable[[Told], Told]
) -> list[Row]:
    """Note what has changed: raise what is ``found``, clear what is not; return the new rows.

    Only alarms of ``names`` are cleared: those that were looked at. ``over`` says what is told of one
    that is.
    """
    on = {(a.name, a.thing): a for a in found}
    looked = set(names)
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        known = {(r.name, r.thing): r for r in raised(conn)}
        new = [_add(conn, a, "raised") for key, a in on.items() if key not in known]
        gone = [r for key, r in known.items() if key not in on and r.name in looked]
        return new + [_add(conn, over(r), "cleared") for r in gone]


def raised(conn: Connection) -> list[Row]:
    """Return the alarms that are on, oldest first."""
    with conn.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(_RAISED).fetchall()


def after(conn: Connection, number: int, limit: int = 1000) -> list[Row]:
    """Return the changes after change ``number``, oldest first."""
    with conn.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(
            "SELECT * FROM alarm WHERE id > %s ORDER BY id LIMIT %s", (number, limit)
        ).fetchall()


def newest(conn: Connection) -> int:
    """Return the number of the newest change, 0 before the first."""
    row = conn.execute("SELECT coalesce(max(id), 0) FROM alarm").fetchone()
    return 0 if row is None else int(row[0])


def _add(conn: Connection, told: Told, state: str) -> Row:
    facts = (told.name, told.thing, state, told.sentence_en, told.sentence_pt)
    with conn.cursor(row_factory=class_row(Row)) as cursor:
        row = cursor.execute(_ADD, facts).fetchone()
    assert row is not None
    return row


_RAISED = """SELECT * FROM (
        SELECT DISTINCT ON (name, thing) * FROM alarm ORDER BY name, thing, id DESC) AS last
    WHERE state = 'raised' ORDER BY id"""
_ADD = """INSERT INTO alarm (name, thing, state, sentence_en, sentence_pt)
    VALUES (%s, %s, %s, %s, %s) RETURNING *"""
