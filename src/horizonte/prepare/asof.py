"""What was known when: from all revisions to one value per instant."""

from __future__ import annotations

import pandas as pd

from horizonte.contracts import OBSERVATION


def as_of(revisions: pd.DataFrame, instant: pd.Timestamp) -> pd.DataFrame:
    """Return, per series and ds, the newest revision whose ``available_at`` is ≤ ``instant``.

    REVISION in, OBSERVATION out, ordered by its key. No row that became available later can
    change the result: this is where leakage from the future is stopped. Of two revisions
    available in time the higher ``revision`` is the newer.
    """
    visible = revisions[revisions["available_at"] <= instant]
    key = list(OBSERVATION.key)
    if not _ordered(visible):
        visible = visible.sort_values([*key, "revision"], kind="stable")
    newest = ~visible.duplicated(key, keep="last")
    return visible.loc[newest, OBSERVATION.columns].reset_index(drop=True)


def _ordered(frame: pd.DataFrame) -> bool:
    """Tell whether ``frame`` already stands in key order, as the snapshot does."""
    ids, revision = frame["unique_id"].to_numpy(), frame["revision"].to_numpy()
    ds = frame["ds"].to_numpy("datetime64[ns]")  # without a type these would be objects
    if len(ids) < 2:
        return True
    same, later = ids[1:] == ids[:-1], ids[1:] > ids[:-1]
    tied = ds[1:] == ds[:-1]
    inner = (ds[1:] > ds[:-1]) | (tied & (revision[1:] > revision[:-1]))
    return bool((later | (same & inner)).all())
