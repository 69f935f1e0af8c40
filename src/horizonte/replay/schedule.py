"""When each recorded reading is sent: the recording on a faster clock, faults included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from horizonte.errors import ConfigFault
from horizonte.replay import faults as kinds

COLUMNS = ["at_seconds", "unique_id", "ds", "y", "sequence", "raw"]


@dataclass(frozen=True)
class Message:
    """One message: when it is due on the real clock, and the reading that it carries.

    ``at_seconds`` counts from the start of the replay. ``sequence`` grows by one per reading of
    a series, also over readings that a gap swallows. ``raw`` is sent instead of a reading.
    """

    at_seconds: float
    unique_id: str
    ds: pd.Timestamp
    y: float
    sequence: int
    raw: bytes | None = None


def plan(
    readings: pd.DataFrame,
    *,
    step: pd.Timedelta,
    speed: float = 1.0,
    faults: kinds.Faults | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Return every message (COLUMNS) in the order of sending; equal arguments, equal plan.

    ``readings`` has unique_id, ds (UTC) and y, without missing y. A reading is due when its
    interval ends, on a clock ``speed`` times as fast that starts when the first one's does, so
    an hour of the recording takes 3600 / ``speed`` seconds. Raises ConfigFault for a speed that is not positive.
    """
    if not 0 < speed < float("inf"):
        raise ConfigFault("speed", speed, "a positive number", "1 is real time, 600 an hour in 6 s")
    rows = readings.dropna(subset=["y"]).sort_values(["ds", "unique_id"], ignore_index=True)
    rows = rows.loc[:, ["unique_id", "ds", "y"]]
    rows["sequence"] = rows.groupby("unique_id").cumcount() + 1
    rows["raw"] = None
    rows["due"] = rows["ds"]
    start = rows["ds"].min()
    if len(rows):
        rows = kinds.apply(rows, faults or {}, step=step, seed=seed)
    rows["at_seconds"] = ((rows["due"] - start).dt.total_seconds() / speed).clip(lower=0.0)
    return rows.sort_values("at_seconds", kind="stable", ignore_index=True)[COLUMNS]


def messages(planned: pd.DataFrame) -> Iterator[Message]:
    """Yield the plan's rows one by one."""
    columns = (planned[name].tolist() for name in COLUMNS)
    for row in zip(*columns, strict=True):
        yield Message(*row)


def window(
    readings: pd.DataFrame, *, start: pd.Timestamp | None, end: pd.Timestamp | None
) -> pd.DataFrame:
    """Return the readings with ``start <= ds < end``; raise ConfigFault when there are none."""
    ds = readings["ds"]
    kept = readings[(ds >= (start or ds.min())) & ((ds < end) if end is not None else True)]
    if kept.empty:
        raise ConfigFault(
            "replay from … to …",
            f"{start} to {end}",
            f"within the recording, {ds.min()} to {ds.max()}",
            "move or widen it",
        )
    return kept
