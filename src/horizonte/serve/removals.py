"""What can be taken out of the input of a forecast, and what the model then reads.

Each removal is one that can be made in the database: rows of a covariate or of a stretch of the
target that are not there, annotations that nobody made. The exceptions are holidays, which are
in the model's own calendar, and a stale end, which is filled instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from horizonte.model.attribution import Without, without_covariates
from horizonte.model.forecaster import Forecaster
from horizonte.params import Rules
from horizonte.prepare.calendar import holiday_names
from horizonte.prepare.clean import clean
from horizonte.prepare.cleaner import IGNORED
from horizonte.prepare.convert import CONVERTED, in_own_unit
from horizonte.prepare.features import places
from horizonte.prepare.panel import covariate_columns
from horizonte.prepare.windows import Reals, Windows
from horizonte.serve import inputs
from horizonte.serve.inputs import Group, Inputs
from horizonte.store.earlier import Seen

Kind = Literal[
    "covariate",
    "last_day",
    "last_week",
    "older",
    "holidays",
    "annotations",
    "staleness",
    "everything",
]
DAY, WEEK = pd.Timedelta(days=1), pd.Timedelta(days=7)


@dataclass(frozen=True)
class Removal:
    """One thing taken away, by the names of what it was."""

    kind: Kind
    subjects: tuple[str, ...]
    without: Without


@dataclass(frozen=True)
class Reading:
    """All that the forecast of one series reads, as rows, cleaned, and as the model sees it."""

    group: Group  # of one target
    seen: Seen
    rules: Rules
    forecaster: Forecaster
    made: Inputs
    view: Windows

    @classmethod
    def of(cls, group: Group, seen: Seen, *, rules: Rules, forecaster: Forecaster) -> Reading:
        """Clean ``seen`` and look at it as ``predict.forecast`` does."""
        start = inputs.since(group, rules=rules, forecaster=forecaster)
        rows = seen.rows[seen.rows["ds"] >= start]
        made = inputs.made(rows, seen.notes, group, rules=rules, forecaster=forecaster)
        view = forecaster.view(
            made.history,
            horizon=forecaster.horizon,
            known_future=made.known,
            lost=made.lost(group.series),
        )
        return cls(group, seen, rules, forecaster, made, view)

    @property
    def target(self) -> str:
        """Return the series that is forecast."""
        return self.group.targets[0]

    @property
    def cutoff(self) -> pd.Timestamp:
        """Return the last instant that the forecast may know of its series."""
        return self.made.cutoffs[self.target]

    def own(self) -> pd.DataFrame:
        """Return the readings of the target that can be felt, in the unit of the series."""
        start = inputs.since(self.group, rules=self.rules, forecaster=self.forecaster)
        rows = self.seen.rows
        rows = rows[(rows["unique_id"] == self.target) & (rows["ds"] >= start)]
        return in_own_unit(rows, self.seen.notes, column="y")

    def reread(self, rows: pd.DataFrame) -> Windows:
        """Return the view that the readings ``rows`` of the target, as of ``own``, would give."""
        notes = self.seen.notes
        cleaned = clean(
            rows,
            series=self.group.series,
            rules=self.rules,
            annotations=notes[~notes["kind"].isin(CONVERTED)],
            until=self.group.latest,
        )
        gone = self.view.cutoff[0] - cleaned["ds"].to_numpy("datetime64[ns]")
        back = gone // self.view.step
        inside = (back >= 0) & (back < self.view.length)
        y: Reals = np.full(self.view.y.shape, np.nan)
        y[0, self.view.length - 1 - back[inside]] = cleaned["y"].to_numpy()[inside]
        return replace(self.view, y=y)


def removals(reading: Reading) -> list[Removal]:
    """Return everything that can be taken away from ``reading`` and is there, in a fixed order."""
    return [
        *_covariates(reading),
        *_stretches(reading),
        *_staleness(reading),
        *_annotations(reading),
        *_holidays(reading),
    ]


def everything(reading: Reading) -> Removal:
    """Return what is left when nothing of the input is: the fit alone, on ordinary days."""
    bare = without_covariates(reading.view, list(reading.view.covariates))
    bare = replace(bare, y=np.full_like(bare.y, np.nan))
    return Removal("everything", (), Without(bare, blind=_calendar(reading) is not None))


def _covariates(reading: Reading) -> Iterator[Removal]:
    columns = covariate_columns(reading.group.series, [reading.target])
    for name, column in columns.items():
        past, ahead = reading.view.covariates[column], reading.view.future.get(column)
        if np.isfinite(past).any() or (ahead is not None and np.isfinite(ahead).any()):
            yield Removal("covariate", (name,), Without(without_covariates(reading.view, [column])))


def _stretches(reading: Reading) -> Iterator[Removal]:
    """Take away the last day, the six days before it, and all that is older, one at a time."""
    own = reading.own()
    age = reading.cutoff - own["ds"]
    spans: dict[Kind, pd.Series[bool]] = {
        "last_day": age < DAY,
        "last_week": (age >= DAY) & (age < WEEK),
        "older": age >= WEEK,
    }
    for kind, gone in spans.items():
        if gone.any():
            yield Removal(kind, (), Without(reading.reread(own[~gone])))


def _staleness(reading: Reading) -> Iterator[Removal]:
    """Fill the missing end with what the same hours brought whole weeks before."""
    missed = int(reading.view.stale()[0])
    if 0 < missed < reading.view.length:
        own, length = reading.own(), missed * reading.group.step
        shift, since = WEEK * -(-length // WEEK), reading.cutoff - length
        usual = own[(own["ds"] > since - shift) & (own["ds"] <= reading.cutoff - shift)]
        filled = pd.concat([own[own["ds"] <= since], usual.assign(ds=usual["ds"] + shift)])
        said = since.strftime("%Y-%m-%dT%H:%MZ")
        yield Removal("staleness", (said,), Without(reading.reread(filled)))


def _annotations(reading: Reading) -> Iterator[Removal]:
    """Count the readings again that people told to ignore."""
    notes, first = reading.seen.notes, pd.Timestamp(reading.view.history_ds()[0, 0], tz="UTC")
    felt = (
        notes["kind"].isin(IGNORED)
        & (notes["ends_at"] > first)
        & (notes["starts_at"] <= reading.cutoff)
    )
    if felt.any():
        seen = replace(reading.seen, notes=notes[~felt])
        without = Reading.of(
            reading.group, seen, rules=reading.rules, forecaster=reading.forecaster
        )
        told = notes[felt].astype(str)
        said = tuple(told["unique_id"] + ": " + told["kind"] + ", " + told["note"])
        yield Removal("annotations", said, Without(without.view))


def _holidays(reading: Reading) -> Iterator[Removal]:
    """Make every day ordinary, where a holiday is near: a week before to a day after."""
    name = _calendar(reading)
    if name is not None:
        near = tuple(_near(reading, *name))
        if near:
            yield Removal("holidays", near, Without(reading.view, blind=True))


def _near(reading: Reading, zone: str, calendar: str) -> Iterator[str]:
    end = reading.cutoff + reading.group.step * reading.view.horizon
    first, last = (
        at.tz_convert(zone).tz_localize(None).normalize()
        for at in (reading.cutoff - WEEK, end + DAY)
    )
    names = holiday_names(calendar, years=range(first.year, last.year + 1))
    return (f"{name} ({day.date()})" for day, name in names.items() if first <= day <= last)


def _calendar(reading: Reading) -> tuple[str, str] | None:
    """Return zone and holiday calendar by which the model knows the series, None without one."""
    known = places(reading.forecaster.meta)[reading.target]
    return None if known.holidays is None else (known.zone, known.holidays)
