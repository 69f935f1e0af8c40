"""All that a monitoring reads, as of one moment of the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from horizonte.monitor import weeks
from horizonte.policy import Policy
from horizonte.prepare.comparable import misread
from horizonte.serve import inputs
from horizonte.serve.faults import NoChampion, NoHistory
from horizonte.store import annotations as notes
from horizonte.store import (
    evaluations,
    mature,
    moments,
    prepared,
    promotions,
    retrainings,
    verdicts,
)
from horizonte.store import series as series_store
from horizonte.store.connection import Connection
from horizonte.store.promotions import Promotion
from horizonte.store.verdicts import Verdict

HISTORY = pd.Timedelta(days=4 * 364)  # that windows are compared with
RESIDUALS = pd.Timedelta(days=2 * 364)
REFERENCE = pd.Timedelta(days=364)  # of the champion's own weeks
REACH = pd.Timedelta(days=8)  # how far a value that came changes the cleaning around it
LATE = pd.Timedelta(hours=1)  # a transaction may be committed that long after it began
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Standing:
    """Who serves, what time it is, and what was asked of the worker before."""

    promotion: Promotion
    card: Mapping[str, Any]
    series: pd.DataFrame  # SERIES of the champion's targets and of their covariates
    targets: tuple[str, ...]
    now: Mapping[str, pd.Timestamp]  # by unique_id, on the clock of its source
    serving_days: float
    retrainings: tuple[tuple[str, float, str | None], ...]  # action, days ago, how it ended
    before: Verdict | None  # the last verdict on this champion
    looked: pd.Timestamp | None  # when the last verdict on any champion was recorded

    @property
    def version(self) -> str:
        """Return the champion's version."""
        return self.promotion.sha256

    @property
    def as_of(self) -> pd.Timestamp:
        """Return the newest now of any target."""
        return max(self.now[t] for t in self.targets)


@dataclass(frozen=True)
class Rows:
    """What came, what was said, and what was scored before."""

    values: pd.DataFrame  # PREPARED
    noted: pd.DataFrame  # ANNOTATION in force
    mature: pd.DataFrame  # of all versions, one vintage a slot, from ``starts`` on; none misread
    long: pd.DataFrame  # of the champion, fewer vintages and further back
    starts: Mapping[str, pd.Timestamp]  # the weeks that are scored, by target
    scored: pd.DataFrame  # evaluations in force
    first: Mapping[tuple[str, str], pd.Timestamp]  # cutoff by (unique_id, version)


def read(conn: Connection, policy: Policy) -> tuple[Standing, Rows]:
    """Return what the champion's targets have become.

    Raises NoChampion before the first promotion, NoHistory where none of its targets has a reading.
    """
    with inputs.one_view(conn):
        standing = _standing(conn)
        return standing, _rows(conn, standing, policy)


def _standing(conn: Connection) -> Standing:
    promotion = promotions.current_promotion(conn)
    if promotion is None:
        raise NoChampion("promotion", None, "a promoted model", "publish one: horizonte publish")
    card = promotions.card(conn, promotion.sha256)
    known, clock = series_store.read(conn), moments.now(conn)
    listed = [str(one["unique_id"]) for one in card["series"]]
    alive = known[known["source"].isin(clock)]
    targets = tuple(sorted(set(listed) & set(alive["unique_id"])))
    if not targets:
        raise NoHistory("targets of the champion", listed, "with readings", "load their source")
    read_too = {c for ids in alive[alive["unique_id"].isin(targets)]["covariates"] for c in ids}
    own = alive[alive["unique_id"].isin({*targets, *read_too})].reset_index(drop=True)
    sources = set(own.loc[own["unique_id"].isin(targets), "source"])
    on = {source: clock[source] for source in sources}
    return Standing(
        promotion,
        card,
        own,
        targets,
        {u: clock[s] for u, s in zip(own["unique_id"], own["source"], strict=True)},
        moments.passed(conn, promotion.recorded_at, on=on) / _DAY,
        tuple(
            (action, moments.passed(conn, at, on=on) / _DAY, ended)
            for action, at, ended in retrainings.last(conn)
        ),
        verdicts.latest(conn, promotion.sha256),
        verdicts.last_recorded(conn),
    )


def _rows(conn: Connection, standing: Standing, policy: Policy) -> Rows:
    now = {t: standing.now[t] for t in standing.targets}
    first = mature.first_cutoffs(conn, now)
    starts = _starts(conn, standing, now, window=policy.monitor.window, first=first)
    far = {t: at - RESIDUALS for t, at in now.items()}
    ids = list(standing.series["unique_id"])
    noted = notes.read(conn, notes.EVER, ids)

    def read(since: Mapping[str, pd.Timestamp], slots: mature.Slots) -> pd.DataFrame:
        rows = mature.since(conn, since, now=now, slots=slots)
        return rows[~misread(rows, noted, series=standing.series)].reset_index(drop=True)

    return Rows(
        prepared.read(conn, ids, start=min(standing.now.values()) - HISTORY),
        noted,
        read(starts, mature.Slots(mature.WEEKLY)),
        read(far, mature.Slots(mature.LONG, standing.version)),
        starts,
        evaluations.in_force(conn, now, since=min(min(now.values()) - REFERENCE, *starts.values())),
        first,
    )


def _starts(
    conn: Connection,
    standing: Standing,
    now: Mapping[str, pd.Timestamp],
    *,
    window: pd.Timedelta,
    first: Mapping[tuple[str, str], pd.Timestamp],
) -> dict[str, pd.Timestamp]:
    """Return the first week of each target to score: the window, or where what came late reaches.

    Late is what was recorded since the last verdict, on whichever champion: it scored all versions.
    Before the first verdict everything is, back to a year.
    """
    usual = {t: weeks.start(at - window) for t, at in now.items()}
    began = {t: min([at for (u, _), at in first.items() if u == t] or [now[t]]) for t in now}
    if standing.looked is None:
        touched = {t: max(began[t], now[t] - REFERENCE) for t in now}
    else:
        reads = dict(zip(standing.series["unique_id"], standing.series["covariates"], strict=True))
        touched = mature.touched(conn, began, after=standing.looked - LATE, reads=reads)
    return {t: min(usual[t], weeks.start(touched.get(t, now[t]) - REACH)) for t in now}
