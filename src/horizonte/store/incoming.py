"""What an append is given, made ready: checked, collapsed, sorted and dated."""

from __future__ import annotations

import numpy as np
import pandas as pd

from horizonte import freq
from horizonte.errors import DataFault
from horizonte.store import series
from horizonte.store.connection import Connection

_COLUMNS = ("unique_id", "ds", "y")


def ready(conn: Connection, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return ``rows`` to store, and the keyed repeats that collapsed into them.

    Both are sorted by unique_id and ds. To store: unique_id, ds, y, available_at (of a first
    version), clock (whether the row moves its source's clock) and delivery_key if given.
    Raises DataFault for missing columns, naive or absent instants, values that are no finite
    number, unregistered series, and two values for one instant.
    """
    frame = _typed(rows)
    frame = frame.sort_values(["unique_id", "ds"], kind="stable", ignore_index=True)
    again = frame.duplicated(["unique_id", "ds"])
    if again.any():
        _refuse_conflicts(frame)
    kept = frame[~again].reset_index(drop=True)
    return _dated(conn, kept), frame[again]


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
    if not np.isfinite(y).all():
        raise DataFault(
            "observations.y",
            rows["y"].iloc[int(np.argmin(np.isfinite(y)))],
            "a finite number",
            "leave out what was not measured",
        )
    keys = [name for name in ("delivery_key",) if name in rows]
    ds = rows["ds"].dt.tz_convert("UTC").dt.as_unit("ns")
    return rows[["unique_id", *keys]].assign(ds=ds, y=y)


def _refuse_conflicts(frame: pd.DataFrame) -> None:
    values = frame.groupby(["unique_id", "ds"], sort=False)["y"].agg(["min", "max"])
    conflicts = values[values["min"] != values["max"]]
    if len(conflicts):
        (unique_id, ds), (low, high) = conflicts.index[0], conflicts.iloc[0]
        raise DataFault(
            f"{unique_id} at {ds.isoformat()}",
            [low, high],
            "one value per instant",
            "refuse all but one of them, or append a correction as its own batch",
        )


def _dated(conn: Connection, frame: pd.DataFrame) -> pd.DataFrame:
    codes, ids = pd.factorize(frame["unique_id"])
    known = series.read(conn, ids).set_index("unique_id").loc[list(ids)]
    ahead = known["known_ahead_hours"].to_numpy() > 0
    delay = np.where(
        ahead,
        -known["known_ahead_hours"] * 3600,
        [freq.step(f).total_seconds() for f in known["freq"]] + known["publication_lag_seconds"],
    )
    delays = pd.to_timedelta(np.asarray(delay, "float64"), unit="s")
    return frame.assign(available_at=frame["ds"] + delays[codes], clock=~ahead[codes])
