"""How fresh the live forecast of every series is, on the clock of its source."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd
from prometheus_client import Gauge

from horizonte import freq
from horizonte.serve import issuing, predict
from horizonte.serve.champion import Champion
from horizonte.serve.issuing import Known
from horizonte.store.changes import Standing
from horizonte.store.connection import Connection

EVERY_SECONDS = 60.0
MOST_SERIES = 1000  # shown one by one
LATE_STEPS = 3
AGE = Gauge(
    "horizonte_issued_age_seconds",
    "from the newest live vintage's as_of to now on the clock of its source; -1: there is none",
    ["unique_id"],
)
UP_TO_DATE = Gauge(
    "horizonte_issued_up_to_date",
    "1: the newest live vintage is the champion's, from all that is known",
    ["unique_id"],
)


class Fresh(NamedTuple):
    """One target: age of its newest live vintage (None: there is none), and what it lacks."""

    unique_id: str
    age: pd.Timedelta | None
    steps: float  # the age in steps of its grid
    ended: bool  # all that it says lies in the past
    up_to_date: bool


def fresh(standings: Iterable[Standing], known: Known, version: str | None) -> list[Fresh]:
    """Return how fresh each target of a source with rows is; ``version`` is the champion."""
    return [_fresh(s, known, version) for s in standings if s.source in known.sources]


def late(found: Iterable[Fresh]) -> list[Fresh]:
    """Return what lacks a forecast, is past its horizon, or waits ``LATE_STEPS`` steps for one."""
    return [
        f for f in found if f.age is None or f.ended or (f.steps > LATE_STEPS and not f.up_to_date)
    ]


def _fresh(standing: Standing, known: Known, version: str | None) -> Fresh:
    now = known.sources[standing.source].as_of
    if standing.as_of is None or standing.last_ds is None:
        return Fresh(standing.unique_id, None, float("inf"), ended=True, up_to_date=False)
    age = max(now - standing.as_of, pd.Timedelta(0))
    return Fresh(
        standing.unique_id,
        age,
        age / freq.step(standing.freq),
        ended=standing.last_ds < now,
        up_to_date=version is not None and issuing.current(standing, known, version),
    )


class Gauges:
    """Keeps the gauges up to date, at most once a minute."""

    def __init__(self) -> None:
        """Begin with nothing shown."""
        self._next = 0.0

    def update(self, conn: Connection, champion: Champion) -> None:
        """Set the gauges of every target of ``champion``, unless they were set just now."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY_SECONDS
        found, known = issuing.standing(conn, predict.served(champion))
        show(fresh(found, known, champion.version))


def show(found: Iterable[Fresh]) -> None:
    """Set the gauges; what is no target any more is shown no more."""
    AGE.clear()
    UP_TO_DATE.clear()
    for one in list(found)[:MOST_SERIES]:
        AGE.labels(one.unique_id).set(-1 if one.age is None else one.age.total_seconds())
        UP_TO_DATE.labels(one.unique_id).set(one.up_to_date)
