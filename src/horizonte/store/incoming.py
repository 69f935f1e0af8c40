"""What an append is given, made ready: checked, collapsed, sorted and dated."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from horizonte import freq
from horizonte.errors import DataFault
from horizonte.store import series
from horizonte.store.connection import Connection

_COLUMNS = ("unique_id", "ds", "y")


def ready(conn: Connection, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return ``rows`` to store, and the equal repeats that collapsed into them.

    Both are sorted by unique_id (categorical) and ds. To store: unique_id, ds, y, available_at
    (of a first version), clock (whether the row moves its source's clock) and delivery_key if
    given. Raises DataFault for missing columns, naive or absent instants, values that are no
    finite number and two values for one instant; NotFound for series that nobody registered.
    """
    frame = _sorted(_typed(rows))
    again = _repeats(frame)
    if not again.any():
        return _dated(conn, frame), frame[:0]
    return _dated(conn, frame[~again].reset_index(drop=True)), frame[again]


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    absent = [name for name in _COLUMNS if name not in rows]
    if absent:
        raise DataFault("observations", absent, "present as columns", f"give {list(_COLUMNS)}")
    if not isinstance(rows["ds"].dtype, pd.DatetimeTZDtype) or rows["ds"].isna().any():
        raise DataFault(
            "observations.ds",
            str(rows["ds"].dtype),
            "an instant in every row",
            "declare the zone of the source and drop rows without a time",
        )
    y = pd.to_numeric(rows["y"], errors="coerce").to_numpy("float64", na_value=np.nan)
    finite = np.isfinite(y)
    if not finite.all():
        bad = rows["y"].iloc[int(np.argmin(finite))]
        raise DataFault("observations.y", bad, "a finite number", "leave out what is missing")
    codes, ids = pd.factorize(rows["unique_id"], sort=True)
    if (codes < 0).any():
        raise DataFault("observations.unique_id", None, "a name in every row", "name the series")
    keys = {"delivery_key": rows["delivery_key"].array} if "delivery_key" in rows else {}
    ds = rows["ds"].dt.tz_convert("UTC").dt.as_unit("ns").array
    return pd.DataFrame(
        {"unique_id": pd.Categorical.from_codes(codes, ids), "ds": ds, "y": y} | keys
    )


def _key(frame: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    codes = frame["unique_id"].cat.codes.to_numpy()
    return codes.astype(np.int64), pd.DatetimeIndex(frame["ds"]).asi8.astype(np.int64)


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    codes, ds = _key(frame)
    rising = (np.diff(codes) > 0) | ((np.diff(codes) == 0) & (np.diff(ds) >= 0))
    if rising.all():
        return frame
    return frame.iloc[np.lexsort((ds, codes))].reset_index(drop=True)


def _repeats(frame: pd.DataFrame) -> NDArray[np.bool_]:
    codes, ds = _key(frame)
    again = np.zeros(len(frame), dtype=bool)
    again[1:] = (np.diff(codes) == 0) & (np.diff(ds) == 0)
    y = frame["y"].to_numpy()
    conflicts = np.flatnonzero(again[1:] & (y[1:] != y[:-1])) + 1
    for place in conflicts[:1]:
        row = frame.iloc[place]
        raise DataFault(
            f"{row['unique_id']} at {row['ds'].isoformat()}",
            y[place - 1 : place + 1].tolist(),
            "one value per instant",
            "refuse all but one of them, or append a correction as its own batch",
        )
    return again


def _dated(conn: Connection, frame: pd.DataFrame) -> pd.DataFrame:
    names, codes = frame["unique_id"].cat.categories, frame["unique_id"].cat.codes.to_numpy()
    found = {
        row[0]: (row[1], row[2], row[3]) for row in conn.execute(_DELAYS, (list(names),)).fetchall()
    }
    if len(found) < len(names):
        series.read(conn, names)  # raises NotFound, naming the nearest
    ahead = np.array([found[name][1] > 0 for name in names])
    delays = pd.to_timedelta([_delay(*found[name]) for name in names], unit="s")
    return frame.assign(available_at=frame["ds"] + delays[codes], clock=~ahead[codes])


def _delay(iso: str, known_ahead_hours: float, publication_lag_seconds: float) -> float:
    """Return the seconds from ``ds`` to when its first version is available."""
    if known_ahead_hours > 0:
        return -known_ahead_hours * 3600
    return freq.step(iso).total_seconds() + publication_lag_seconds


_DELAYS = """SELECT unique_id, freq, known_ahead_hours, publication_lag_seconds
    FROM series WHERE unique_id = ANY(%s)"""
