"""What a live forecast reads: history and known future as of one instant, ready for a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from horizonte import freq
from horizonte.contracts import PREPARED
from horizonte.model.forecaster import Forecaster
from horizonte.params import Rules
from horizonte.prepare.clean import clean
from horizonte.prepare.comparable import comparable
from horizonte.prepare.panel import by_series, covariate_columns, known_future, panel
from horizonte.prepare.reach import reach
from horizonte.serve import suppose
from horizonte.serve.losses import Losses, losses
from horizonte.serve.suppose import Ahead
from horizonte.store import annotations as notes
from horizonte.store import clocks, observations
from horizonte.store.connection import Connection


class Reach(NamedTuple):
    """How far back a forecast reads, and how many steps ahead it goes."""

    tail: str
    horizon: int


@dataclass(frozen=True)
class Knowledge:
    """What is known of a source: as of which instant, and how many rows its loads have brought.

    ``rows`` grows with every reading and correction stored, and with every annotation: equal
    numbers mean equal input.
    """

    as_of: pd.Timestamp
    rows: int


@dataclass(frozen=True)
class Group:
    """Targets that are forecast together: one grid, one source, one publication lag."""

    targets: tuple[str, ...]
    series: pd.DataFrame  # SERIES of the targets and of every covariate
    step: pd.Timedelta
    lag: pd.Timedelta
    at: Knowledge

    @property
    def ids(self) -> list[str]:
        """Return every series that is read."""
        return list(self.series["unique_id"])

    @property
    def latest(self) -> pd.Timestamp:
        """Return the end of the last interval that could be over and published at ``as_of``."""
        return self.at.as_of - self.step - self.lag


@dataclass(frozen=True)
class Inputs:
    """What a model gets, and the prepared rows it was made of."""

    prepared: pd.DataFrame
    history: pd.DataFrame
    known: pd.DataFrame | None
    cutoffs: dict[str, pd.Timestamp]
    losses: dict[str, Losses]

    def lost(self, series: pd.DataFrame) -> dict[str, list[str]]:
        """Return per target the panel's columns of the covariates that are lost to it."""
        columns = covariate_columns(series, list(self.losses))
        return {t: [columns[c] for c in lost.all] for t, lost in self.losses.items() if lost.all}


def knowledge(conn: Connection, sources: Iterable[str]) -> dict[str, Knowledge]:
    """Return, per source that has rows, now on its own clock and what is loaded."""
    found = conn.execute(_KNOWLEDGE, {"sources": sorted(set(sources))}).fetchall()
    return {source: Knowledge(pd.Timestamp(now), int(rows)) for source, now, rows in found}


def unknown_until(conn: Connection, source: str, as_of: pd.Timestamp) -> pd.Timestamp | None:
    """Return when the first target of ``source`` had a reading, if none had by ``as_of``; or None."""
    asked = {"source": source, "as_of": as_of}
    row = conn.execute(_FIRST, asked).fetchone()
    return None if row is None or row[0] is None else pd.Timestamp(row[0])


def groups(
    series: pd.DataFrame, targets: Sequence[str], known: Mapping[str, Knowledge]
) -> list[Group]:
    """Return ``targets`` as groups; ``known`` says for each source what to forecast from."""
    own = series[series["unique_id"].isin(targets)]
    found = []
    for key, rows in own.groupby(["freq", "source", "publication_lag_seconds"]):
        iso, source, lag = cast("tuple[str, str, float]", key)
        names = tuple(rows["unique_id"])
        read = {*names, *(c for ids in rows["covariates"] for c in ids)}
        found.append(
            Group(
                names,
                series[series["unique_id"].isin(read)],
                freq.step(iso),
                pd.Timedelta(seconds=lag),
                known[source],
            )
        )
    return found


