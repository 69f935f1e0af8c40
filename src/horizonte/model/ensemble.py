"""The weighted ensemble: one sum, the same for a backtest's rows and for a live forecast."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from horizonte.contracts import BACKTEST
from horizonte.model.selection import Selection
from horizonte.prepare.windows import Reals

NAME = "ensemble"
BEST = "best_naive"


def combine(forecasts: Mapping[str, Reals], weights: Reals) -> Reals:
    """Return the weighted mean of ``forecasts`` over those that answered, NaN where none did.

    ``weights`` is ``[rows, models]`` in the order of ``forecasts``. Summed model by model, so
    that a row's bits do not depend on the rows beside it.
    """
    total = np.zeros(len(weights))
    share = np.zeros(len(weights))
    for j, values in enumerate(forecasts.values()):
        weight = np.where(np.isfinite(values), weights[:, j], 0.0)
        total = total + weight * np.where(np.isfinite(values), values, 0.0)
        share = share + weight
    return np.where(share > 0, total / np.where(share > 0, share, 1.0), np.nan)


def ensemble_rows(backtest: pd.DataFrame, selection: Selection) -> pd.DataFrame:
    """Return BACKTEST rows of ``ensemble`` and ``best_naive`` made from the rows of the families."""
    keys = ["unique_id", "cutoff", "ds"]
    wide = backtest.pivot_table(index=keys, columns="model", values="mean")
    y = backtest.drop_duplicates(keys).set_index(keys)["y"].reindex(wide.index)
    uid = wide.index.get_level_values("unique_id")
    names = [name for name in selection.members() if name in wide]
    table = (
        pd.DataFrame({u: selection.of(u) for u in uid.unique()})
        .T.reindex(columns=names)
        .fillna(0.0)
    )
    best = np.full(len(wide), np.nan)
    for name in set(map(selection.naive_of, uid.unique())) & set(names):
        best = np.where(uid.map(selection.naive_of) == name, wide[name], best)
    mean = combine({n: wide[n].to_numpy() for n in names}, table.reindex(uid).to_numpy(float))
    answers = {NAME: np.where(np.isfinite(mean), mean, best), BEST: best}
    parts = [
        wide.index.to_frame(index=False).assign(model=m, mean=v, y=y.to_numpy())
        for m, v in answers.items()
    ]
    rows = pd.concat(parts, ignore_index=True).dropna(subset=["mean"])
    return BACKTEST.check(rows.reindex(columns=BACKTEST.columns))
