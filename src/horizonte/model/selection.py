"""What ships, chosen on forecasts that were made out of sample: the best naive and the weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from horizonte.model.families import NAIVES
from horizonte.prepare.windows import Reals

ROUNDS = 20  # of greedy selection with replacement: weights are multiples of 1/20 before shrinking
PRIOR = 10  # cutoffs that a series must have before its own weights count half
LEAST = 0.075  # smaller weights are not worth a model


@dataclass(frozen=True)
class Selection:
    """Per series the weight of each family (non-negative, sum 1) and the best naive, its fallback."""

    weights: dict[str, dict[str, float]]
    naive: dict[str, str]
    default: dict[str, float]  # weights of a series that was in no fold
    default_naive: str

    def of(self, unique_id: str) -> dict[str, float]:
        """Return the weights of a series; the panel's for one that was in no fold."""
        return self.weights.get(unique_id, self.default)

    def naive_of(self, unique_id: str) -> str:
        """Return the best naive of a series; the panel's for one that was in no fold."""
        return self.naive.get(unique_id, self.default_naive)

    def members(self) -> list[str]:
        """Return every family that some series needs, in a fixed order."""
        used = {name for uid in [*self.weights, ""] for name in self.of(uid)}
        return sorted(used | set(self.naive.values()) | {self.default_naive})


def select(backtest: pd.DataFrame) -> Selection:
    """Choose from BACKTEST rows of the selection period of one panel.

    Weights minimise the absolute error by greedy selection with replacement (Caruana et al. 2004,
    https://doi.org/10.1145/1015330.1015432), shrunk towards the panel's the fewer cutoffs a series
    has. Where half the cutoffs choose weights that do not beat the best naive on the other half,
    that naive ships alone.
    """
    tables = {
        str(uid): _Table.of(rows)
        for uid, rows in backtest.dropna(subset=["y"]).groupby("unique_id")
    }
    tables = {u: t for u, t in tables.items() if len(t.y) and set(NAIVES) & set(t.names)}
    naive = {uid: table.best_naive() for uid, table in tables.items()}
    names = sorted({name for table in tables.values() for name in table.names})
    if not names:
        return Selection({}, {}, {NAIVES[1]: 1.0}, NAIVES[1])
    panel = _panel([table.scaled(names, naive[uid]) for uid, table in tables.items()])
    weights = {
        uid: _weights(table.scaled(names, naive[uid]), panel) for uid, table in tables.items()
    }
    guarded = {
        uid: weights[uid]
        if tables[uid].scaled(names, naive[uid]).earns(panel)
        else _only(names, naive[uid])
        for uid in tables
    }
    common = max(sorted(set(naive.values())), key=list(naive.values()).count)
    return Selection(
        {uid: _named(names, w) for uid, w in guarded.items()}, naive, _named(names, panel), common
    )


@dataclass(frozen=True)
class _Table:
    """Forecasts ``[rows, models]`` of one series beside what happened."""

    names: list[str]
    forecasts: Reals
    y: Reals
    fold: np.ndarray  # [rows] number of the cutoff
    naive: int = -1

    @classmethod
    def of(cls, rows: pd.DataFrame) -> _Table:
        wide = rows.pivot_table(index=["cutoff", "ds"], columns="model", values="mean")
        y = rows.groupby(["cutoff", "ds"])["y"].first().reindex(wide.index)
        fold = pd.factorize(wide.index.get_level_values("cutoff"), sort=True)[0]
        return cls(list(wide.columns), wide.to_numpy(), y.to_numpy(), fold)

    def best_naive(self) -> str:
        errors = {
            name: float(np.nanmean(np.abs(self.forecasts[:, self.names.index(name)] - self.y)))
            for name in NAIVES
            if name in self.names
        }
        return min(errors, key=lambda name: (errors[name], NAIVES.index(name)))

    def scaled(self, names: list[str], naive: str) -> _Table:
        """Return all ``names``, in units of the best naive's error, which also stands in for what is missing."""
        base = self.forecasts[:, self.names.index(naive)]
        unit = float(np.nanmean(np.abs(base - self.y)))
        filled = [
            self.forecasts[:, self.names.index(n)] if n in self.names else base for n in names
        ]
        stacked = np.column_stack([np.where(np.isfinite(f), f, base) for f in filled])
        unit = unit if unit > 0 else 1.0
        table = _Table(names, stacked / unit, self.y / unit, self.fold, names.index(naive))
        return table.part(np.isfinite(base))

    def part(self, rows: np.ndarray) -> _Table:
        return _Table(self.names, self.forecasts[rows], self.y[rows], self.fold[rows], self.naive)

    def loss(self, weights: Reals) -> float:
        return float(np.mean(np.abs(self.forecasts @ weights - self.y)))

    def earns(self, panel: Reals) -> bool:
        """Say whether weights chosen on half of the cutoffs beat the naive on the other half."""
        odd = self.fold % 2 == 1
        if not odd.any():
            return True
        halves = [(self.part(odd), self.part(~odd)), (self.part(~odd), self.part(odd))]
        ours = [there.loss(_weights(here, panel)) * len(there.y) for here, there in halves]
        return sum(ours) < self.loss(np.eye(len(self.names))[self.naive]) * len(self.y)


def _weights(table: _Table, panel: Reals) -> Reals:
    cutoffs = len(np.unique(table.fold))
    mixed = (cutoffs * _greedy(table.forecasts, table.y) + PRIOR * panel) / (cutoffs + PRIOR)
    kept = np.where(mixed >= LEAST, mixed, 0.0)
    shares: Reals = kept / kept.sum()
    return shares


def _panel(tables: list[_Table]) -> Reals:
    """Return the weights that serve the panel best, each series weighing the same."""
    most = max(1, 400_000 // len(tables))
    thin = [table.part(np.arange(0, len(table.y), -(-len(table.y) // most))) for table in tables]
    return _greedy(np.concatenate([t.forecasts for t in thin]), np.concatenate([t.y for t in thin]))


def _greedy(forecasts: Reals, y: Reals) -> Reals:
    chosen, total = np.zeros(forecasts.shape[1]), np.zeros(len(y))
    for size in range(1, ROUNDS + 1):
        losses = [np.mean(np.abs((total + f) / size - y)) for f in forecasts.T]
        best = int(np.argmin(losses))
        chosen[best] += 1
        total = total + forecasts[:, best]
    return chosen / ROUNDS


def _only(names: list[str], naive: str) -> Reals:
    alone: Reals = np.eye(len(names))[names.index(naive)]
    return alone


def _named(names: list[str], weights: Reals) -> dict[str, float]:
    kept = np.where(weights >= LEAST, weights, 0.0)
    return {name: float(w) for name, w in zip(names, kept / kept.sum(), strict=True) if w > 0}
