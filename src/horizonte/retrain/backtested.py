"""What a version forecast before it served: its backtest, kept beside the published model.

Live forecasts take half a year to say what errors are usual. Those of days that the model was not
trained on say it from its first day on, wherever it was trained.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from horizonte.contracts import BACKTEST
from horizonte.errors import DataFault, Fault, NotFound
from horizonte.model.ensemble import NAME
from horizonte.pipeline import files
from horizonte.prepare.comparable import misread
from horizonte.serve.bucket import Bucket

logger = logging.getLogger(__name__)
PREFIX = "backtests"  # of the bucket's keys, and of the folder in the cache
COLUMNS = ["unique_id", "cutoff", "ds", "y", "mean"]
NONE = BACKTEST.empty()[COLUMNS]


def keep(bucket: Bucket, folder: Path, version: str) -> bool:
    """Put the backtest of the model in ``folder`` into ``bucket``; return whether there is one.

    There is none where the model does not lie where the pipeline leaves it. What stands there stays.
    """
    if folder.parts[-len(files.MODEL.parts) :] != files.MODEL.parts:
        return False
    root = folder.parents[len(files.MODEL.parts) - 1]
    try:
        found = [BACKTEST.read(root / path) for path in (files.SELECTED, files.BACKTEST)]
    except (DataFault, OSError, ValueError) as why:
        logger.warning("model %s is published without a backtest: %s", version[:12], why)
        return False
    own = pd.concat([rows.loc[rows["model"] == NAME, COLUMNS] for rows in found])
    own = own.drop_duplicates(COLUMNS[:3], keep="last")
    bucket.put_once(_key(version), own.to_parquet(index=False))
    return True


def read(
    version: str, card: Mapping[str, Any], *, home: Path, bucket: Callable[[], Bucket]
) -> pd.DataFrame:
    """Return what the model of ``card`` forecast in its backtest beside what came, from the cache or ``bucket``.

    Columns ``COLUMNS``; empty for a version without one that can be read, or while there is no bucket that
    answers. New intervals change no forecast: a recalibrated version has the backtest of what was trained.
    """
    again = card.get("recalibrated") or {}
    trained = str(again.get("trained") or again.get("from") or version)
    cached = home / PREFIX / f"{trained}.parquet"
    try:
        return pd.read_parquet(io.BytesIO(cached.read_bytes()))
    except (OSError, ValueError):  # not there, or half of it
        pass
    try:
        content = bucket().get(_key(trained))
        found = pd.read_parquet(io.BytesIO(content))
    except NotFound:
        return NONE
    except (Fault, OSError, ValueError) as why:
        logger.warning("without the backtest of model %s: %s", trained[:12], why)
        return NONE
    cached.parent.mkdir(parents=True, exist_ok=True)
    part = cached.with_suffix(".part")
    part.write_bytes(content)
    part.replace(cached)
    return found


def anew(
    before: pd.DataFrame, values: pd.DataFrame, noted: pd.DataFrame, *, series: pd.DataFrame
) -> pd.DataFrame:
    """Return ``before`` (COLUMNS) held against what is known now, without what was ``misread``.

    What was noted or corrected since the training counts here as it does of live forecasts. ``values``
    (PREPARED) are as known now, ``noted`` (ANNOTATION) in force, ``series`` SERIES. What ``values`` do not
    reach back to stays, and so does a ``y`` that the training took for none.
    """
    if before.empty:
        return before
    kept = before[~misread(before, noted, series=series)]
    known = values.loc[values["ds"] >= kept["ds"].min(), ["unique_id", "ds", "y", "quality"]]
    both = kept.merge(known, on=["unique_id", "ds"], how="left", suffixes=("", "_now"))
    now = both["y_now"].where(both["quality"] == "ok")
    now = now.where(both["quality"].notna(), both["y"])
    return both.assign(y=now.where(both["y"].notna()))[COLUMNS]


def _key(version: str) -> str:
    return f"{PREFIX}/{version}.parquet"
