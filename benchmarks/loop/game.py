"""One game day: time passes over a world, and a strategy decides when its model is replaced."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd
from benchmarks.loop.players import DAY, Player

from horizonte.model.forecaster import Forecaster

WEEK = 7


@dataclass
class Played:
    """What happened in a game."""

    said: list[pd.DataFrame] = field(default_factory=list)
    named: list[tuple[pd.Timestamp, str]] = field(default_factory=list)
    alarms: list[pd.Timestamp] = field(default_factory=list)  # new ones, before brakes
    asked: list[tuple[pd.Timestamp, str]] = field(default_factory=list)
    promoted: list[pd.Timestamp] = field(default_factory=list)
    noted: pd.Timestamp | None = None  # when a person said that the unit had changed
    fits: int = 0
    seconds: float = 0.0

    def rows(self) -> pd.DataFrame:
        """Return all that was said live."""
        return pd.concat(self.said, ignore_index=True)


@dataclass
class Moment:
    """Who plays, what time it is, which model served until now, and what has happened."""

    player: Player
    now: pd.Timestamp
    model: Forecaster
    played: Played


class Strategy(Protocol):
    """Decides, every ``days``, with which model it goes on."""

    days: int

    def decide(self, moment: Moment) -> Forecaster:
        """Return the model from now on."""


def play(player: Player, strategy: Strategy, *, first: pd.Timestamp) -> Played:
    """Return what happens from ``first`` to the world's end when ``strategy`` decides."""
    played = Played()
    model = player.train(first)
    before, costs = player.fits, player.seconds
    end = player.world.y.index[-1] - 2 * DAY
    at = first
    while at < end:
        days = pd.date_range(at, min(at + (strategy.days - 1) * DAY, end), freq="D")
        version = f"{first:%Y%m%d}-{len(played.promoted)}"
        played.said.append(player.say(model, days).assign(model_version=version, purpose="live"))
        at = days[-1] + DAY
        model = strategy.decide(Moment(player, at, model, played))
    played.fits, played.seconds = player.fits - before, player.seconds - costs
    return played


@dataclass
class Never:
    """Keeps the first model."""

    days: int = 10_000

    def decide(self, moment: Moment) -> Forecaster:
        """Return the model."""
        return moment.model


@dataclass
class Every:
    """Trains anew every ``days``, on all that is known, and asks no gate."""

    days: int

    def decide(self, moment: Moment) -> Forecaster:
        """Return a new model."""
        moment.played.promoted.append(moment.now)
        return moment.player.train(moment.now)


@dataclass
class Preset:
    """Trains anew in every week in which Evidently's default preset says that the data drifted."""

    days: int = WEEK
    window: pd.Timedelta = 28 * DAY

    def decide(self, moment: Moment) -> Forecaster:
        """Return a new model where the last four weeks drifted from those a year before."""
        y, now = moment.player.y, moment.now
        current = _between(y, now - self.window, now)
        reference = _between(y, now - 364 * DAY - self.window, now - 364 * DAY)
        if min(len(current), len(reference)) < 24 or not _drifted(reference, current):
            return moment.model
        moment.played.alarms.append(now)
        moment.played.promoted.append(now)
        return moment.player.train(now)


def _between(y: pd.Series, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    return y[(y.index >= start) & (y.index < end)].dropna().to_frame("y").reset_index(drop=True)


def _drifted(reference: pd.DataFrame, current: pd.DataFrame) -> bool:
    from evidently import Report
    from evidently.presets import DataDriftPreset

    found: dict[str, Any] = Report([DataDriftPreset()]).run(current, reference).dict()
    count = next(m for m in found["metrics"] if "DriftedColumnsCount" in str(m))
    return bool(count["value"]["share"] >= 0.5)
