"""Every target as a line of the overview: what is late, what is degraded; sorted, filtered, searched."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from horizonte.monitor.absence import STEPS

PAGE = 50
SHOWN = ("all", "stale", "degraded", "alarms", "worse")


@dataclass(frozen=True)
class Line:
    """One target. Ages are on the clock of its source; ``skill`` is the error saved against naive."""

    row: Mapping[str, Any]
    reading_age: timedelta | None
    forecast_age: timedelta | None
    alarms: tuple[str, ...]

    @property
    def unique_id(self) -> str:
        """Return the name of the series."""
        return str(self.row["unique_id"])

    @property
    def silent(self) -> bool:
        """Whether readings are late."""
        return self._late(self.reading_age)

    @property
    def outdated(self) -> bool:
        """Whether the forecast is late."""
        return self._late(self.forecast_age)

    @property
    def degraded(self) -> str | None:
        """Return why the forecast is less than it could be, or None."""
        reason: str | None = self.row["degraded"]
        return reason

    @property
    def skill(self) -> float | None:
        """Return which share of the naive's error the model saves; below 0 it adds to it."""
        ours, naive = self.row["mase"], self.row["naive_mase"]
        return None if ours is None or not naive else 1 - ours / naive

    def _late(self, age: timedelta | None) -> bool:
        step = timedelta(seconds=self.row["step_seconds"])
        return age is None or age > patience(step, self.row["publication_lag_seconds"])


@dataclass(frozen=True)
class Asked:
    """What a reader asked for; anything that there is not means its default."""

    search: str = ""
    show: str = "all"
    sort: str = "name"
    down: bool = False
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        """Return what ``query`` (parameters of the address) asks for."""
        sort = query.get("sort", "name")
        name, show = sort.removeprefix("-"), query.get("show", "all")
        page = query.get("page", "1")
        return cls(
            query.get("q", "").strip()[:200],
            show if show in SHOWN else "all",
            name if name in KEYS else "name",
            sort.startswith("-"),
            max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 7 else 1,
        )


def patience(step: timedelta, lag_seconds: float = 0.0) -> timedelta:
    """Return up to which age something on a grid of ``step``, published that late, is not late.

    As alarms count.
    """
    return STEPS * step + timedelta(seconds=lag_seconds)


def lines(
    rows: Iterable[Mapping[str, Any]],
    *,
    clocks: Mapping[str, datetime],
    alarms: Iterable[tuple[str, str]],
) -> list[Line]:
    """Return a line of each row of ``overview.targets``; ``alarms`` are (thing, sentence)."""
    raised: dict[str, list[str]] = {}
    for thing, sentence in alarms:
        raised.setdefault(thing, []).append(sentence)
    return [_line(row, clocks.get(row["source"]), raised) for row in rows]


def selected(found: Sequence[Line], asked: Asked) -> list[Line]:
    """Return the lines that ``asked`` lets through, in its order; what is unknown comes last."""
    wanted = asked.search.casefold()
    left = [line for line in found if wanted in line.unique_id.casefold() and _shown(line, asked)]
    key = KEYS[asked.sort]
    known = [line for line in left if key(line) is not None]
    unknown = [line for line in left if key(line) is None]
    return sorted(known, key=key, reverse=asked.down) + unknown


def paged(found: Sequence[Line], asked: Asked) -> tuple[Sequence[Line], int, int]:
    """Return the lines of the page asked for, its number, and how many pages there are."""
    pages = max(1, math.ceil(len(found) / PAGE))
    page = min(asked.page, pages)
    return found[(page - 1) * PAGE : page * PAGE], page, pages


def _line(row: Mapping[str, Any], now: datetime | None, raised: dict[str, list[str]]) -> Line:
    nothing = timedelta(0)
    reading = forecast = None
    if now is not None and row["last_ds"] is not None:
        step = timedelta(seconds=row["step_seconds"])
        reading = max(now - row["last_ds"] - step, nothing)
    if now is not None and row["as_of"] is not None:
        forecast = max(now - row["as_of"], nothing)
    sentences = (*raised.get(row["unique_id"], ()), *raised.get(row["source"], ()))
    return Line(row, reading, forecast, sentences)


def _shown(line: Line, asked: Asked) -> bool:
    tests: dict[str, Callable[[Line], bool]] = {
        "all": lambda _: True,
        "stale": lambda one: one.silent or one.outdated,
        "degraded": lambda one: one.degraded is not None,
        "alarms": lambda one: bool(one.alarms),
        "worse": lambda one: one.skill is not None and one.skill < 0,
    }
    return tests[asked.show](line)


KEYS: dict[str, Callable[[Line], Any]] = {
    "name": lambda one: one.unique_id,
    "value": lambda one: one.row["last_y"],
    "reading": lambda one: one.reading_age,
    "forecast": lambda one: one.forecast_age,
    "skill": lambda one: one.skill,
    "coverage": lambda one: one.row["coverage_80"],
    "alarms": lambda one: len(one.alarms),
}
