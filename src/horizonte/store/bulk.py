"""Frames in and out of PostgreSQL at the speed of its binary protocol.

In: Arrow through pgpq into ``COPY``. Out: one array per series and column; elements have a
fixed width because none is null, so numpy reads them where they lie.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg.rows import dict_row

from horizonte.store.connection import Connection

BATCH_ROWS = 65_536
INSTANT = pa.timestamp("us", tz="UTC")
REALS, INTEGERS, INSTANTS = "float64", "int64", "datetime64[ns, UTC]"
_EPOCH_US = 946_684_800_000_000  # PostgreSQL counts microseconds from 2000-01-01
_HEADER_BYTES = 20  # dimensions, has-null flag, element type, length, lower bound: 5 × int32


def copy_in(conn: Connection, table: str, rows: pa.Table) -> None:
    """Append ``rows`` to ``table`` (``schema.name`` allowed); columns go by name."""
    encoder = ArrowToPostgresBinaryEncoder(rows.schema)
    names = sql.SQL(", ").join(map(sql.Identifier, rows.schema.names))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        sql.Identifier(*table.split(".")), names
    )
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(encoder.write_header())
        for batch in rows.to_batches(BATCH_ROWS):
            copy.write(encoder.write_batch(batch))
        copy.write(encoder.finish())


def read_series(
    conn: Connection,
    query: sql.Composable,
    params: Mapping[str, Any],
    *,
    columns: Mapping[str, str],
) -> pd.DataFrame:
    """Return unique_id and ``columns`` of ``query``, which sorts by unique_id and yields no null.

    ``columns`` maps names to REALS (float8), INTEGERS (int4, int8) or INSTANTS (timestamptz).
    """
    arrays = sql.SQL(", ").join(sql.SQL("array_agg({})").format(sql.Identifier(c)) for c in columns)
    whole = sql.SQL(
        "SELECT unique_id, {} FROM ({}) AS sorted GROUP BY unique_id ORDER BY unique_id"
    )
    with conn.cursor(binary=True) as cursor:
        for oid, loader in _LOADERS.items():
            cursor.adapters.register_loader(oid, loader)
        rows = cursor.execute(whole.format(arrays, query), params).fetchall()
    ids = np.array([row[0] for row in rows], dtype=object)
    frame = {"unique_id": np.repeat(ids, [len(row[1]) for row in rows])}
    for place, column in enumerate(columns, start=1):
        parts = [row[place] for row in rows]
        frame[column] = pd.concat(parts, ignore_index=True) if parts else []
    return pd.DataFrame(frame).astype(dict(columns))


def read_frame(
    conn: Connection, query: str | sql.Composed, params: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Return the rows of a small ``query`` as they come: lists of batches, letters, promotions."""
    with conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(query if isinstance(query, sql.Composed) else query.encode(), params)
        names = [column.name for column in cursor.description or ()]
        return pd.DataFrame(cursor.fetchall(), columns=names)


class _Reals(Loader):
    """A one-dimensional array without nulls, of 8-byte reals."""

    format = Format.BINARY
    wire: ClassVar[str] = ">f8"

    def load(self, data: Buffer) -> pd.Series[Any]:
        """Return the elements as a pandas Series of native byte order."""
        item = np.dtype([("size", ">i4"), ("value", self.wire)])
        values = np.frombuffer(data, item, offset=_HEADER_BYTES)["value"]
        return self.typed(values.astype(values.dtype.newbyteorder("=")))

    def typed(self, values: np.ndarray[Any, Any]) -> pd.Series[Any]:
        """Return ``values`` as this column's pandas type."""
        return pd.Series(values, copy=False)


class _Integers(_Reals):
    wire = ">i4"

    def typed(self, values: np.ndarray[Any, Any]) -> pd.Series[Any]:
        return pd.Series(values.astype("int64"), copy=False)


class _Longs(_Reals):
    wire = ">i8"


class _Instants(_Reals):
    wire = ">i8"

    def typed(self, values: np.ndarray[Any, Any]) -> pd.Series[Any]:
        nanoseconds = (values + _EPOCH_US) * 1000
        return pd.Series(nanoseconds.view("datetime64[ns]"), copy=False).dt.tz_localize("UTC")


_LOADERS: dict[int, type[Loader]] = {1022: _Reals, 1007: _Integers, 1016: _Longs, 1185: _Instants}