def read(
    conn: Connection,
    group: Group,
    *,
    rules: Rules,
    forecaster: Forecaster | Reach,
    ahead: Ahead | None = None,
) -> Inputs:
    """Return the inputs of ``group``: revisions known at its ``as_of``, cleaned, as a panel.

    ``ahead`` replaces what is known ahead, after the cutoff. Raises DataFault for a supposition
    that the targets cannot read.

    Always from the revisions, never from the prepared table: the live forecast and its replay
    are then one computation, and neither can lag behind a load. Every grid ends at the cutoff
    that the clock implies, so a silent target is stale, not shorter.
    """
    start = since(group, rules=rules, forecaster=forecaster)
    rows = observations.as_of(conn, group.at.as_of, group.ids, start)
    noted = notes.read(conn, group.at.as_of, group.ids)
    return made(rows, noted, group, rules=rules, forecaster=forecaster, ahead=ahead)


def made(
    rows: pd.DataFrame,
    noted: pd.DataFrame,
    group: Group,
    *,
    rules: Rules,
    forecaster: Forecaster | Reach,
    ahead: Ahead | None = None,
) -> Inputs:
    """Return the inputs of ``group`` from OBSERVATION and ANNOTATION as of its knowledge."""
    tail = pd.Timedelta(forecaster.tail) + group.step
    prepared = clean(rows, series=group.series, rules=rules, annotations=noted, until=group.latest)
    prepared = comparable(prepared[prepared["ds"] > group.latest - tail], noted)
    prepared = pd.concat([prepared, *_silent(prepared, group, tail)], ignore_index=True)
    cutoffs = {t: prepared["ds"][prepared["unique_id"] == t].iloc[-1] for t in group.targets}
    if own := {name: values for name, values in (ahead or {}).items() if name in group.ids}:
        end = max(cutoffs.values())
        suppose.within(own, after=end, until=end + forecaster.horizon * group.step)
        prepared = suppose.supposed(prepared, own)
    values = by_series(prepared)
    history = panel(values, series=group.series, targets=group.targets)
    known = known_future(
        values,
        series=group.series,
        targets=group.targets,
        cutoffs=cutoffs,
        horizon=forecaster.horizon,
    )
    return Inputs(prepared, history, known, cutoffs, losses(values, group.series, cutoffs))


def since(group: Group, *, rules: Rules, forecaster: Forecaster | Reach) -> pd.Timestamp:
    """Return the first instant whose reading can be felt in the inputs of ``group``."""
    tail = pd.Timedelta(forecaster.tail) + group.step
    return group.latest - tail - max(reach(rules, f) for f in set(group.series["freq"]))


def _silent(prepared: pd.DataFrame, group: Group, tail: pd.Timedelta) -> Iterator[pd.DataFrame]:
    """Give each target without a row an empty grid, so that it is forecast from the fit alone."""
    for target in set(group.targets) - set(prepared["unique_id"]):
        end = group.latest.floor(group.step)
        ds = end - group.step * np.arange(int(tail // group.step) - 1, -1, -1)
        rows = pd.DataFrame(
            {"unique_id": target, "ds": ds, "y": np.nan, "y_raw": np.nan, "quality": "missing"}
        )
        yield PREPARED.check(rows)


@contextmanager
def one_view(conn: Connection) -> Iterator[None]:
    """Read everything inside as of one moment of the database, and write nothing."""
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


_KNOWLEDGE = f"""SELECT b.source, {clocks.NOW}, brought + (SELECT count(*) FROM annotation)
    FROM (SELECT source, max(newest_available_at) AS newest, sum(accepted + corrected) AS brought
          FROM ingest_batch WHERE source = ANY(%(sources)s) GROUP BY source) AS b
    LEFT JOIN source AS c ON c.name = b.source WHERE newest IS NOT NULL"""  # noqa: S608 (fixed texts)

# The answer is nearly always "some is known", found with one row; the minimum needs them all.
_FIRST = """WITH target AS (
        SELECT unique_id FROM series WHERE source = %(source)s AND role = 'target')
    SELECT min(available_at) FROM observation JOIN target USING (unique_id)
    WHERE NOT EXISTS (SELECT FROM observation JOIN target USING (unique_id)
        WHERE available_at <= %(as_of)s)"""
