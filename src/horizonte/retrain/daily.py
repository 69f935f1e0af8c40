"""What two models lost on the same days, series by series."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from horizonte.model import metrics

CHAMPION, CHALLENGER, NAIVE = "champion", "challenger", "naive"
MEANS = ("sql", "mase", "coverage_80", "coverage_90")
SHARE = 0.5  # of a full day's rows without which a day says too little
WORST = 100.0  # times the old loss, beyond which nothing is told apart


class Days(NamedTuple):
    """The days on which both models were scored, and which series have too few of them."""

    losses: pd.DataFrame  # index (unique_id, day), columns (metric of MEANS, model)
    left_out: dict[str, str]


def daily(rows: pd.DataFrame, *, scale: pd.DataFrame, least: int) -> Days:
    """Return the mean of each metric per series, day and model where both models have a loss.

    ``rows`` are BACKTEST rows of CHAMPION, CHALLENGER and NAIVE with ``day``: rows of one day were
    forecast together. Both models are scored on the same instants. A day with fewer than half of
    the rows of the series' fullest day is none, and a series with fewer than ``least`` days is
    left out, with the reason in words.
    """
    paired = _paired(rows)
    terms = metrics.terms(paired.drop(columns="day"), scale=scale)
    terms = terms.merge(
        paired[["unique_id", "cutoff", "day"]].drop_duplicates(), on=["unique_id", "cutoff"]
    )
    kept = _full(terms)
    days = kept.groupby("unique_id").size()
    said = {
        str(name): _reason(int(days.get(name, 0)), least)
        for name in sorted(rows["unique_id"].unique())
        if days.get(name, 0) < least
    }
    short = kept.index.get_level_values("unique_id").isin(said)
    return Days(kept[~short], said)


def differences(losses: pd.DataFrame, metric: str, *, old: str, new: str) -> pd.DataFrame:
    """Return, days by series, how much less ``new`` lost than ``old``, as a share of their mean.

    Between -2 and 2, so no single bad day decides; 0 where both lost nothing.
    """
    table = losses[metric].reset_index()
    both = (table[old] + table[new]) / 2
    table["less"] = (table[old] - table[new]) / both.where(both > 0, 1.0)
    return table.pivot_table(index="day", columns="unique_id", values="less")


def weights(differences: pd.DataFrame) -> pd.Series:
    """Return what each series weighs in the test, sum 1: one noisier than usual weighs less.

    In inverse proportion to the mean square of its days, but at most as much as the median series,
    so that no quiet series decides alone. Not to their variance: of autocorrelated series those
    would weigh most that stayed at one side by chance.
    """
    spread = (differences**2).mean()
    floor = spread.clip(lower=spread.median())
    found = 1 / floor if (floor > 0).all() else floor * 0 + 1.0
    return found / found.sum()


def by_day(differences: pd.DataFrame, weights: pd.Series) -> pd.Series:
    """Return each day's mean over the series that have it, by what each weighs."""
    return (differences * weights).sum(axis=1) / (differences.notna() * weights).sum(axis=1)


def share(difference: float) -> float:
    """Return a difference of ``differences`` as the share of the old loss that is saved.

    Limits of an interval may lie beyond -2 to 2, where no difference can: they say no more than
    that all is saved, or that the loss is ``WORST`` times as large.
    """
    worst = 2 * (1 - WORST) / (1 + WORST)
    bounded = min(max(difference, worst), 2.0)
    return 2 * bounded / (2 + bounded)


def saved(losses: pd.DataFrame, metric: str, *, old: str, new: str) -> pd.Series:
    """Return per series the share of all that ``old`` lost that ``new`` did not; NaN of nothing."""
    table = pd.DataFrame(losses[metric])[[old, new]].dropna().groupby("unique_id").sum()
    return 1 - table[new] / table[old].where(table[old] > 0)


def _paired(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows at instants for which champion and challenger both spoke."""
    key = ["unique_id", "cutoff", "ds"]
    ours = rows[rows["model"].isin([CHAMPION, CHALLENGER])]
    both = ours.groupby(key, as_index=False).size().query("size == 2")
    return rows.merge(both[key], on=key)


def _full(terms: pd.DataFrame) -> pd.DataFrame:
    """Return the mean terms per series and day, by metric and model, of days that are full enough."""
    index = ["unique_id", "day"]
    models = [CHAMPION, CHALLENGER, NAIVE]
    table = terms.pivot_table(index=index, columns="model", values=list(MEANS), dropna=False)
    table = table.reindex(columns=pd.MultiIndex.from_product([MEANS, models]))
    rows = terms[terms["model"] == CHAMPION].groupby(index).size().reindex(table.index)
    enough = rows >= SHARE * rows.groupby("unique_id").transform("max")
    return table[enough].dropna(subset=[("sql", CHAMPION), ("sql", CHALLENGER)])


def _reason(days: int, least: int) -> str:
    if not days:
        return "nothing came to hold its forecasts against"
    return f"{days} days with forecasts of both and enough actuals, {least} are needed"
