"""Stage ``clean``: what was known at the pin, on a regular grid with a quality per cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from horizonte import paths
from horizonte.contracts import ANNOTATION, PREPARED, REVISION, SERIES
from horizonte.params import Rules
from horizonte.pipeline import files, given
from horizonte.prepare.history import history_as_of
from horizonte.report import tables


@dataclass(frozen=True)
class Cleaned:
    """What the stage made, for the notebook to show."""

    prepared: pd.DataFrame  # PREPARED
    series: pd.DataFrame  # SERIES
    rules: Rules
    targets: list[str]


def run(parameters: Mapping[str, object] | None = None, *, root: Path | None = None) -> Cleaned:
    """Clean the snapshot as known at the pin, write it and return it.

    The rows equal those of the prepared schema in the database at the pin: both come from the
    same function.
    """
    root = root or paths.project_root()
    chosen = given.load(root, stage="clean", given=parameters)
    series = SERIES.read(root / files.SERIES)
    prepared = history_as_of(
        REVISION.read(root / files.SNAPSHOT),
        series=series,
        rules=chosen.clean,
        instant=pd.Timestamp(chosen.snapshot.as_of),
        annotations=ANNOTATION.read(root / files.ANNOTATIONS),
    )
    PREPARED.write(prepared, root / files.CLEAN)
    targets = series.loc[series["role"] == "target", "unique_id"]
    return Cleaned(prepared, series, chosen.clean, sorted(targets))


def labelled_faults(cleaned: Cleaned, *, root: Path | None = None) -> pd.DataFrame:
    """Return precision and recall of the flags against the faults that people labelled.

    Reads the labels of the sample's mast, which cleaning never sees. A label names one sensor,
    a kind (``Spd``, ``Dir``) or ``All``; its times are the logger's. No rows where there is
    no such mast.
    """
    path = (root or paths.project_root()) / files.LABELS
    raw = pd.read_csv(path, dtype=str)
    mast = cleaned.series[cleaned.series["source"] == "mast"]
    for name in ("Start", "Stop"):
        raw[name.lower()] = pd.to_datetime(raw[name], format="ISO8601")
    if mast.empty:
        return pd.DataFrame(columns=["faulty rows", "flagged", "recall", "precision"])
    pairs = raw.merge(mast[["unique_id", "zone"]], how="cross")
    meant = [_names(s, u) for s, u in zip(pairs["Sensor"], pairs["unique_id"], strict=True)]
    zone = mast["zone"].iloc[0]
    labels = pairs.assign(
        reason=pairs["Reason"],
        starts_at=pairs["start"].dt.tz_localize(zone),
        ends_at=pairs["stop"].dt.tz_localize(zone),
    )
    return tables.faults(cleaned.prepared, labels[meant])


def _names(sensor: str, unique_id: str) -> bool:
    plain = unique_id.split("/")[1].replace("_", "")
    return sensor == "All" or plain.startswith(sensor.lower())
