"""Series with a season, weather that persists, and one planted change: generated, or the sample's demand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from benchmarks._plants import declared

from horizonte.contracts import SERIES

START = pd.Timestamp("2020-01-06", tz="UTC")
HISTORY = pd.Timedelta(days=2 * 364)
UNIQUE_ID = "world/y"
SAMPLE, DEMAND = Path(__file__).parents[2] / "data/clean/observation.parquet", "vic/demand_mw"
ZONE = "Australia/Melbourne"
YEAR = 365.2425  # days; another one would move against the calendar, and be a change
FACTORS = (1000.0, 0.001, 100.0, 0.01, 3.6, 1 / 3.6)


@dataclass(frozen=True)
class World:
    """One hourly series over history and play, and what was planted."""

    y: pd.Series  # by ds; NaN where nothing arrives
    kind: str | None
    at: pd.Timestamp | None  # when the change begins
    size: float
    rho: float  # NaN: of the sample

    @property
    def series(self) -> pd.DataFrame:
        """Return its SERIES row."""
        row = declared(UNIQUE_ID, "PT1H", unit="MW", source="world")
        return SERIES.check(pd.DataFrame([row]))


class Maker(Protocol):
    """Makes the world of a seed."""

    def __call__(self, seed: int, *, kind: str | None, days: int) -> World:
        """Return it."""


def make(seed: int, *, kind: str | None, days: int) -> World:
    """Return the world of ``seed``: noise, size and date of the change are drawn from it."""
    rng = np.random.default_rng(seed)
    hours = int((HISTORY + pd.Timedelta(days=days)) / pd.Timedelta(hours=1))
    ds = pd.date_range(START, periods=hours, freq="h")
    rho = float(rng.choice([0.0, 0.3, 0.6, 0.8, 0.95]))
    level, t = 100.0, np.arange(hours)
    profile = _profile(rng)
    clean = level + _seasons(t, profile)
    noise = _noise(rng, hours, rho) * rng.uniform(2.0, 5.0)
    return _planted(Draw(clean, noise, 0, profile, rng), kind, ds, rho)


def sample(seed: int, *, kind: str | None, days: int) -> World:
    """Return the demand of the sample, hourly, with the change of ``seed`` planted in it.

    Hours are those on the wall, without summer time, moved by whole weeks to START. What is left
    of it beside its usual week is its noise: that sets the size of what is planted. Needs ``dvc
    repro``; raises ValueError where the sample is too short for ``days`` of play.
    """
    rows = pd.read_parquet(SAMPLE, filters=[("unique_id", "==", DEMAND)]).set_index("ds")["y"]
    y = rows.resample("h").mean()
    y.index = y.index.tz_convert(ZONE).tz_localize(None).tz_localize("UTC")
    y = y[~y.index.duplicated()].asfreq("h").interpolate(limit_area="inside").dropna()
    y = y[y.index >= y.index[0].ceil("D") + pd.Timedelta(days=-y.index[0].ceil("D").weekday() % 7)]
    hours = int((HISTORY + pd.Timedelta(days=days)) / pd.Timedelta(hours=1))
    if len(y) < hours:
        raise ValueError(f"{DEMAND}: {len(y):,} hours, {hours:,} are needed; play fewer days")
    values = y.to_numpy()[:hours]
    week = np.arange(hours) % 168
    clean = (np.bincount(week, values) / np.bincount(week))[week]
    profile = np.bincount(week % 24, values) / np.bincount(week % 24)
    ds = pd.date_range(START, periods=hours, freq="h")
    rng = np.random.default_rng(seed)
    draw = Draw(clean, values - clean, 0, profile - profile.mean(), rng, whole=True)
    return _planted(draw, kind, ds, float("nan"))


def _planted(calm: Draw, kind: str | None, ds: pd.DatetimeIndex, rho: float) -> World:
    if kind is None:
        return World(pd.Series(calm.y, ds), None, None, 0.0, rho)
    rng = calm.rng
    start = int((HISTORY + pd.Timedelta(days=int(rng.integers(40, 120)))) / pd.Timedelta(hours=1))
    y, size = PLANTS[kind](replace(calm, start=start))
    return World(pd.Series(y, ds), kind, ds[start], size, rho)


def _profile(rng: np.random.Generator) -> np.ndarray:
    """Return a day's shape: two peaks of random height and place."""
    hour = np.arange(24)
    peaks = [
        (8 + rng.uniform(-1, 1), 2.0, rng.uniform(10, 20)),
        (19 + rng.uniform(-1, 1), 2.5, rng.uniform(15, 30)),
    ]
    shape = sum(h * np.exp(-0.5 * ((hour - at) / w) ** 2) for at, w, h in peaks)
    return np.asarray(shape - np.mean(shape))


