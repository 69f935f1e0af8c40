"""The prepared database: the clean regular grid of every series, kept up as rows come in."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from psycopg import sql

from horizonte import freq
from horizonte.contracts import PREPARED, QUALITY
from horizonte.params import Rules
from horizonte.prepare.clean import affected, clean, clean_between
from horizonte.prepare.grid import PHASE_ROWS, nanoseconds, phase
from horizonte.store import observations, series
from horizonte.store.annotations import EVER
from horizonte.store.annotations import read as read_annotations
from horizonte.store.bulk import INSTANTS, INTEGERS, REALS, copy_in, read_series
from horizonte.store.connection import Connection
from horizonte.store.locks import PREPARE, lock
from horizonte.store.where import Where

_PREPARED = {"ds": INSTANTS, "y": REALS, "y_raw": REALS, "quality": INTEGERS}
_TICK = pd.Timedelta(1, "us")
_WAITING = """SELECT DISTINCT unique_id FROM prepared.stale
    WHERE %s::text[] IS NULL OR unique_id = ANY(%s) ORDER BY 1"""
_TAKE = "DELETE FROM prepared.stale WHERE unique_id = %s RETURNING starts_at, ends_at"
_FIRST = "SELECT DISTINCT ds FROM observation WHERE unique_id = %s ORDER BY ds LIMIT %s"
log = logging.getLogger(__name__)


class Followed(NamedTuple):
    """Rows written or removed per series that was cleaned, and why others could not be."""

    changed: dict[str, int]
    failed: dict[str, str]


def follow(conn: Connection, rules: Rules, ids: Iterable[str] | None = None) -> Followed:
    """Clean again what appends and annotations of ``ids`` (None: of all) have touched since.

    Afterwards the table equals a rebuild. One transaction per series, safe beside other
    followers and appends; what a killed one left is taken up by the next. A series that cannot
    be cleaned is named in the log and in ``failed``, waits for the next call, and stops no
    other.
    """
    wanted = None if ids is None else sorted(set(ids))
    changed, failed = {}, {}
    for (name,) in conn.execute(_WAITING, (wanted, wanted)).fetchall():
        try:
            changed[name] = _follow_one(conn, name, rules)
        except Exception as why:
            if conn.closed:
                raise
            log.exception("prepared: series=%s could not be cleaned", name)
            failed[name] = f"{type(why).__name__}: {why}"
    return Followed(changed, failed)


def rebuild(conn: Connection, rules: Rules, ids: Iterable[str] | None = None) -> int:
    """Clean all observations of ``ids`` (None: of every series); return how many rows changed."""
    changed = 0
    for name in series.read(conn, ids)["unique_id"]:
        with conn.transaction():
            lock(conn, PREPARE, [name])
            conn.execute(_TAKE, (name,))
            changed += _rebuild_one(conn, series.read(conn, [name]), rules)
    return changed


def read(
    conn: Connection,
    ids: Iterable[str] | None = None,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Return PREPARED with start <= ds < end, ordered by key."""
    where = Where(ids, start, end)
    query = sql.SQL("""SELECT unique_id, ds, coalesce(y, 'NaN') AS y,
                              coalesce(y_raw, 'NaN') AS y_raw,
                              array_position(%(names)s::text[], quality) AS quality
                       FROM prepared.observation {} ORDER BY unique_id, ds""").format(
        where.clause()
    )
    params = where.params | {"names": list(QUALITY)}
    frame = read_series(conn, query, params, columns=_PREPARED)
    frame["quality"] = np.array(QUALITY, dtype=object)[frame["quality"].to_numpy("int64") - 1]
    return frame


def _follow_one(conn: Connection, name: str, rules: Rules) -> int:
    with conn.transaction():
        lock(conn, PREPARE, [name])
        taken = conn.execute(_TAKE, (name,)).fetchall()
        if not taken:
            return 0
        touched = pd.DataFrame(taken, columns=["starts_at", "ends_at"])
        touched = touched.apply(pd.to_datetime, utc=True).astype("datetime64[ns, UTC]")
        return _refresh_one(conn, series.read(conn, [name]), rules, touched)


