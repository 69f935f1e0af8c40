"""How rows get into ``observation``: straight where nothing is stored, compared where it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
from psycopg import sql

from horizonte.errors import DataFault
from horizonte.store import changes
from horizonte.store.bulk import INSTANT, INSTANTS, INTEGERS, REALS, copy_in, read_series
from horizonte.store.connection import Connection, atomic
from horizonte.store.incoming import ready
from horizonte.store.ledger import Batch, Counts, source_now
from horizonte.store.locks import APPEND, lock

PROBED_ROWS = 20_000  # up to here rows are looked up one by one; beyond, whole ranges are read
APART = pd.Timedelta("P7D")  # touched rows further apart make stretches of their own
_STORED = {
    "ds": INSTANTS,
    "revision": INTEGERS,
    "stored": REALS,
    "stored_at": INSTANTS,
    "ingest_batch_id": INTEGERS,
}
_TYPES = {
    "ds": INSTANT,
    "revision": pa.int32(),
    "y": pa.float64(),
    "available_at": INSTANT,
    "delivery_key": pa.string(),
}
_EPOCH = pd.Timestamp(0, tz="UTC")


def append(
    conn: Connection, rows: pd.DataFrame, *, batch: Batch, arrival: pd.Timestamp | None
) -> tuple[Counts, pd.DataFrame]:
    """Store ``rows`` and return the counts, and what was stored (unique_id, ds, revision, …)."""
    if not len(rows):
        return Counts(), _NOTHING
    frame, repeats = ready(conn, rows)
    with atomic(conn):
        lock(conn, APPEND, frame["unique_id"].cat.categories)
        when = _advance(conn, batch, frame, arrival)
        inside = _inside_stored(conn, frame)
        new = (frame[~inside] if inside.any() else frame).assign(revision=0)
        if inside.any():
            new = pd.concat([new, _changed(conn, frame[inside], batch, when)]).sort_index()
        copy_in(conn, "observation", _arrow(new, batch))
        if "delivery_key" in frame and len(new) < len(rows):
            _remember(conn, pd.concat([frame.drop(new.index), repeats]))
        counts = _counts(new, len(rows))
        mark_stale(conn, counts.touched)
        changes.count(conn, {str(k): int(n) for k, n in new["unique_id"].value_counts().items()})
    return counts, new


def mark_stale(conn: Connection, touched: pd.DataFrame) -> None:
    """Say that ``prepared`` must follow what was ``touched`` (unique_id, starts_at, ends_at)."""
    if len(touched):
        columns = [touched[name].tolist() for name in ("unique_id", "starts_at", "ends_at")]
        conn.execute(_STALE, columns)


def _advance(
    conn: Connection, batch: Batch, frame: pd.DataFrame, arrival: pd.Timestamp | None
) -> pd.Timestamp:
    """Move the source's clock to the newest past-only row; return the arrival of corrections."""
    newest = frame.loc[frame["clock"], "available_at"].max()
    if pd.notna(newest):
        conn.execute(
            """UPDATE ingest_batch SET newest_available_at = greatest(newest_available_at, %s)
               WHERE id = %s""",
            (newest, batch.id),
        )
    now = source_now(conn, batch.source) if arrival is None else arrival
    return _EPOCH if now is None else pd.Timestamp(now).tz_convert("UTC")


def _inside_stored(conn: Connection, frame: pd.DataFrame) -> pd.Series[bool]:
    """Say for each row whether it lies between rows stored in the batch's own range."""
    spans = frame.groupby("unique_id", observed=True)["ds"].agg(["min", "max"])
    found = conn.execute(_STORED_SPANS, _spans(spans["min"], spans["max"])).fetchall()
    stored = pd.DataFrame(found, columns=["unique_id", "low", "high"]).set_index("unique_id")
    names, codes = frame["unique_id"].cat.categories, frame["unique_id"].cat.codes.to_numpy()
    low, high = (pd.to_datetime(stored.loc[names, end], utc=True) for end in ("low", "high"))
    ds = pd.DatetimeIndex(frame["ds"])
    inside = (ds >= pd.DatetimeIndex(low)[codes]) & (ds <= pd.DatetimeIndex(high)[codes])
    return pd.Series(inside, index=frame.index)


def _changed(
    conn: Connection, frame: pd.DataFrame, batch: Batch, arrival: pd.Timestamp
) -> pd.DataFrame:
    """Return the rows of ``frame`` that add a revision, numbered and dated."""
    stored = _stored(conn, frame)
    stored["unique_id"] = stored["unique_id"].astype(frame["unique_id"].dtype)
    pairs = frame.reset_index().merge(stored, "left", ["unique_id", "ds"])
    pairs = pairs[pairs["y"] != pairs["stored"]].set_index("index")
    if batch.kind == "file":
        _refuse_second_value(pairs[pairs["ingest_batch_id"] == batch.id])
    known = pairs["stored"].notna()
    if "delivery_key" in frame:
        pairs = pairs.drop(_redelivered(conn, pairs[known]))
        known = pairs["stored"].notna()
    floor = pairs["stored_at"].where(pairs["stored_at"] > arrival, arrival)
    late = known & (floor > pairs["available_at"])
    revision = (pairs["revision"] + 1).fillna(0).astype("int64")
    dated = pairs["available_at"].mask(late, floor)
    return pairs.assign(available_at=dated, revision=revision)[[*frame, "revision"]]


