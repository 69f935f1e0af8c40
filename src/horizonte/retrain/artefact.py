"""The challenger as an artefact: whether it answers every target, soundly and within the limits."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd

from horizonte import freq
from horizonte.contracts import QUANTILE_COLUMNS
from horizonte.errors import Fault
from horizonte.serve import predict
from horizonte.serve.champion import Champion
from horizonte.serve.faults import NoHistory
from horizonte.store import series as series_store
from horizonte.store.connection import Connection

EPOCH = pd.Timestamp(0, tz="UTC")  # stands for when: nothing of this is stored


@dataclass(frozen=True)
class Answered:
    """What came of asking the challenger for a forecast of every target."""

    compared: tuple[str, ...]  # targets that both models know
    left_out: dict[str, str]
    faults: tuple[str, ...]
    seconds: float | None  # of the slowest answer


def examine(
    conn: Connection, challenger: Champion, *, beside: Champion, seconds: float
) -> Answered:
    """Ask ``challenger`` for a live forecast of each registered target, as the service would.

    A target that ``beside`` serves and ``challenger`` does not, an answer that fails, is not
    finite or whose quantiles cross, and one that takes longer than ``seconds`` are faults.
    """
    targets = series_store.read(conn).query("role == 'target'")
    old, new = (_known(one, targets) for one in (beside, challenger))
    faults = [
        f"it does not know {name}, which the champion serves: train it again with this series"
        for name in sorted(old - new)
    ]
    slowest, silent = None, {}
    with suppress(Fault):  # what is wrong is found below, series by series
        predict.warm(conn, challenger)
    for name in sorted(new):
        took, fault, empty = _asked(conn, challenger, name)
        if took is not None:
            slowest = max(slowest or 0.0, took)
        if empty:
            silent[name] = empty
        elif fault:
            faults.append(fault)
    if slowest is not None and slowest > seconds:
        faults.append(f"its slowest answer took {slowest:.1f} s, {seconds:g} s are allowed")
    added = dict.fromkeys(sorted(new - old), "the champion does not know it")
    compared = tuple(sorted((new & old) - set(silent)))
    return Answered(compared, {**added, **silent}, tuple(faults), slowest)


def _known(model: Champion, targets: pd.DataFrame) -> set[str]:
    """Return which of the registered ``targets`` the model knows at the freq that they have."""
    served = {name: iso for iso, one in model.forecasters.items() for name in one.meta["unique_id"]}
    declared = zip(targets["unique_id"], targets["freq"].map(freq.iso), strict=True)
    return {str(name) for name, iso in declared if served.get(name) == iso}


def _asked(
    conn: Connection, challenger: Champion, name: str
) -> tuple[float | None, str | None, str | None]:
    """Return seconds, what is wrong with the answer, and why there can be none; each or None."""
    began = time.perf_counter()
    try:
        made = predict.forecast(conn, challenger, unique_ids=[name], now=EPOCH, purpose="what_if")
    except NoHistory as why:
        return None, None, str(why)
    except Fault as why:
        return None, f"it does not answer {name}: {why}", None
    took = time.perf_counter() - began
    values = made[0].rows[["mean", *QUANTILE_COLUMNS]].to_numpy(float)
    if not np.isfinite(values).all():
        return took, f"its forecast of {name} is not finite", None
    if (np.diff(values[:, 1:], axis=1) < 0).any():
        return took, f"the quantiles of its forecast of {name} cross", None
    return took, None, None
