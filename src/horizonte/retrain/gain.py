"""Did it help? The realised gain of a promotion, from live forecasts beside the former champion's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from horizonte.contracts import BACKTEST
from horizonte.policy import Gate
from horizonte.prepare.comparable import held
from horizonte.retrain import paired
from horizonte.retrain.daily import (
    CHALLENGER,
    CHAMPION,
    by_day,
    daily,
    differences,
    saved,
    share,
    weights,
)

Said = Literal["helped", "harmed", "no difference", "too early"]
EARLIEST = 7  # days before which nothing is said
LOOKS = 5  # one test a day until the end errs as often as five independent ones would
CALLED = {"live": CHALLENGER, "shadow": CHAMPION}


@dataclass(frozen=True)
class Gain:
    """What a promotion gained over the former champion, as a share of its loss, and what that says."""

    days: int
    gain: float
    low: float
    high: float
    said: Said
    series: dict[str, float]  # share of the former's whole loss saved
    t: float
    nu: int

    def evidence(self) -> dict[str, Any]:
        """Return what is not a column of its own, as JSON can hold it."""
        found = asdict(self)
        number = self.t if np.isfinite(self.t) else None
        return {"series": found["series"], "t": number, "nu": self.nu, "looks": LOOKS}


def gain(
    rows: pd.DataFrame,
    *,
    policy: Gate,
    replaced: Sequence[tuple[str, pd.Timestamp]] = (),
) -> Gain | None:
    """Return the gain from mature ``rows`` (``shadows.beside``), None before there are four days.

    The statistic of the gate, with its level shared between the looks that are taken at it day
    after day: ``harmed`` is said where the whole interval is below 0 and the loss is at least
    ``policy.gain``, ``helped`` where it is above 0, neither before EARLIEST days. ``no difference``
    is said after ``policy.days``. ``replaced`` are sensors that were replaced, and when: a
    forecast from before that is not held against what the successor reads.
    """
    losses = _losses(rows, replaced)
    by_series = differences(losses, "sql", old=CHAMPION, new=CHALLENGER)
    if len(by_series) < paired.LEAST:
        return None
    test = paired.paired(by_day(by_series, weights(by_series)), alpha=policy.alpha / LOOKS)
    mean, low, high = (share(value) for value in (test.mean, test.low, test.high))
    kept = saved(losses, "sql", old=CHAMPION, new=CHALLENGER).dropna()
    series = {str(name): float(value) for name, value in kept.items()}
    said = _said(test.days, (mean, low, high), policy)
    return Gain(test.days, mean, low, high, said, series, test.t, test.nu)


def _said(days: int, found: tuple[float, float, float], policy: Gate) -> Said:
    mean, low, high = found
    if days < EARLIEST:
        return "too early"
    if low > 0:
        return "helped"
    if high < 0 and mean <= -policy.gain:
        return "harmed"
    return "no difference" if days >= policy.days else "too early"


def _losses(rows: pd.DataFrame, replaced: Sequence[tuple[str, pd.Timestamp]]) -> pd.DataFrame:
    kept = rows.assign(model=rows["model"].map(CALLED), day=rows["as_of"].dt.floor("D"))
    kept = held(kept, replaced)
    # Vintages of one series that share a cutoff are one forecast: the first is scored.
    kept = kept.sort_values("as_of").drop_duplicates(list(BACKTEST.key))
    ones = pd.DataFrame({"unique_id": kept["unique_id"].unique()}).assign(mae=1.0, rmse=1.0)
    return daily(kept.drop(columns="as_of"), scale=ones, least=1).losses
