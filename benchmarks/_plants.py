"""Series with something planted in them: generated ones, and those of the sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from horizonte import params
from horizonte.monitor import units
from horizonte.monitor.days import Days, days
from horizonte.prepare.clean import clean

Reals = NDArray[np.float64]
ROOT = Path(__file__).parents[1]
GRADUAL = ("trend break", "slow decay")
FACTORS = (1000.0, 1e-3, 100.0, 0.01, 3.6, 1 / 3.6, 2.236936, 60.0)
AFFINE = (1.8, 32.0)


@dataclass(frozen=True)
class Planted:
    """One series, what was planted, on which day, and how much; ``clean_y`` is without it."""

    y: pd.Series  # by UTC instants, as it came
    clean_y: pd.Series
    noise: Reals | None  # of generated series, by cell, before the plant
    meta: dict[str, object]
    name: str  # of what was planted, or nothing
    day: int
    size: float
    rho: float
    season: float  # amplitudes in deviations of the noise

    def until(self, day: int) -> pd.Series:
        """Return what had come after ``day`` days."""
        per = pd.Timedelta("P1D") // pd.Timedelta(str(self.meta["freq"]))
        return self.y.iloc[: day * per]


def declared(name: str, freq: str, **facts: object) -> dict[str, object]:
    """Return a SERIES row."""
    base: dict[str, object] = {
        "unique_id": name,
        "freq": freq,
        "unit": "1",
        "zone": "UTC",
        "role": "target",
        "known_ahead_hours": 0.0,
        "publication_lag_seconds": 0.0,
        "lower": None,
        "upper": None,
        "covariates": [],
        "holidays": None,
        "source": "s",
    }
    return base | facts


def generated(rng: np.random.Generator, freq: str, *, rho: float, days_: int) -> Planted:
    """Return a seasonal series with noise of memory ``rho`` (per step), its seasons drawn at random."""
    per = 24 if freq == "PT1H" else 1
    n = days_ * per
    ds = pd.date_range("2019-01-01", periods=n, freq=pd.Timedelta(freq), tz="UTC")
    noise = remembered(rng, n, rho)
    season = float(rng.choice([1.0, 2.0, 5.0]))
    t = np.arange(n) / per
    phases = rng.uniform(0, 2 * np.pi, 4)
    week = rng.normal(size=7)
    week = (week - week.mean()) / week.std()
    y = rng.uniform(10, 40) + season * np.sin(2 * np.pi * t / 365.25 + phases[0])
    y = y + season * (0.5 if per > 1 else 1.0) * week[ds.weekday]
    if per > 1:
        y = y + season * np.sin(2 * np.pi * t + phases[1])
        y = y + season / 2 * np.sin(4 * np.pi * t + phases[2])
    values = pd.Series(y + noise, index=ds)
    meta = declared("made", freq)
    return Planted(values, values, noise, meta, "nothing", days_, 0.0, rho, season)


def remembered(rng: np.random.Generator, n: int, rho: float) -> Reals:
    """Return ``n`` steps of noise of deviation 1 with memory ``rho``."""
    new = rng.standard_normal(n + 400) * np.sqrt(1 - rho**2)
    out = np.empty(n + 400)
    last = 0.0
    for i, e in enumerate(new):
        last = rho * last + e
        out[i] = last
    return out[400:]


@dataclass(frozen=True)
class Spot:
    """Where a change is planted: ``y`` is altered from cell ``at`` on."""

    base: Planted
    y: Reals
    at: int
    since: Reals  # days
    sd: float

    @property
    def per(self) -> int:
        """Return how many cells a day has."""
        return int(pd.Timedelta("P1D") // pd.Timedelta(str(self.base.meta["freq"])))

    def parted(self) -> tuple[Reals, Reals]:
        """Return what is usual of each cell and what departs from it."""
        noise = self.base.noise
        rolled = self.base.y.rolling(max(3, self.per // 6), center=True, min_periods=1).mean()
        usual = self.y - noise if noise is not None else rolled.to_numpy()
        return usual, self.y - usual


def plant(
    base: Planted, name: str, rng: np.random.Generator, *, day: int, deviation: float
) -> Planted:
    """Return ``base`` with ``name`` planted from ``day`` on, its size drawn; in ``deviation``s."""
    per = pd.Timedelta("P1D") // pd.Timedelta(str(base.meta["freq"]))
    at = day * per + (int(rng.integers(per)) if per > 1 else 0)
    y = base.y.to_numpy().copy()
    since = np.arange(1, len(y) - at + 1) / per
    size = PLANTS[name](Spot(base, y, at, since, deviation), rng)
    values = pd.Series(y, index=base.y.index)
    return replace(base, y=values, name=name, day=day, size=size)


def _sign(rng: np.random.Generator) -> float:
    return float(rng.choice([-1.0, 1.0]))


def _level(spot: Spot, rng: np.random.Generator) -> float:
    size = _sign(rng) * spot.sd * float(np.exp(rng.uniform(np.log(1), np.log(6))))
    spot.y[spot.at :] += size
    return size


def _trend(spot: Spot, rng: np.random.Generator) -> float:
    size = _sign(rng) * spot.sd * float(rng.uniform(2, 6)) / 90
    spot.y[spot.at :] += size * spot.since
    return size


def _noise(spot: Spot, rng: np.random.Generator) -> float:
    size = float(np.exp(_sign(rng) * rng.uniform(np.log(1.7), np.log(4))))
    usual, rest = spot.parted()
    spot.y[spot.at :] = (usual + size * rest)[spot.at :]
    return size


def _phase(spot: Spot, rng: np.random.Generator) -> float:
    hours = int(rng.choice([-6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 9, 12]))
    lag = hours * spot.per // 24 if spot.per > 1 else int(_sign(rng) * rng.integers(1, 4))
    generated = spot.base.noise is not None
    usual, rest = spot.parted() if generated else (spot.y.copy(), np.zeros(len(spot.y)))
    spot.y[spot.at :] = (np.roll(usual, lag) + rest)[spot.at :]
    return float(hours if spot.per > 1 else 24 * lag)


def _unit(spot: Spot, rng: np.random.Generator) -> float:
    unit = str(spot.base.meta["unit"])  # what readings in it may be mistaken for
    kinds = [(f, 0.0) for f in FACTORS if np.isclose(units.factors(unit), f).any()]
    kinds += [AFFINE] if units.warm(unit) else []
    times, plus = kinds[int(rng.integers(len(kinds)))]
    spot.y[spot.at :] = spot.y[spot.at :] * times + plus
    return times


def _stuck(spot: Spot, _: np.random.Generator) -> float:
    known = spot.y[: spot.at + 1]
    spot.y[spot.at :] = known[np.isfinite(known)][-1]
    return 0.0


def _silent(spot: Spot, _: np.random.Generator) -> float:
    spot.y[spot.at :] = np.nan
    return 0.0


def _decay(spot: Spot, rng: np.random.Generator) -> float:
    size = float(rng.uniform(0.2, 0.6)) / 120
    spot.y[spot.at :] *= np.maximum(1 - size * spot.since, 0.1)
    return size


PLANTS: dict[str, Callable[[Spot, np.random.Generator], float]] = {
    "missing feed": _silent,
    "stuck sensor": _stuck,
    "unit change": _unit,
    "level shift": _level,
    "trend break": _trend,
    "variance change": _noise,
    "phase shift": _phase,
    "slow decay": _decay,
}


@lru_cache(maxsize=1)
def rules() -> params.Rules:
    """Return the project's cleaning rules."""
    return params.load(ROOT / "params.yaml").clean


