"""What is known of each series: its grid, unit, calendar, role, limits and source."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import pandas as pd
from psycopg import sql
from psycopg.rows import dict_row

from horizonte import freq, names
from horizonte.contracts import SERIES
from horizonte.errors import DataFault, NotFound
from horizonte.store.connection import Connection


def register(conn: Connection, frame: pd.DataFrame) -> None:
    """Insert or update the rows of ``frame`` (SERIES), by unique_id.

    Raises DataFault when ``freq`` of a series that already holds observations changes: their
    ``available_at`` was derived from it; and for a name that reads as an address of another series.
    """
    rows = SERIES.check(frame).astype(object)
    for name in filter(names.taken, rows["unique_id"]):
        raise DataFault("unique_id", name, names.ALLOWED, names.FIX)
    rows["freq"] = [freq.iso(value) for value in rows["freq"]]
    rows = rows.where(rows.notna(), None)
    rows["covariates"] = [list(value) for value in rows["covariates"]]
    with conn.transaction():
        _refuse_new_freq(conn, dict(zip(rows["unique_id"], rows["freq"], strict=True)))
        with conn.cursor() as cursor:
            cursor.executemany(_UPSERT, rows[SERIES.columns].to_numpy().tolist())


def read(
    conn: Connection, ids: Iterable[str] | None = None, *, covariates: bool = False
) -> pd.DataFrame:
    """Return SERIES of ``ids``, or of all, ordered by key; raise NotFound for an unknown one.

    With ``covariates``, also of every covariate of theirs.
    """
    wanted = None if ids is None else sorted(set(ids))
    for name in wanted or ():
        if not name.isprintable():  # the database cannot even be asked
            raise NotFound("series", name, "a registered series", "correct the name")
    found = conn.execute(_READ, {"ids": wanted, "covariates": covariates}).fetchall()
    rows = tuple(tuple(tuple(v) if isinstance(v, list) else v for v in row) for row in found)
    table = _typed(rows).copy()
    needed = {*(wanted or ()), *(c for row in table["covariates"] for c in row if covariates)}
    missing = sorted(needed - set(table["unique_id"]))
    if missing:
        known = [row[0] for row in conn.execute("SELECT unique_id FROM series ORDER BY 1")]
        near = difflib.get_close_matches(missing[0], known, n=3, cutoff=0.3) or known[:3]
        fix = f"did you mean {', '.join(near)}?" if near else "load its source first"
        raise NotFound("series", missing[0], "a registered series", fix)
    return table


def of_sources(conn: Connection, sources: Iterable[str]) -> list[str]:
    """Return the registered series of ``sources``, by name."""
    query = "SELECT unique_id FROM series WHERE source = ANY(%s::text[]) ORDER BY unique_id"
    return [name for (name,) in conn.execute(query, (list(sources),)).fetchall()]


def known(conn: Connection, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return what is on record of those of ``ids`` that are registered, by unique_id."""
    query = "SELECT * FROM series WHERE unique_id = ANY(%s::text[])"
    with conn.cursor(row_factory=dict_row) as cursor:
        return {row["unique_id"]: row for row in cursor.execute(query, (list(ids),)).fetchall()}


@lru_cache(maxsize=64)
def _typed(rows: tuple[tuple[Any, ...], ...]) -> pd.DataFrame:
    """Return rows as SERIES: what every forecast asks again was checked the first time."""
    return SERIES.check(pd.DataFrame(rows, columns=SERIES.columns))


def _refuse_new_freq(conn: Connection, wanted: dict[str, str]) -> None:
    changed = conn.execute(
        """SELECT unique_id, freq, wanted FROM series
           JOIN unnest(%s::text[], %s::text[]) AS new(unique_id, wanted) USING (unique_id)
           WHERE freq <> wanted AND EXISTS (
               SELECT FROM observation o WHERE o.unique_id = series.unique_id) LIMIT 1""",
        (list(wanted), list(wanted.values())),
    ).fetchone()
    if changed:
        raise DataFault(
            f"series {changed[0]}: freq",
            changed[2],
            f"the freq of its rows, {changed[1]}",
            "declare the new grid under a new unique_id",
        )


_NAMES = sql.SQL(", ").join(map(sql.Identifier, SERIES.columns))
_READ = sql.SQL("""SELECT {} FROM series WHERE %(ids)s::text[] IS NULL
        OR unique_id = ANY(%(ids)s) OR (%(covariates)s AND unique_id = ANY(
            SELECT unnest(covariates) FROM series WHERE unique_id = ANY(%(ids)s)))
    ORDER BY unique_id""").format(_NAMES)
_UPSERT = sql.SQL(
    "INSERT INTO series ({}) VALUES ({}) ON CONFLICT (unique_id) DO UPDATE SET {}"
).format(
    _NAMES,
    sql.SQL(", ").join([sql.Placeholder()] * len(SERIES.columns)),
    sql.SQL(", ").join(
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(c)) for c in SERIES.columns[1:]
    ),
)
