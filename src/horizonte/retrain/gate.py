"""The gate: whether a challenger is better than the champion, on days that neither was trained on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from horizonte.policy import Gate
from horizonte.retrain import conditions
from horizonte.retrain.conditions import least
from horizonte.retrain.daily import (
    CHALLENGER,
    CHAMPION,
    MEANS,
    NAIVE,
    Days,
    by_day,
    daily,
    differences,
    saved,
    share,
    weights,
)
from horizonte.retrain.paired import Paired, paired
from horizonte.retrain.ruling import Day, Ruling, Series, mean, percent

_TESTED = ("gain", "low", "high", "t", "nu", "p", "days")


def judge(rows: pd.DataFrame, *, scale: pd.DataFrame, policy: Gate) -> Ruling:
    """Return the ruling on BACKTEST rows of champion, challenger and naive; it never raises.

    ``rows`` carry ``day``, equal where forecasts were made together (``daily.daily``); ``scale``
    is ``metrics.scale``. Passed is what gains at least ``policy.gain`` in scaled quantile loss,
    certainly something (one-sided paired test at ``policy.alpha``), is no worse than the best
    seasonal naive, and has its coverages within ``policy.coverage`` of their levels. Every series
    weighs the same. Anything that cannot be told refuses, with what to do.
    """
    found = daily(rows, scale=scale, least=least(policy))
    by_series = differences(found.losses, "sql", old=CHAMPION, new=CHALLENGER)
    if len(by_series) < least(policy):
        return _nothing(found, policy, len(by_series))
    weight = weights(by_series)
    table = _series(found, weight)
    test = _as_shares(paired(by_day(by_series, weight), alpha=policy.alpha))
    against = [
        *conditions.too_little(test, table, policy),
        *conditions.worse_than_naive(found, policy),
        *conditions.off(table, policy),
    ]
    return _ruling(test, against, table=table, found=found, policy=policy)


def _as_shares(test: Paired) -> Paired:
    return replace(test, mean=share(test.mean), low=share(test.low), high=share(test.high))


def _ruling(
    test: Paired, against: list[str], *, table: tuple[Series, ...], found: Days, policy: Gate
) -> Ruling:
    over = float(saved(found.losses, "mase", old=NAIVE, new=CHALLENGER).mean())
    won = (
        f"{percent(test.mean)} better than the champion over {test.days} days, at least "
        f"{percent(test.low)} with {percent(1 - policy.alpha, 0)} certainty"
    )
    return Ruling(
        passed=not against,
        reasons=tuple(against) or (won,),
        **{n: getattr(test, "mean" if n == "gain" else n) for n in _TESTED},
        saved=mean(table, "gain"),
        over_naive=over if np.isfinite(over) else None,
        coverage_80=mean(table, "coverage_80"),
        coverage_90=mean(table, "coverage_90"),
        series=table,
        daily=_days(found.losses),
        left_out=dict(sorted(found.left_out.items())),
        policy=policy.model_dump(mode="json"),
    )


def _nothing(found: Days, policy: Gate, days: int) -> Ruling:
    why = (
        f"{days} days that neither model was trained on can be compared, {least(policy)} are "
        "needed: pin the challenger earlier, or wait for more actuals"
    )
    nothing: dict[str, Any] = dict.fromkeys(
        [*_TESTED, "saved", "over_naive", "coverage_80", "coverage_90"]
    )
    return Ruling(
        passed=False,
        reasons=(why,),
        **nothing | {"days": days},
        series=(),
        daily=(),
        left_out=dict(sorted(found.left_out.items())),
        policy=policy.model_dump(mode="json"),
    )


def _series(found: Days, weight: pd.Series) -> tuple[Series, ...]:
    by_series = found.losses.groupby("unique_id").mean()
    means = {m: pd.DataFrame(by_series[m]).to_dict("index") for m in MEANS}
    days = found.losses.groupby("unique_id").size().to_dict()
    gains = saved(found.losses, "sql", old=CHAMPION, new=CHALLENGER)
    return tuple(
        Series(
            unique_id=name,
            days=days[name],
            weight=float(weight[name]),
            champion=means["sql"][name][CHAMPION],
            challenger=means["sql"][name][CHALLENGER],
            gain=float(gains[name]) if np.isfinite(gains[name]) else 0.0,
            error=means["mase"][name][CHALLENGER],
            naive=None if np.isnan(naive := means["mase"][name][NAIVE]) else naive,
            coverage_80=means["coverage_80"][name][CHALLENGER],
            coverage_90=means["coverage_90"][name][CHALLENGER],
            champion_coverage_80=means["coverage_80"][name][CHAMPION],
            champion_coverage_90=means["coverage_90"][name][CHAMPION],
        )
        for name in map(str, gains.index)
    )


def _days(losses: pd.DataFrame) -> tuple[Day, ...]:
    table = losses["sql"]
    mean = table.index.get_level_values("unique_id").map(
        table[CHAMPION].groupby("unique_id").mean()
    )
    shares = table[[CHAMPION, CHALLENGER]].div(np.asarray(mean, dtype=float), axis=0)
    each = shares.groupby("day").mean().sort_index()
    return tuple(
        Day(str(day), float(a), float(b), float(a - b))
        for day, a, b in each[[CHAMPION, CHALLENGER]].itertuples(name=None)
    )
