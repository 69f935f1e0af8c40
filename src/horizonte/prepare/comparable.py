"""What people know, applied to what models read: which values say something of the ordinary course.

The values of a planned event are true and stay in the prepared database, but a model that learnt
from them, or looked back on them, would expect the next event on an ordinary day: no model reads
them, neither in training nor in serving. What a sensor read before it was replaced cannot be
compared with what its successor reads: a model's history starts with the present sensor.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from horizonte.prepare.cleaner import PLANNED, REPLACED
from horizonte.prepare.convert import CONVERTED

LOOKED_BACK = pd.Timedelta(days=35)  # how far a forecast looks for lags, and so for another unit's


def in_force(annotations: pd.DataFrame, instant: pd.Timestamp) -> pd.DataFrame:
    """Return the ANNOTATION rows that were known at ``instant`` and not withdrawn by then."""
    known, gone = annotations["available_at"], annotations["withdrawn_at"]
    return annotations[(known <= instant) & ~(gone <= instant)]


def comparable(prepared: pd.DataFrame, annotations: pd.DataFrame | None) -> pd.DataFrame:
    """Return PREPARED with ``y`` null where no model may read it; ``annotations`` are in force.

    That is in planned events, and before the newest replacement of the series' sensor within
    its grid. Without such annotations the answer equals ``prepared``.
    """
    hidden = prepared["quality"].isin(PLANNED)
    if annotations is not None and len(annotations):
        last = prepared.groupby("unique_id", observed=True)["ds"].max()
        for unique_id, at in replacements(annotations):
            if unique_id in last.index and at <= last[unique_id]:
                hidden |= (prepared["unique_id"] == unique_id) & (prepared["ds"] < at)
    return prepared.assign(y=prepared["y"].mask(hidden)) if hidden.any() else prepared


def held(rows: pd.DataFrame, replaced: Iterable[tuple[str, pd.Timestamp]]) -> pd.DataFrame:
    """Return forecasts (unique_id, cutoff, ds, y) with ``y`` null where it is not theirs to meet.

    One that was made before the sensor was ``replaced`` (``replacements``) is held against nothing
    that its successor read.
    """
    hidden = pd.Series(False, index=rows.index)
    for unique_id, at in replaced:
        hidden |= (rows["unique_id"] == unique_id) & (rows["cutoff"] < at) & (rows["ds"] >= at)
    return rows.assign(y=rows["y"].mask(hidden)) if hidden.any() else rows


def misread(
    rows: pd.DataFrame, annotations: pd.DataFrame, *, series: pd.DataFrame
) -> pd.Series[bool]:
    """Tell which forecasts (unique_id, cutoff) were made before anybody said that a unit had changed.

    They took readings in another unit for their own: of the series, or of one of the covariates
    that ``series`` (SERIES) declares for it, up to ``LOOKED_BACK`` after the last of them.
    What they missed by says nothing of a model. ``annotations`` are in force.
    """
    wrong = pd.Series(False, index=rows.index)
    reads = dict(zip(series["unique_id"], series["covariates"], strict=True))
    noted = annotations[annotations["kind"].isin(CONVERTED)]
    last = noted["ends_at"] + LOOKED_BACK
    said = noted["available_at"].where(noted["available_at"] < last, last)
    for name, start, end in zip(noted["unique_id"], noted["starts_at"], said, strict=True):
        readers = [name, *(u for u, read in reads.items() if name in read)]
        made = (rows["cutoff"] >= start) & (rows["cutoff"] < end)
        wrong |= made & rows["unique_id"].isin(readers)
    return wrong


def replacements(annotations: pd.DataFrame) -> list[tuple[str, pd.Timestamp]]:
    """Return which series had their sensor replaced, and when, in order."""
    rows = annotations[annotations["kind"].isin(REPLACED)].sort_values(["unique_id", "starts_at"])
    return list(zip(rows["unique_id"].astype(str), rows["starts_at"], strict=True))
