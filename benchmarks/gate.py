"""The gate's proof: of 100 equal challengers at most 5 pass, of 100 that are 5 % better at least 80.

Every planted challenger goes through ``retrain.gate.judge``, the function that decides. Material:
(a) forecasts of models of the sample, made through the path that answers requests, of days that
none of them was trained on; (b) generated panels of chosen autocorrelation and size. Challengers of
even number are for tuning, odd ones for the report. Reads what ``dvc repro`` left in ``data/``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import _material
from horizonte import policy
from horizonte.contracts import BACKTEST, QUANTILE_COLUMNS
from horizonte.retrain.daily import CHALLENGER, CHAMPION, NAIVE
from horizonte.retrain.gate import judge
from horizonte.retrain.ruling import Ruling

ROOT = Path(__file__).parents[1]
BETTER = 0.05
NORMAL = (-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645)
Maker = Callable[[np.random.Generator, int], pd.DataFrame]


def planted(rows: pd.DataFrame, better: float) -> pd.DataFrame:
    """Return ``rows`` with every quantile of the challenger moved by ``better`` towards what came.

    Its quantile loss is then smaller by exactly that share, in every row, and its coverage the same.
    """
    mine = rows["model"] == CHALLENGER
    names = ["mean", *QUANTILE_COLUMNS]
    moved = rows[names].sub(rows["y"], axis=0).mul(1 - better).add(rows["y"], axis=0)
    return rows.assign(**{n: rows[n].where(~mine, moved[n]) for n in names})


def real(material: pd.DataFrame, pair: tuple[str, str], days: int) -> Maker:
    """Return a maker of comparisons of two models of the sample that are equal in expectation.

    Each series takes a stretch of ``days`` at random, the same for series of one source. The
    second model's errors were scaled so that both lose the same over all 196 days, and which of
    the two is the challenger is drawn by series: no statistic that treats them alike expects a
    difference, and pairing, autocorrelation and slow changes are those of real models.
    """
    equal = _material.equalised(material, pair)
    last = int(equal["day"].max())
    by_source = dict(iter(equal.groupby(equal["unique_id"].str.partition("/")[0])))

    def make(draw: np.random.Generator, _: int) -> pd.DataFrame:
        parts = []
        for own in by_source.values():
            start = int(draw.integers(int(own["day"].min()), last - days + 2))
            window = own[(own["day"] >= start) & (own["day"] < start + days)]
            for _, series in window.groupby("unique_id"):
                first = (draw.random() < 0.5) == (series["model"] == pair[0])
                called = np.where(first, CHALLENGER, CHAMPION)
                called = np.where(series["model"] == NAIVE, NAIVE, called)
                parts.append(series.assign(model=called, day=series["day"] - start))
        return pd.concat(parts, ignore_index=True)

    return make


def generated(series: int, rho: float, days: int, *, sd: float = 0.12) -> Maker:
    """Return a maker of panels whose models' errors grow and shrink from day to day.

    Both forecast the truth; their errors are the same noise times a factor of their own, whose
    logarithm is an AR(1) process of autocorrelation ``rho``. So the models are exchangeable, and
    the daily relative difference of their losses has standard deviation ``sd`` and, but for the
    ends of its range, autocorrelation ``rho``.
    """
    hours = np.arange(1, 25, 3)

    def factors(draw: np.random.Generator) -> np.ndarray:
        shocks = draw.normal(size=days + 50) * sd / np.sqrt(2)
        for day in range(1, shocks.size):
            shocks[day] = rho * shocks[day - 1] + np.sqrt(1 - rho**2) * shocks[day]
        return np.repeat(np.exp(shocks[50:]), hours.size)

    def make(draw: np.random.Generator, _: int) -> pd.DataFrame:
        parts = []
        start = pd.Timestamp("2026-01-01", tz="UTC")
        day = np.repeat(np.arange(days), hours.size)
        cutoff = start + pd.to_timedelta(day, unit="D")
        ds = cutoff + pd.to_timedelta(np.tile(hours, days), unit="h")
        for number in range(series):
            noise = draw.normal(size=day.size)
            y = 10 + 3 * np.sin(2 * np.pi * np.tile(hours, days) / 24) + noise
            facts = {"unique_id": f"s{number}", "cutoff": cutoff, "ds": ds, "y": y, "day": day}
            for model in (CHAMPION, CHALLENGER):
                factor = factors(draw)
                bands = {
                    c: y + (z - noise) * factor
                    for c, z in zip(QUANTILE_COLUMNS, NORMAL, strict=True)
                }
                mean = y - noise * factor
                parts.append(pd.DataFrame({"model": model, **facts, "mean": mean, **bands}))
            naive = y - noise + draw.normal(size=day.size) * 1.2
            empty = dict.fromkeys(QUANTILE_COLUMNS, np.nan)
            parts.append(pd.DataFrame({"model": NAIVE, **facts, "mean": naive, **empty}))
        return pd.concat(parts, ignore_index=True)

    return make


def passed(make: Maker, better: float, numbers: range, gate: policy.Gate) -> list[Ruling]:
    """Return the rulings on challengers ``numbers``, each from its own seed."""
    found = []
    for number in numbers:
        rows = planted(make(np.random.default_rng([number, 7]), number), better)
        ids = sorted(rows["unique_id"].unique())
        scale = pd.DataFrame({"unique_id": ids, "mae": 1.0, "rmse": 1.0})
        kept = [*BACKTEST.columns, "day"]
        found.append(judge(rows[kept], scale=scale, policy=gate))
    return found


def cases(material: pd.DataFrame, days: int) -> Iterator[tuple[str, Maker]]:
    """Yield every kind of material with its name."""
    for pair, name in _material.PAIRS.items():
        yield f"sample, {name}", real(material, pair, days)
    for series in (1, 6, 30):
        for rho in (0.0, 0.4, 0.8):
            yield f"generated, {series} series, autocorrelation {rho}", generated(series, rho, days)


def main() -> None:
    """Print the pass rates as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tune", action="store_true", help="even challengers, not the odd ones")
    parser.add_argument("--only", default="", help="kinds of material whose name holds this")
    parser.add_argument("--count", type=int, default=100, help="challengers of each kind")
    parser.add_argument("--days", type=int, help="instead of the policy's days")
    parser.add_argument("--alpha", type=float, help="instead of the policy's level")
    parser.add_argument("--keep", type=Path, help="folder that keeps the models between runs")
    asked = parser.parse_args()
    gate = policy.load(ROOT / "params.yaml").gate
    changed = {"alpha": asked.alpha, "days": asked.days}
    gate = gate.model_copy(update={k: v for k, v in changed.items() if v is not None})
    days = gate.days - 1  # the last forecast must have come: two days of horizon, one at each end
    material = _material.load(ROOT, keep=asked.keep)
    kinds = [(name, make) for name, make in cases(material, days) if asked.only in name]
    first = 0 if asked.tune else 1
    numbers = range(first, first + 2 * asked.count, 2)
    print(f"{days} days, level {gate.alpha:g}, least gain {100 * gate.gain:g} %\n")
    print("| material | equal: passed | 5 % better: passed | interval reaches below the gain by |")
    print("|---|---|---|---|")
    for name, make in kinds:
        equal, better = (passed(make, by, numbers, gate) for by in (0.0, BETTER))
        errors = [r.gain - r.low for r in equal if r.gain is not None and r.low is not None]
        print(
            f"| {name} | {sum(r.passed for r in equal)} of {len(equal)} "
            f"| {sum(r.passed for r in better)} of {len(better)} "
            f"| {100 * float(np.median(errors)):.1f} % |",
            flush=True,
        )


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
