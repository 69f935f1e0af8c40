"""The model card: what a model folder holds, what it was made from and what it is for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from horizonte.params import Params

CARD = "card.json"
LIBRARIES = (
    "numpy",
    "pandas",
    "scipy",
    "scikit-learn",
    "statsmodels",
    "prophet",
    "lightgbm",
    "holidays",
)
USE = (
    "Forecasts of the listed series up to the listed horizon, from their own history and the "
    "listed covariates, with intervals calibrated on past forecasts."
)
LIMITS = (
    "Says nothing about other series. Intervals assume that the near future resembles the "
    "selection period; where drift is reported, widen them or retrain."
)


def write(folder: Path, card: Mapping[str, Any]) -> None:
    """Write ``card`` and the hash of every other file of ``folder`` as ``card.json``.

    No time, place or revision stands in it, so equal models have equal cards; publication adds
    those to the ledger.
    """
    text = json.dumps({**card, "files": hashes(folder)}, indent=1, sort_keys=True, allow_nan=False)
    (folder / CARD).write_text(text + "\n", encoding="utf-8")


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of ``folder`` but the card, by path."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p != folder / CARD)
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths
    }


def describe(
    params: Params, *, series: pd.DataFrame, scores: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the card of a model trained with ``params`` on the targets of ``series`` (SERIES).

    ``scores`` maps each target to what is known of it before the test period.
    """
    targets = series[series["role"] == "target"].sort_values("unique_id")
    return {
        "params": params.model_dump(mode="json", exclude={"evaluate", "report"}),
        "data_as_of": params.snapshot.as_of.isoformat(),
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
        "series": [
            _entry(dict(zip(targets, row, strict=True)))
            for row in targets.itertuples(index=False, name=None)
        ],
        "scores": {name: dict(found) for name, found in sorted(scores.items())},
        "intended_use": USE,
        "limits": LIMITS,
    }


def _entry(row: Mapping[Any, Any]) -> dict[str, Any]:
    covariates: Sequence[str] = row["covariates"]
    return {
        **{name: row[name] for name in ("unique_id", "freq", "unit", "zone")},
        "covariates": sorted(covariates),
    }
