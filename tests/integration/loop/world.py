"""A small database in which a champion has served for weeks, without any model being trained."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from horizonte.contracts import QUANTILE_COLUMNS, QUANTILES
from horizonte.loop import monitor
from horizonte.loop.monitor import Outcome
from horizonte.params import Rules
from horizonte.serve.bucket import Bucket
from horizonte.store import annotations, forecasts, ledger, prepared
from horizonte.store.connection import Connection

START = pd.Timestamp("2026-01-05", tz="UTC")  # a Monday
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)
RULES = Rules(impute_up_to="PT2H", flatline_after=None, spike_window="P3D", spike_mads=None)
SPREAD = 4.0  # standard deviation of what no forecast can know
NORMAL = (-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645)  # of QUANTILES
assert len(NORMAL) == len(QUANTILES)


def course(hours: np.ndarray) -> np.ndarray:
    """What a good model knows: a daily and a weekly course."""
    days = hours / 24
    return 100 + 20 * np.sin(2 * np.pi * days) + 10 * np.sin(2 * np.pi * days / 7)


def eventually(true: Callable[[], bool]) -> None:
    """Wait until ``true``; fail after a minute."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@dataclass
class World:
    """One target of one source with a recorded clock, and the champion that forecasts it."""

    conn: Connection
    root: Path
    bucket: Bucket
    name: str
    version: str
    load: Callable[..., ledger.Counts]
    hours: int = 0  # that have come

    def live(
        self,
        days: int,
        *,
        shift: float = 0.0,
        narrow: float = 1.0,
        say: bool = True,
        stuck: bool = False,
        times: float = 1.0,
    ) -> None:
        """Let ``days`` pass: readings ``shift`` above the course, and a forecast every midnight.

        ``narrow`` divides the widths of the bands; ``stuck`` readings are all the same. Readings
        and forecasts are ``times`` as large.
        """
        rng = np.random.default_rng(self.hours)
        began, self.hours = self.hours, self.hours + 24 * days
        numbers = np.arange(began, self.hours)
        y = course(numbers) + shift + rng.normal(0, SPREAD, len(numbers))
        self.readings(numbers, times * (np.full_like(y, y[0]) if stuck else y))
        for hour in range(began + 24, self.hours + 1, 24) if say else ():
            self.say(hour, narrow, times)

    def readings(self, numbers: np.ndarray, y: np.ndarray) -> None:
        """Store readings of the hours ``numbers``, and clean."""
        ds = START + pd.to_timedelta(numbers, unit="h")
        frame = pd.DataFrame({"unique_id": self.name, "ds": ds, "y": y})
        self.load(frame, source=self.name, arrival=START + self.hours * HOUR)
        prepared.follow(self.conn, RULES, [self.name])

    def say(self, hour: int, narrow: float = 1.0, times: float = 1.0) -> None:
        """Issue a live forecast of 48 hours from ``hour`` on."""
        cutoff = START + (hour - 1) * HOUR
        numbers = np.arange(hour, hour + 48)
        frame = pd.DataFrame({"unique_id": self.name, "ds": START + pd.to_timedelta(numbers, "h")})
        frame["mean"] = course(numbers)
        for column, z in zip(QUANTILE_COLUMNS, NORMAL, strict=True):
            frame[column] = frame["mean"] + z * SPREAD / narrow
        frame[["mean", *QUANTILE_COLUMNS]] *= times
        run = forecasts.Run(
            "live", self.version, cutoff, cutoff.to_pydatetime(), cutoffs={self.name: cutoff}
        )
        forecasts.issue(self.conn, run, frame)

    def monitor(self) -> Outcome:
        """Monitor once."""
        return monitor.run(self.conn, root=self.root, bucket=lambda: self.bucket)

    def note(self, kind: str, starts_at: pd.Timestamp, ends_at: pd.Timestamp) -> None:
        """Annotate a stretch."""
        row = {
            "unique_id": self.name,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "kind": kind,
            "note": "",
            "available_at": ends_at,
            "withdrawn": False,
        }
        annotations.add(self.conn, pd.DataFrame([row]))
        prepared.follow(self.conn, RULES, [self.name])

    def count(self, table: str) -> int:
        """Return the rows of ``table``."""
        row = self.conn.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert row is not None
        return int(row[0])
