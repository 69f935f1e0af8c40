"""Naming what changed: planted changes, quiet years, and a CUSUM that knows, in event time.

Run: python benchmarks/loop_detect.py [--runs N] [--tune]. Every day from the plant on is looked at as
the monitor would, with nothing later known. Odd seeds are reported, even ones (--tune) were for choices.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd

import _knowing
import _plants
from _plants import Planted
from horizonte.monitor import faults, tracks
from horizonte.monitor.findings import NAMES, UNNAMED
from horizonte.monitor.watched import SHARES, Watched, watch

RATE, PATIENCE, YEARS = 0.5, 180, 5
MEMORIES = (0.0, 0.3, 0.6, 0.8, 0.95)
FREQS = ("PT1H", "P1D")
NOTHING = "nothing"


@dataclass(frozen=True)
class Outcome:
    """What one run came to."""

    kind: str  # generated hourly, generated daily or sample
    rho: float
    season: float
    planted: str
    size: float
    named: str
    later: str  # the name a week after the first
    days: int | None  # until something was told, by name or without
    knowing: int | None
    early: bool  # something was told on the day before


class Looker:
    """Looks at a series day by day; what is usual is learnt once a week, as ``detect`` learns it."""

    def __init__(self, planted: Planted) -> None:
        self.planted = planted
        self.step = pd.Timedelta(str(planted.meta["freq"]))
        self.rows = _plants.prepared(planted.y, planted.meta)
        self.zone = str(planted.meta["zone"])
        end = planted.y.index[-1] + self.step
        self.days = _plants.as_days(self.rows, planted.meta, end)
        self.week: tuple[int, Watched | None] = (-1, None)

    def at(self, rows: int) -> str:
        """Return what is told after the first ``rows`` days."""
        assert self.days is not None
        now = self.days.instant(rows)
        seen = self.rows[self.rows["ds"] < now]
        meta = self.planted.meta
        if faults.missing(seen, meta, now=now, rate=RATE * SHARES["missing"]):
            return "missing feed"
        if faults.stuck(seen, meta, rate=RATE * SHARES["stuck"]):
            return "stuck sensor"
        return self.changed(min(rows, len(self.days)))

    def changed(self, rows: int) -> str:
        """Return what is told of level, noise, gain and profile."""
        assert self.days is not None
        end, reach = tracks.reference(rows)
        if self.week[0] != end:
            self.week = (
                end,
                watch(self.days.until(min(end + reach + 7, len(self.days))), rate=RATE),
            )
            if self.week[1] is not None and self.week[1].level.end != end:
                self.week = (end, watch(self.days.until(end + reach + 6), rate=RATE))
        watched = self.week[1]
        if watched is None:
            return NOTHING
        found = watched.until(rows).told(unit=str(self.planted.meta["unit"]))
        return found.name if found else NOTHING


def run(planted: Planted, kind: str, *, cells: int) -> Outcome:
    """Return what is named first after the plant, and when."""
    looker, day = Looker(planted), planted.day
    early = looker.at(day) != NOTHING
    named = later = NOTHING
    days = None
    for after in range(1, PATIENCE + 1):
        told = looker.at(day + after)
        if told != NOTHING and days is None:
            days = after
        if told not in (NOTHING, UNNAMED):
            named, later = told, looker.at(day + after + 7)
            break
    knowing = _knowing.delay(planted, rate=RATE, cells=cells) if planted.noise is not None else None
    return Outcome(
        kind,
        planted.rho,
        planted.season,
        planted.name,
        planted.size,
        named,
        later,
        days,
        knowing,
        early,
    )


def made(seed: int, freq: str, rho: float, name: str) -> Outcome:
    """Return the outcome of one generated series."""
    rng = np.random.default_rng([seed, MEMORIES.index(rho), FREQS.index(freq), NAMES.index(name)])
    day = int(rng.integers(730, 1100))
    base = _plants.generated(rng, freq, rho=rho, days_=day + PATIENCE + 30)
    planted = _plants.plant(base, name, rng, day=day, deviation=1.0)
    hourly = freq == "PT1H"
    return run(planted, "hourly" if hourly else "daily", cells=24 if hourly else 1)


def sampled(seed: int, series: str, name: str) -> Outcome:
    """Return the outcome of one series of the sample."""
    rng = np.random.default_rng([seed, NAMES.index(name), 7])
    base = _plants.real(series)
    per = pd.Timedelta("P1D") // pd.Timedelta(str(base.meta["freq"]))
    room = PATIENCE + 10 if name in _plants.GRADUAL else 60
    day = int(rng.integers(max(450, base.day - 300), base.day - room))
    rest = (base.y - base.y.rolling(28 * per, min_periods=per).mean()).std()
    planted = _plants.plant(base, name, rng, day=day, deviation=float(rest))
    return run(planted, "sample", cells=per)


def quiet(seed: int, freq: str, rho: float) -> tuple[str, float, list[str], float]:
    """Return the onsets of alarms in five generated years without a change."""
    rng = np.random.default_rng([seed, MEMORIES.index(rho), FREQS.index(freq), 99])
    base = _plants.generated(rng, freq, rho=rho, days_=730 + 365 * YEARS)
    return ("hourly" if freq == "PT1H" else "daily", rho, onsets(base, 730), float(YEARS))


def unshifted(series: str) -> tuple[str, float, list[str], float]:
    """Return the onsets of alarms in what the sample has after its first 530 days."""
    base = _plants.real(series)
    return series, np.nan, onsets(base, 530), (base.day - 530) / 365


def onsets(base: Planted, first: int) -> list[str]:
    """Return what was told, once for every run of days on which something was."""
    looker, before, found = Looker(base), NOTHING, []
    assert looker.days is not None
    for rows in range(first, len(looker.days) + 1):
        told = looker.changed(rows)
        if told != NOTHING and before == NOTHING:
            found.append(f"{told} {looker.days.instant(rows):%Y-%m-%d}")
        before = told
    return found


def confusion(outcomes: Iterable[Outcome]) -> str:
    """Return the confusion matrix as Markdown: planted by named."""
    rows = Counter((o.planted, o.named) for o in outcomes)
    names = [*NAMES, NOTHING]
    lines = ["| planted | " + " | ".join(names) + " | right |", "|---" * (len(names) + 2) + "|"]
    for name in NAMES:
        total = sum(rows[name, other] for other in names)
        if total:
            cells = " | ".join(str(rows[name, other] or "") for other in names)
            lines.append(f"| {name} | {cells} | {rows[name, name] / total:.0%} |")
    return "\n".join(lines)


def delays(outcomes: Iterable[Outcome]) -> str:
    """Return the delays beside the CUSUM that knows, of runs that both told."""
    lines = [
        "| planted | told by both | days, mean | CUSUM that knows | ratio | median of ratios |",
        "|---" * 6 + "|",
    ]
    both = [o for o in outcomes if o.days is not None and o.knowing is not None and not o.early]
    for name in (*NAMES[2:], "all"):
        own = [o for o in both if name in (o.planted, "all") and o.planted in NAMES[2:]]
        if own:
            ours, theirs = (
                np.array([getattr(o, k) for o in own], float) for k in ("days", "knowing")
            )
            ratio = ours.mean() / theirs.mean()
            lines.append(
                f"| {name} | {len(own)} | {ours.mean():.1f} | {theirs.mean():.1f} | {ratio:.2f} "
                f"| {np.median(ours / theirs):.2f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Run everything on two processes and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--only", default="quiet,made,sample")
    given = parser.parse_args()
    seeds = [2 * i + (0 if given.tune else 1) for i in range(given.runs)]
    began = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        if "quiet" in given.only:
            jobs = [pool.submit(quiet, seeds[0], f, r) for f in FREQS for r in MEMORIES]
            jobs += (
                [pool.submit(unshifted, s) for s in _plants.sample()]
                if "sample" in given.only
                else []
            )
            for kind, rho, found, years in (j.result() for j in jobs):
                print(
                    f"quiet {kind} rho={rho}: {len(found) / years:.2f} a year {found}", flush=True
                )
        if "made" in given.only:
            todo = [(s, f, r, n) for s in seeds for f in FREQS for r in MEMORIES for n in NAMES]
            outcomes = [j.result() for j in [pool.submit(made, *t) for t in todo]]
            show(outcomes, "generated")
        if "sample" in given.only:
            todo_real = [(s, u, n) for s in seeds for u in _plants.sample() for n in NAMES]
            outcomes = [j.result() for j in [pool.submit(sampled, *t) for t in todo_real]]
            show(outcomes, "sample")
    print(f"\n{time.perf_counter() - began:.0f} s")


def show(outcomes: list[Outcome], title: str) -> None:
    """Print all tables of ``outcomes``."""
    fair = [o for o in outcomes if not o.early]
    right = sum(o.planted == o.named for o in fair) / max(len(fair), 1)
    later = sum(o.planted == o.later for o in fair) / max(len(fair), 1)
    print(
        f"\n## {title}: {len(outcomes)} runs, {len(outcomes) - len(fair)} told something before; "
        f"named right {right:.0%}, a week later {later:.0%}\n"
    )
    print(confusion(fair), "\n")
    print(delays(fair), flush=True)
    for o in fair:
        if o.planted != o.named:
            print("  missed", o)


if __name__ == "__main__":
    main()