def prepared(y: pd.Series, meta: dict[str, object]) -> pd.DataFrame:
    """Return the PREPARED rows of what came."""
    came = y.dropna()
    rows = pd.DataFrame({"unique_id": meta["unique_id"], "ds": came.index, "y": came.to_numpy()})
    return clean(rows, series=pd.DataFrame([meta]), rules=rules())


def as_days(rows: pd.DataFrame, meta: dict[str, object], now: pd.Timestamp) -> Days | None:
    """Return the days of PREPARED rows."""
    return days(rows, meta, now=now)


@lru_cache(maxsize=1)
def sample() -> dict[str, tuple[pd.Series, dict[str, object]]]:
    """Return the sample's series at their own step, with what is declared of them."""
    folder = ROOT / "data/sample"
    vic = pd.read_csv(folder / "vic_demand_30min.csv", parse_dates=["timestamp"], index_col=0)
    walks = pd.read_csv(folder / "pedestrian_hourly.csv.gz", parse_dates=["timestamp"])
    mast = pd.read_csv(folder / "mast_10min.csv.gz", parse_dates=["Timestamp"], index_col=0)
    mast.index = mast.index.tz_localize("UTC")
    melbourne = {"zone": "Australia/Melbourne", "holidays": "AU-VIC"}
    found = {
        "vic/demand_mw": (vic["demand_mw"], _facts("PT30M", "MW", 0, 15000) | melbourne),
        "vic/temperature_c": (
            vic["temperature_c"],
            _facts("PT30M", "degC", -20, 60) | {"zone": "Australia/Melbourne"},
        ),
        "mast/spd80m_n": (mast["Spd80mN"], _facts("PT10M", "m/s", 0.05, 75)),
        "mast/t2m": (mast["T2m"], _facts("PT10M", "degC", -40, 60)),
        "mast/p2m": (mast["P2m"], _facts("PT10M", "hPa", 870, 1085)),
    }
    for sensor, own in walks.groupby("sensor"):
        facts = _facts("PT1H", "people", 0, 30000) | melbourne
        found[f"pedestrian/{sensor}"] = (own.set_index("timestamp")["count"].astype(float), facts)
    return {
        name: (
            y[~y.index.duplicated()].asfreq(pd.Timedelta(str(facts["freq"]))),
            declared(name, **facts),
        )
        for name, (y, facts) in found.items()
    }


def _facts(freq: str, unit: str, lower: float, upper: float) -> dict[str, object]:
    return {"freq": freq, "unit": unit, "lower": float(lower), "upper": float(upper)}


def real(name: str) -> Planted:
    """Return a series of the sample with nothing planted."""
    y, meta = sample()[name]
    per = pd.Timedelta("P1D") // pd.Timedelta(str(meta["freq"]))
    return Planted(y, y, None, meta, "nothing", len(y) // per, 0.0, np.nan, np.nan)
