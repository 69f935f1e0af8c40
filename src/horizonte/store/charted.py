"""What a chart of one series shows: readings at a width, and what was said of them before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from psycopg.rows import dict_row

from horizonte.store.browse import Row
from horizonte.store.connection import Connection

AT_ONCE = 5_000  # rows of a download


class Stretch(NamedTuple):
    """A series between two instants, start <= ds < end."""

    unique_id: str
    start: datetime
    end: datetime


def extent(conn: Connection, unique_id: str) -> tuple[datetime, datetime] | None:
    """Return the first and the last ``ds`` of the readings of a series, or None."""
    row = conn.execute(_EXTENT, {"id": unique_id}).fetchone()
    return None if row is None or row[0] is None else (row[0], row[1])


def points(conn: Connection, at: Stretch) -> list[Row]:
    """Return every place of the grid: ds, ``y`` clean, ``raw`` as it came, ``quality``.

    Readings that the clean grid does not reach yet follow, their quality null.
    """
    return _rows(conn, _POINTS, at._asdict())


def buckets(conn: Connection, at: Stretch, width: timedelta) -> list[Row]:
    """Return a row per ``width`` that holds a value: ds of its middle, mean ``y``, ``low``, ``high``.

    ``flagged`` counts the places whose quality is not ok.
    """
    return _rows(conn, _BUCKETS, at._asdict() | {"width": width})


def places(conn: Connection, at: Stretch, width: timedelta) -> list[tuple[float, ...]]:
    """Return a row per ``width``: its start in seconds since 1970, n, sum, lowest, highest, flagged.

    n counts values, flagged the places of the grid whose quality is not ok; without a value the
    sum is 0 and the extremes are null.
    """
    return conn.execute(_PLACES.encode(), at._asdict() | {"width": width}).fetchall()


def changed(conn: Connection, unique_id: str) -> int:
    """Return a number that is another when the clean grid of a series, or what it follows, is."""
    row = conn.execute(_CHANGED, {"id": unique_id}).fetchone()
    return 0 if row is None else int(row[0])


def past(conn: Connection, at: Stretch, *, lead: timedelta, slot: timedelta) -> list[Row]:
    """Return ds, mean, low, high (80 %) as live vintages said it ``lead`` to twice ``lead`` before.

    One vintage a ``slot`` of cutoffs, its first; of several that said an instant, the newest.
    """
    return _rows(
        conn, _PAST, at._asdict() | {"lead": lead, "slot": slot, "reach": max(lead, 2 * slot)}
    )


def said_by(conn: Connection, unique_id: str, at: datetime) -> int | None:
    """Return the run of the newest live vintage of a series that was made from what ``at`` knew."""
    row = conn.execute(_SAID_BY, {"id": unique_id, "at": at}).fetchone()
    return None if row is None else int(row[0])


def download(conn: Connection, at: Stretch) -> Iterator[Row]:
    """Yield the grid with, where there is one, the newest live forecast of each instant, by ``ds``.

    Columns: ds, y, raw, quality, mean, q05, q10, q25, q50, q75, q90, q95. Row by row: a
    transaction stays open meanwhile.
    """
    with conn.transaction(), conn.cursor("download", row_factory=dict_row) as cursor:
        cursor.itersize = AT_ONCE
        cursor.execute(_DOWNLOAD.encode(), at._asdict())
        yield from cursor


def _rows(conn: Connection, query: str, given: dict[str, Any]) -> list[Row]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), given).fetchall()


_EXTENT = """SELECT
    (SELECT ds FROM observation WHERE unique_id = %(id)s ORDER BY ds LIMIT 1),
    (SELECT ds FROM observation WHERE unique_id = %(id)s ORDER BY ds DESC LIMIT 1)"""
_WHOLE = """(SELECT ds, y, y_raw AS raw, quality FROM prepared.observation
        WHERE unique_id = %(unique_id)s AND ds >= %(start)s AND ds < %(end)s
    UNION ALL (SELECT DISTINCT ON (ds) ds, y, y, NULL FROM observation
        WHERE unique_id = %(unique_id)s AND ds >= %(start)s AND ds < %(end)s
          AND ds > coalesce((SELECT max(ds) FROM prepared.observation
                             WHERE unique_id = %(unique_id)s), '-infinity')
        ORDER BY ds, revision DESC)) AS whole"""
_POINTS = f"SELECT * FROM {_WHOLE} ORDER BY ds"  # noqa: S608 (fixed texts)
_BUCKETS = f"""SELECT date_bin(%(width)s, ds, 'epoch') + %(width)s / 2 AS ds, avg(y) AS y,
        min(y) AS low, max(y) AS high, count(*) FILTER (WHERE quality <> 'ok') AS flagged
    FROM {_WHOLE} GROUP BY 1 HAVING count(y) > 0 ORDER BY 1"""  # noqa: S608 (fixed texts)
_PLACES = f"""SELECT extract(epoch FROM date_bin(%(width)s, ds, 'epoch'))::float8, count(y),
        coalesce(sum(y), 0), min(y), max(y), count(*) FILTER (WHERE quality <> 'ok')
    FROM {_WHOLE} GROUP BY 1 ORDER BY 1"""  # noqa: S608 (fixed texts)
_CHANGED = """SELECT coalesce((SELECT changes FROM series_change WHERE unique_id = %(id)s), 0)
    + (SELECT count(*) FROM annotation WHERE unique_id = %(id)s)
    - (SELECT count(*) FROM prepared.stale WHERE unique_id = %(id)s)"""
_PAST = """WITH said AS (
        SELECT DISTINCT ON (date_bin(%(slot)s, cutoff, 'epoch')) run_id, cutoff, first_ds, last_ds
        FROM vintage WHERE unique_id = %(unique_id)s AND purpose = 'live'
          AND last_ds >= %(start)s AND cutoff < %(end)s - %(lead)s
          AND cutoff >= %(start)s - %(lead)s - %(reach)s - %(slot)s
        ORDER BY date_bin(%(slot)s, cutoff, 'epoch'), issued_at, run_id)
    SELECT DISTINCT ON (f.ds) f.ds, f.mean, f.q10 AS low, f.q90 AS high
    FROM said AS s JOIN forecast AS f ON f.unique_id = %(unique_id)s AND f.run_id = s.run_id
        AND f.ds BETWEEN s.first_ds AND s.last_ds
    WHERE f.ds >= %(start)s AND f.ds < %(end)s
      AND f.ds > s.cutoff + %(lead)s AND f.ds <= s.cutoff + %(lead)s + %(reach)s
    ORDER BY f.ds, s.cutoff DESC"""
_SAID_BY = """SELECT v.run_id FROM vintage AS v JOIN forecast_run AS r ON r.id = v.run_id
    WHERE v.unique_id = %(id)s AND v.purpose = 'live' AND r.as_of <= %(at)s
    ORDER BY r.as_of DESC, v.run_id DESC LIMIT 1"""
_DOWNLOAD = f"""SELECT ds, h.y, h.raw, h.quality, mean, q05, q10, q25, q50, q75, q90, q95
    FROM (SELECT * FROM {_WHOLE}) AS h FULL JOIN (
        SELECT DISTINCT ON (f.ds) f.* FROM vintage AS v
        JOIN forecast AS f ON f.unique_id = v.unique_id AND f.run_id = v.run_id
            AND f.ds BETWEEN v.first_ds AND v.last_ds
        WHERE v.unique_id = %(unique_id)s AND v.purpose = 'live'
          AND v.last_ds >= %(start)s AND v.first_ds < %(end)s
          AND f.ds >= %(start)s AND f.ds < %(end)s
        ORDER BY f.ds, v.issued_at DESC, v.run_id DESC) AS said USING (ds)
    ORDER BY ds"""  # noqa: S608 (fixed texts)
