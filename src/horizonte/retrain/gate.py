"""The gate: whether a challenger is better than the champion, on days that neither was trained on."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from horizonte.policy import Gate
from horizonte.retrain.daily import CHALLENGER, CHAMPION, MEANS, NAIVE, Days, daily, relative
from horizonte.retrain.paired import Paired, paired

LEVELS = (80, 90)
LEAST = 7  # days, whatever the policy


@dataclass(frozen=True)
class Series:
    """One series in the comparison; losses are in units of its scale."""

    unique_id: str
    days: int
    champion: float  # scaled quantile loss
    challenger: float
    gain: float  # share of the champion's loss that is saved
    error: float  # scaled absolute error of the challenger
    naive: float | None  # and of the best seasonal naive
    coverage_80: float
    coverage_90: float
    champion_coverage_80: float
    champion_coverage_90: float


@dataclass(frozen=True)
class Day:
    """One day of cutoffs, every series weighing the same, in shares of the champion's mean loss."""

    day: str
    champion: float
    challenger: float
    gain: float


@dataclass(frozen=True)
class Ruling:
    """What the gate says, in words, with every number that it says it from."""

    passed: bool
    reasons: tuple[str, ...]  # why not; or, of a pass, by how much
    gain: float | None
    low: float | None  # the interval that the test asks; it holds the gain with 1 - 2 alpha
    high: float | None
    t: float | None
    nu: int | None
    p: float | None
    days: int
    over_naive: float | None  # share of the naive's absolute error that the challenger saves
    coverage_80: float | None
    coverage_90: float | None
    series: tuple[Series, ...]
    daily: tuple[Day, ...]
    left_out: dict[str, str]  # series → why it does not count
    policy: dict[str, Any]

    def evidence(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it; what is not finite becomes null."""
        found: dict[str, Any] = _plain(asdict(self))
        return found

    def refused(self, *reasons: str, left_out: dict[str, str] | None = None) -> Ruling:
        """Return the ruling with more reasons against, and more series that do not count."""
        why = (*reasons, *(() if self.passed else self.reasons)) if reasons else self.reasons
        named = {**self.left_out, **(left_out or {})}
        return replace(self, passed=self.passed and not reasons, reasons=why, left_out=named)


def judge(rows: pd.DataFrame, *, scale: pd.DataFrame, policy: Gate) -> Ruling:
    """Return the ruling on BACKTEST rows of champion, challenger and naive; it never raises.

    ``rows`` carry ``day``, equal where forecasts were made together (``daily.daily``); ``scale``
    is ``metrics.scale``. Passed is what gains at least ``policy.gain`` in scaled quantile loss,
    certainly something (one-sided paired test at ``policy.alpha``), is no worse than the best
    seasonal naive, and has its coverages within ``policy.coverage`` of their levels. Every series
    weighs the same. Anything that cannot be told refuses, with what to do.
    """
    found = daily(rows, scale=scale, least=least(policy))
    gains = relative(found.losses, "sql", worse=CHAMPION, better=CHALLENGER)
    gains = gains.dropna(axis=1, how="all")
    for name in set(found.losses.index.get_level_values("unique_id")) - set(gains):
        found.left_out[str(name)] = "the champion loses nothing on it"
    by_day = gains.mean(axis=1)
    if by_day.size < least(policy):
        return _nothing(found, policy, by_day.size)
    table = _series(found, gains)
    test = paired(by_day, alpha=policy.alpha)
    against = [*_too_little(test, policy), *_worse_than_naive(found, policy), *_off(table, policy)]
    return _ruling(test, against, table=table, found=found, policy=policy)


def least(policy: Gate) -> int:
    """Return how many days a series, and the whole, must have: half of what the policy asks."""
    return max(LEAST, policy.days // 2)


def _ruling(
    test: Paired, against: list[str], *, table: tuple[Series, ...], found: Days, policy: Gate
) -> Ruling:
    over = relative(found.losses, "mase", worse=NAIVE, better=CHALLENGER).mean(axis=1).mean()
    won = (
        f"{_percent(test.mean)} better than the champion over {test.days} days, at least "
        f"{_percent(test.low)} with {_percent(1 - policy.alpha, 0)} certainty"
    )
    return Ruling(
        passed=not against,
        reasons=tuple(against) or (won,),
        **{n: getattr(test, "mean" if n == "gain" else n) for n in _TESTED},
        over_naive=float(over) if np.isfinite(over) else None,
        coverage_80=_mean(table, "coverage_80"),
        coverage_90=_mean(table, "coverage_90"),
        series=table,
        daily=_days(found.losses),
        left_out=dict(sorted(found.left_out.items())),
        policy=policy.model_dump(mode="json"),
    )


_TESTED = ("gain", "low", "high", "t", "nu", "p", "days")


def _nothing(found: Days, policy: Gate, days: int) -> Ruling:
    why = (
        f"{days} days that neither model was trained on can be compared, {least(policy)} are "
        "needed: pin the challenger earlier, or wait for more actuals"
    )
    nothing: dict[str, Any] = dict.fromkeys([*_TESTED, "over_naive", "coverage_80", "coverage_90"])
    return Ruling(
        passed=False,
        reasons=(why,),
        **nothing | {"days": days},
        series=(),
        daily=(),
        left_out=dict(sorted(found.left_out.items())),
        policy=policy.model_dump(mode="json"),
    )


def _too_little(test: Paired, policy: Gate) -> list[str]:
    said = []
    if not test.mean >= policy.gain:
        said.append(
            f"the gain of {_percent(test.mean)} is less than the least, {_percent(policy.gain)}"
        )
    if not test.low > 0:
        said.append(
            f"the gain is not certain: {_percent(test.low)} to {_percent(test.high)} "
            f"over {test.days} days (p = {test.p:.3f}, level {policy.alpha:g})"
        )
    return said


def _worse_than_naive(found: Days, policy: Gate) -> list[str]:
    """Refuse what is worse than the naive on average, or certainly so on one series."""
    saved = relative(found.losses, "mase", worse=NAIVE, better=CHALLENGER)
    saved = saved.dropna(axis=1, how="all")
    mean = saved.mean(axis=1).mean()
    said = []
    if mean < 0:
        said.append(f"worse than the best seasonal naive by {_percent(-mean)} on average")
    for name, own in saved.items():
        known = own.dropna()
        if known.size >= least(policy):
            test = paired(known, alpha=policy.alpha / saved.shape[1])
            if test.high < 0:
                said.append(
                    f"{name} is worse than its best seasonal naive by {_percent(-test.mean)}"
                )
    return said


def _off(table: tuple[Series, ...], policy: Gate) -> list[str]:
    """Refuse coverage out of its band: the mean, or a series on which it got much worse."""
    said = []
    for level in LEVELS:
        wanted, name = level / 100, f"coverage_{level}"
        mean = _mean(table, name)
        if mean is None or abs(mean - wanted) > policy.coverage:
            said.append(
                f"the {level} % interval holds {_percent(mean)} of what came, "
                f"more than {100 * policy.coverage:g} points off"
            )
        for one in table:
            ours, theirs = (getattr(one, n) for n in (name, f"champion_{name}"))
            further = abs(ours - wanted) - abs(theirs - wanted)
            if abs(ours - wanted) > policy.coverage and further > policy.coverage / 2:
                said.append(
                    f"{one.unique_id}: the {level} % interval holds {_percent(ours)} of what came, "
                    f"the champion's {_percent(theirs)}"
                )
    return said


def _series(found: Days, gains: pd.DataFrame) -> tuple[Series, ...]:
    by_series = found.losses.groupby("unique_id").mean()
    means = {m: pd.DataFrame(by_series[m]).to_dict("index") for m in MEANS}
    days = found.losses.groupby("unique_id").size().to_dict()
    return tuple(
        Series(
            unique_id=name,
            days=days[name],
            champion=means["sql"][name][CHAMPION],
            challenger=means["sql"][name][CHALLENGER],
            gain=float(gains[name].mean()),
            error=means["mase"][name][CHALLENGER],
            naive=None if np.isnan(naive := means["mase"][name][NAIVE]) else naive,
            coverage_80=means["coverage_80"][name][CHALLENGER],
            coverage_90=means["coverage_90"][name][CHALLENGER],
            champion_coverage_80=means["coverage_80"][name][CHAMPION],
            champion_coverage_90=means["coverage_90"][name][CHAMPION],
        )
        for name in map(str, gains)
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


def _mean(table: tuple[Series, ...], name: str) -> float | None:
    found = float(np.mean([getattr(one, name) for one in table])) if table else math.nan
    return found if math.isfinite(found) else None


def _percent(share: float | None, digits: int = 1) -> str:
    return "none" if share is None else f"{100 * share:.{digits}f} %"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(own) for key, own in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(own) for own in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