def _stored(conn: Connection, frame: pd.DataFrame) -> pd.DataFrame:
    if len(frame) <= PROBED_ROWS:
        low = high = frame.set_index("unique_id")["ds"]
    else:
        spans = frame.groupby("unique_id", observed=True)["ds"].agg(["min", "max"])
        low, high = spans["min"], spans["max"]
    return read_series(conn, _NEWEST, _spans(low, high), columns=_STORED)


def _spans(low: pd.Series[pd.Timestamp], high: pd.Series[pd.Timestamp]) -> dict[str, list[object]]:
    return {"ids": low.index.tolist(), "low": low.tolist(), "high": high.tolist()}


def _redelivered(conn: Connection, pairs: pd.DataFrame) -> pd.Index[int]:
    keyed = pairs[pairs["delivery_key"].notna()]
    keys = [keyed[name].tolist() for name in ("unique_id", "ds", "delivery_key")]
    seen = [row[0] for row in conn.execute(_SEEN, keys)] if len(keyed) else []
    return keyed.index[seen]


def _remember(conn: Connection, unchanged: pd.DataFrame) -> None:
    """Keep the keys of deliveries that changed nothing, unless a stored row has them."""
    keyed = unchanged[["unique_id", "ds", "delivery_key"]].dropna()
    if len(keyed):
        conn.execute(_REMEMBER, [keyed[name].tolist() for name in keyed])


def _refuse_second_value(pairs: pd.DataFrame) -> None:
    for row in pairs.head(1).itertuples():
        raise DataFault(
            f"{row.unique_id} at {row.ds}",
            [row.stored, row.y],
            "one value per instant and file",
            "refuse all but one of them",
        )


def _arrow(frame: pd.DataFrame, batch: Batch) -> pa.Table:
    held: dict[str, pa.Array] = {
        "unique_id": pa.array(frame["unique_id"]).cast(pa.string()),
        "source": pa.repeat(pa.scalar(batch.source), len(frame)),
        "ingest_batch_id": pa.repeat(pa.scalar(batch.id, pa.int64()), len(frame)),
    }
    for name in sorted(_TYPES.keys() & set(frame)):
        held[name] = pa.array(frame[name], _TYPES[name], from_pandas=True, safe=False)
    return pa.table(held)


def _counts(new: pd.DataFrame, given: int) -> Counts:
    corrected = int((new["revision"] > 0).sum())
    return Counts(len(new) - corrected, given - len(new), corrected, _stretches(new))


def _stretches(new: pd.DataFrame) -> pd.DataFrame:
    if new.empty:
        return Counts().touched
    codes, ds = new["unique_id"].cat.codes.to_numpy(), pd.DatetimeIndex(new["ds"])
    apart = (np.diff(codes) != 0) | (np.diff(ds.asi8) > APART.value)
    edges = np.flatnonzero(np.concatenate([[True], apart, [True]]))
    first, last = edges[:-1], edges[1:] - 1
    ids = new["unique_id"].cat.categories[codes[first]]
    ends = ds[last] + pd.Timedelta(1, "us")
    return pd.DataFrame({"unique_id": ids, "starts_at": ds[first], "ends_at": ends})


_NOTHING = pd.DataFrame({"unique_id": [], "ds": [], "revision": []})
_STALE = """INSERT INTO prepared.stale (unique_id, starts_at, ends_at)
    SELECT * FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[])"""
_STORED_SPANS = """SELECT id,
    (SELECT min(ds) FROM observation WHERE unique_id = id AND ds BETWEEN low AND high),
    (SELECT max(ds) FROM observation WHERE unique_id = id AND ds BETWEEN low AND high)
    FROM unnest(%(ids)s::text[], %(low)s::timestamptz[], %(high)s::timestamptz[])
         AS span(id, low, high)"""
_NEWEST = sql.SQL("""SELECT newest.* FROM
    unnest(%(ids)s::text[], %(low)s::timestamptz[], %(high)s::timestamptz[]) AS span(id, low, high),
    LATERAL (
        SELECT DISTINCT ON (unique_id, ds) unique_id, ds, revision, y AS stored,
               available_at AS stored_at, ingest_batch_id
        FROM observation WHERE unique_id = id AND ds BETWEEN low AND high
        ORDER BY unique_id, ds, revision DESC) AS newest""")
_SEEN = """SELECT place - 1
    FROM unnest(%s::text[], %s::timestamptz[], %s::text[]) WITH ORDINALITY AS k(id, at, key, place)
    WHERE EXISTS (SELECT FROM observation WHERE unique_id = id AND ds = at AND delivery_key = key)
       OR EXISTS (SELECT FROM delivery WHERE unique_id = id AND ds = at AND delivery_key = key)"""
_REMEMBER = """INSERT INTO delivery
    SELECT id, at, key FROM unnest(%s::text[], %s::timestamptz[], %s::text[]) AS k(id, at, key)
    WHERE NOT EXISTS (
        SELECT FROM observation WHERE unique_id = id AND ds = at AND delivery_key = key)
    ON CONFLICT DO NOTHING"""