def _seasons(t: np.ndarray, profile: np.ndarray) -> np.ndarray:
    week = np.where(t // 24 % 7 < 5, 1.0, 0.6)
    year = 15 * np.cos(2 * np.pi * t / (24 * YEAR))
    return profile[t % 24] * week + year


def _noise(rng: np.random.Generator, n: int, rho: float) -> np.ndarray:
    """Return unit noise whose daily means are autocorrelated by ``rho``, with hourly wiggles on top."""
    days = n // 24 + 2
    daily = np.zeros(days)
    for i, e in enumerate(rng.normal(size=days)):
        daily[i] = rho * daily[i - 1] + np.sqrt(1 - rho**2) * e if i else e
    slow = np.interp(np.arange(n) / 24, np.arange(days), daily)
    fast = np.zeros(n)
    for i, e in enumerate(rng.normal(size=n)):
        fast[i] = 0.7 * fast[i - 1] + np.sqrt(1 - 0.49) * e if i else e
    return np.sqrt(0.5) * (slow + fast)


@dataclass(frozen=True)
class Draw:
    """What a change is planted in: the clean curve, its noise, and when it begins."""

    clean: np.ndarray
    noise: np.ndarray
    start: int
    profile: np.ndarray
    rng: np.random.Generator
    whole: bool = False  # whether a clock that is set wrong moves the noise as well

    @property
    def y(self) -> np.ndarray:
        """Return the curve without a change."""
        return self.clean + self.noise

    @property
    def since(self) -> np.ndarray:
        """Return the hours since the change, 0 before it."""
        return np.maximum(np.arange(len(self.clean)) - self.start, 0)

    @property
    def after(self) -> np.ndarray:
        """Tell which hours come after the change."""
        return np.arange(len(self.clean)) >= self.start

    @property
    def spread(self) -> float:
        """Return the standard deviation of the noise."""
        return float(np.std(self.noise))

    @property
    def sign(self) -> float:
        """Draw up or down."""
        return float(self.rng.choice([-1.0, 1.0]))


def _level(d: Draw) -> tuple[np.ndarray, float]:
    size = d.sign * d.rng.uniform(2, 5) * d.spread
    return d.y + size * d.after, size


def _trend(d: Draw) -> tuple[np.ndarray, float]:
    size = d.sign * d.rng.uniform(0.02, 0.06) * d.spread  # a day
    return d.y + size * d.since / 24, size


def _variance(d: Draw) -> tuple[np.ndarray, float]:
    size = d.rng.uniform(2, 3)
    return d.clean + d.noise * np.where(d.after, size, 1.0), size


def _phase(d: Draw) -> tuple[np.ndarray, float]:
    size = d.sign * float(d.rng.integers(2, 6))
    if d.whole:
        return np.where(d.after, np.roll(d.y, int(size)), d.y), size
    t = np.arange(len(d.clean))
    share = np.where(t // 24 % 7 < 5, 1.0, 0.6)
    moved = d.clean + (np.roll(d.profile, int(size)) - d.profile)[t % 24] * share
    return np.where(d.after, moved, d.clean) + d.noise, size


def _unit(d: Draw) -> tuple[np.ndarray, float]:
    size = float(d.rng.choice(FACTORS))
    return np.where(d.after, d.y * size, d.y), size


def _stuck(d: Draw) -> tuple[np.ndarray, float]:
    return np.where(d.after, d.y[d.start - 1], d.y), 0.0


def _missing(d: Draw) -> tuple[np.ndarray, float]:
    return np.where(d.after, np.nan, d.y), 0.0


def _decay(d: Draw) -> tuple[np.ndarray, float]:
    size = d.rng.uniform(0.3, 0.6)  # of the gain, in a year
    return d.y * np.exp(np.log(1 - size) * d.since / (24 * 364)), size


PLANTS = {
    "level shift": _level,
    "trend break": _trend,
    "variance change": _variance,
    "phase shift": _phase,
    "unit change": _unit,
    "stuck sensor": _stuck,
    "missing feed": _missing,
    "slow decay": _decay,
}