def _refresh_one(
    conn: Connection, declared: pd.DataFrame, rules: Rules, touched: pd.DataFrame
) -> int:
    name, step = declared["unique_id"].iloc[0], freq.step(declared["freq"].iloc[0])
    seen, kept = (_extent(conn, table, name) for table in ("observation", "prepared.observation"))
    if seen is None or kept is None:
        return _rebuild_one(conn, declared, rules)
    grown = pd.DataFrame({"starts_at": [seen[0], kept[1]], "ends_at": [kept[0], seen[1] + _TICK]})
    grown = grown[grown["starts_at"] < grown["ends_at"]]
    stretches = pd.concat([touched, grown]).assign(unique_id=name)
    ranges = affected(stretches, rules=rules, series=declared)
    ranges["starts_at"] = ranges["starts_at"].where(
        lambda at: at > seen[0] - step, seen[0] - step + _TICK
    )
    ranges["ends_at"] = ranges["ends_at"].where(lambda at: at <= seen[1], seen[1] + _TICK)
    ranges = ranges[ranges["starts_at"] < ranges["ends_at"]]
    if ranges.empty:
        return 0
    rows = observations.current(
        conn, [name], ranges["reads_from"].min(), ranges["reads_until"].max()
    )
    on_grid = not ((nanoseconds(rows["ds"]) - kept[0].value) % step.value).any()
    if rows.empty or not (on_grid or _stands(conn, name, step, kept[0])):
        return _rebuild_one(conn, declared, rules)
    ranges["grid"] = kept[0]
    known = read_annotations(conn, EVER, [name])
    cleaned = clean_between(rows, series=declared, rules=rules, ranges=ranges, annotations=known)
    spans = zip(ranges["starts_at"], ranges["ends_at"], strict=True)
    return sum(_write(conn, cleaned, name, *span) for span in spans)


def _stands(conn: Connection, name: str, step: pd.Timedelta, at: pd.Timestamp) -> bool:
    """Say whether the grid of all rows of ``name`` still has a cell that starts ``at``."""
    first = [row[0] for row in conn.execute(_FIRST, (name, PHASE_ROWS)).fetchall()]
    return phase(nanoseconds(pd.Series(first)), step.value) == at.value % step.value


def _rebuild_one(conn: Connection, declared: pd.DataFrame, rules: Rules) -> int:
    name = declared["unique_id"].iloc[0]
    rows = observations.current(conn, [name])
    known = read_annotations(conn, EVER, [name])
    cleaned = clean(rows, series=declared, rules=rules, annotations=known)
    return _write(conn, cleaned, name, None, None)


def _extent(conn: Connection, table: str, name: str) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    query = sql.SQL("SELECT min(ds), max(ds) FROM {} WHERE unique_id = %s")
    row = conn.execute(query.format(sql.Identifier(*table.split("."))), (name,)).fetchone()
    return None if row is None or row[0] is None else (pd.Timestamp(row[0]), pd.Timestamp(row[1]))


def _write(
    conn: Connection,
    cleaned: pd.DataFrame,
    name: str,
    start: pd.Timestamp | None,
    end: pd.Timestamp | None,
) -> int:
    """Make the stored rows of [start, end) those of ``cleaned``; touch only what differs."""
    held = read(conn, [name], start, end)
    inside = (cleaned["ds"] >= (start or cleaned["ds"].min())) & (cleaned["ds"] < (end or EVER))
    wanted = cleaned[inside]
    new = wanted[~_same(wanted, held)]
    gone = held.loc[held["ds"].isin(new["ds"]) | ~held["ds"].isin(wanted["ds"]), "ds"]
    if len(gone):
        conn.execute(
            "DELETE FROM prepared.observation WHERE unique_id = %s AND ds = ANY(%s)",
            (name, gone.tolist()),
        )
    if len(new):
        copy_in(conn, "prepared.observation", PREPARED.to_arrow(new))
    return len(new) + int((~gone.isin(new["ds"])).sum())


def _same(wanted: pd.DataFrame, held: pd.DataFrame) -> pd.Series[bool]:
    beside = wanted[["ds"]].merge(held, "left", "ds").set_axis(wanted.index)
    same = wanted["quality"] == beside["quality"]
    for name in ("y", "y_raw"):
        same &= (wanted[name] == beside[name]) | (wanted[name].isna() & beside[name].isna())
    return same
