"""The panels that train and evaluate work on: one per freq, over the files of ``features``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import pandas as pd

from horizonte import freq
from horizonte.contracts import ANNOTATION, FOLD, PREPARED, SERIES
from horizonte.model.backtest import Group, Known
from horizonte.params import Params
from horizonte.pipeline import features, files
from horizonte.prepare.comparable import in_force, replacements


@dataclass(frozen=True)
class Stored:
    """What could be known at a cutoff, read from the files of ``features`` when first asked.

    Small enough to travel to another process, which then reads the files itself.
    """

    root: Path
    kind: str  # fit | tail
    iso: str

    def __call__(self, cutoff: pd.Timestamp) -> Known:
        """Return the history and known future of the fold at ``cutoff``."""
        changed = (self.root / files.histories(self.kind, self.iso)).stat().st_mtime_ns
        return _folds(self.root, self.kind, self.iso, changed)[cutoff]


def plan(root: Path) -> pd.DataFrame:
    """Return the FOLD table that ``features`` wrote."""
    return FOLD.read(root / files.FOLDS)


def groups(root: Path, chosen: Params) -> list[Group]:
    """Return one group per freq, in order; forecasts are held against what cleaning trusts.

    A value of a planned event is no such value: it stands in the prepared rows and in no score.
    """
    noted = ANNOTATION.read(root / files.ANNOTATIONS)
    noted = in_force(noted, pd.Timestamp(chosen.snapshot.as_of))
    replaced = replacements(noted)
    series, prepared = SERIES.read(root / files.SERIES), PREPARED.read(root / files.CLEAN)
    targets = series[series["role"] == "target"].sort_values("unique_id", ignore_index=True)
    actuals = prepared.loc[(prepared["quality"] == "ok"), ["unique_id", "ds", "y"]]
    return [
        Group(
            iso,
            chosen.features.steps(iso),
            chosen.features.tail.isoformat(),
            meta,
            Stored(root, "tail", iso),
            Stored(root, "fit", iso),
            actuals[actuals["unique_id"].isin(meta["unique_id"])],
            [pair for pair in replaced if pair[0] in set(meta["unique_id"])],
            changed=chosen.snapshot.since(),
            noted=noted,
        )
        for iso, meta in targets.groupby(targets["freq"].map(freq.iso))
    ]


def final_fits(root: Path, all_groups: list[Group]) -> dict[str, pd.Timestamp]:
    """Return per freq the cutoff of the fit that ships: the last one ``features`` made."""
    return {g.freq: features.read(root, "fit", g.freq).history["cutoff"].max() for g in all_groups}


@lru_cache(maxsize=6)
def _folds(root: Path, kind: str, iso: str, changed: int) -> dict[pd.Timestamp, Known]:
    del changed  # part of the key: files that were made anew are read anew
    made = features.read(root, kind, iso)
    futures = {} if made.known_future is None else _by_cutoff(made.known_future)
    return {at: Known(rows, futures.get(at)) for at, rows in _by_cutoff(made.history).items()}


def _by_cutoff(frame: pd.DataFrame) -> dict[pd.Timestamp, pd.DataFrame]:
    parts = frame.groupby("cutoff", sort=False)
    return {cast("pd.Timestamp", at): rows.drop(columns="cutoff") for at, rows in parts}
