"""The one function behind every forecast: API, jobs and pages ask here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import NamedTuple

import pandas as pd

from horizonte import freq
from horizonte.errors import DataFault, NotFound
from horizonte.model import untrained
from horizonte.model.forecaster import Forecaster
from horizonte.params import Rules
from horizonte.serve import degraded, inputs, project, suppose
from horizonte.serve.champion import Champion
from horizonte.serve.faults import NoHistory
from horizonte.serve.inputs import Knowledge, Reach
from horizonte.serve.suppose import Ahead
from horizonte.store import series as series_store
from horizonte.store.connection import Connection
from horizonte.store.forecasts import Purpose

UNTRAINED = "untrained"  # stands for the model version where no model knows the series
_INTERVALS = {
    UNTRAINED: "errors of its best naive on its own past, or how far it moves where that is short"
}
# The cleaning in front of a series where neither a project nor a champion says another.
_RULES = Rules(impute_up_to="PT2H", flatline_after=None, spike_window="P7D", spike_mads=None)


@dataclass(frozen=True)
class Vintage:
    """One forecast of one series: what it says, and what it was made of."""

    unique_id: str
    freq: str
    model_version: str
    purpose: Purpose
    at: Knowledge
    cutoff: pd.Timestamp
    issued_at: datetime
    degraded: str | None
    rows: pd.DataFrame  # FORECAST


def forecast(
    conn: Connection,
    champion: Champion | None,
    *,
    unique_ids: Sequence[str],
    horizon: int | str | None = None,
    as_of: pd.Timestamp | None = None,
    now: datetime,
    purpose: Purpose = "live",
    ahead: Ahead | None = None,
) -> list[Vintage]:
    """Return a forecast of every series in ``unique_ids``, in that order, by ``champion``.

    Made from what was known at ``as_of`` (None: now on the clock of each series' source), all
    read as of one moment of the database. ``horizon`` is steps of the series' own freq, an
    ISO-8601 duration, or None for all that the model reaches. ``now`` becomes ``issued_at``.
    ``ahead`` supposes values of covariates that are known ahead. A series that no champion knows
    is forecast by its best naive. Missing input never fails, it is named in ``degraded``. Raises
    NotFound for what is no registered target (naming the nearest), DataFault for a horizon beyond
    reach or a supposition that no model reads, NoHistory when the database holds nothing of a
    series' source.
    """
    with inputs.one_view(conn):
        series = series_of(conn, unique_ids)
        facts = series.set_index("unique_id")["freq"]
        steps = {n: steps_of(horizon, *grid(champion, n, facts[n])) for n in unique_ids}
        known = known_of(conn, series, unique_ids, as_of)
        if ahead:
            suppose.check(ahead, series, unique_ids)
        made = {
            v.unique_id: v
            for names, way in _ways(conn, champion, unique_ids, ahead)
            for group in inputs.groups(series, names, known)
            for v in _vintages(group, way(group), now, purpose)
        }
    return [replace(made[name], rows=made[name].rows.head(steps[name])) for name in unique_ids]


def warm(conn: Connection, champion: Champion) -> None:
    """Forecast one series of every panel for real, so that the first request finds all loaded.

    A panel of which this database holds nothing is left cold; raises NotFound or NoHistory
    when that is true of all of them.
    """
    known, missing, warmed = set(series_store.read(conn)["unique_id"]), None, False
    for forecaster in champion.forecasters.values():
        ids = forecaster.meta["unique_id"].tolist()
        one = [next((name for name in ids if name in known), str(ids[0]))]
        try:
            forecast(
                conn, champion, unique_ids=one, now=pd.Timestamp(0, tz="UTC"), purpose="what_if"
            )
            warmed = True
        except (NotFound, NoHistory) as why:
            missing = why
    if missing is not None and not warmed:
        raise missing


def steps_of(horizon: int | str | None, iso: str, reach: int) -> int:
    """Return ``horizon`` as steps of ``iso``, at most ``reach``; raise DataFault for any other."""
    if horizon is None:
        return reach
    allowed = f"1 to {reach} steps of {iso}, or a duration up to {span(iso, reach)}"
    try:
        steps = horizon if isinstance(horizon, int) else freq.steps(horizon, iso)
    except ValueError:
        steps = 0
    if not 1 <= steps <= reach:
        raise DataFault("horizon", horizon, allowed, f"ask for at most {span(iso, reach)}")
    return steps


def grid(champion: Champion | None, unique_id: str, declared: str) -> tuple[str, int]:
    """Return freq and reach in steps of a series whose declared freq is ``declared``."""
    for iso, forecaster in _forecasters(champion).items():
        if unique_id in set(forecaster.meta["unique_id"]):
            return iso, forecaster.horizon
    iso = freq.iso(declared)
    return iso, untrained.horizon(iso)


def version(champion: Champion | None, unique_id: str) -> str:
    """Return the version that answers for a series: the champion's where it knows the series."""
    return champion.version if champion and unique_id in served(champion) else UNTRAINED


def intervals(model_version: str) -> str:
    """Say how the bands of a version were made."""
    return _INTERVALS.get(model_version, "split conformal per lead-time bucket")


def served(champion: Champion | None) -> list[str]:
    """Return every series that ``champion`` knows, in order of name."""
    return sorted(n for f in _forecasters(champion).values() for n in f.meta["unique_id"])


def _forecasters(champion: Champion | None) -> Mapping[str, Forecaster]:
    return champion.forecasters if champion else {}


def series_of(conn: Connection, targets: Sequence[str]) -> pd.DataFrame:
    """Return SERIES of ``targets`` and of every covariate that they read."""
    series = series_store.read(conn, targets, covariates=True)
    asked = series["unique_id"].isin(targets) & (series["role"] != "target")
    for name in series.loc[asked, "unique_id"]:
        raise NotFound(
            "series", name, "a target, but a covariate", "ask for a target that reads it"
        )
    return series


def known_of(
    conn: Connection, series: pd.DataFrame, targets: Sequence[str], as_of: pd.Timestamp | None
) -> dict[str, Knowledge]:
    """Return what is known of the source of each target; raise NoHistory for one without rows.

    Raises DataFault for an ``as_of`` after now or before the first reading on a source's clock.
    """
    sources = set(series.loc[series["unique_id"].isin(targets), "source"])
    known = inputs.knowledge(conn, sources)
    for source in sources - set(known):
        mine = (series["source"] == source) & series["unique_id"].isin(targets)
        raise NoHistory(
            "series",
            series.loc[mine, "unique_id"].iloc[0],
            f"a series whose source has brought rows; {source} has brought none",
            f"load its history: horizonte ingest FILE --source {source}, or POST /observations",
        )
    if as_of is None:
        return known
    if late := {source: state.as_of for source, state in known.items() if as_of > state.as_of}:
        source, newest = next(iter(late.items()))
        raise DataFault(
            "as_of",
            as_of.isoformat(),
            f"at most now on the clock of source {source}, {newest.isoformat()}",
            "leave it out for the newest forecast",
        )
    for source in sorted(sources):
        if (first := inputs.unknown_until(conn, source, as_of)) is not None:
            raise DataFault(
                "as_of",
                as_of.isoformat(),
                f"not before anything of source {source} was known, {first.isoformat()}",
                "ask from that instant on, or leave it out for the newest forecast",
            )
    return {source: replace(state, as_of=as_of) for source, state in known.items()}


class _Made(NamedTuple):
    """What forecasts a group, from what, and by which version."""

    version: str
    inputs: inputs.Inputs
    forecaster: Forecaster


_Way = Callable[[inputs.Group], _Made]


def _ways(
    conn: Connection, champion: Champion | None, names: Sequence[str], ahead: Ahead | None
) -> Iterator[tuple[list[str], _Way]]:
    """Yield the series that a champion knows and those that none does, each with its way."""
    known = set(served(champion))
    fitted, bare = ([n for n in names if (n in known) is wanted] for wanted in (True, False))
    if champion and fitted:
        yield fitted, partial(_fitted, conn, champion, ahead)
    if bare and ahead:
        fix = "leave known_future out, or ask for a series that a model serves"
        raise DataFault("known_future", bare[0], "read for it: no model serves this series", fix)
    if bare:
        rules = project.rules(champion.rules if champion else None) or _RULES
        # Nobody has looked at such a series yet: it may well be constant, so flatlines are believed.
        yield bare, partial(_untrained, conn, rules.model_copy(update={"flatline_after": None}))


def _fitted(
    conn: Connection, champion: Champion, ahead: Ahead | None, group: inputs.Group
) -> _Made:
    forecaster = champion.forecasters[freq.iso(group.step)]
    read = inputs.read(conn, group, rules=champion.rules, forecaster=forecaster, ahead=ahead)
    return _Made(champion.version, read, forecaster)


def _untrained(conn: Connection, rules: Rules, group: inputs.Group) -> _Made:
    iso = freq.iso(group.step)
    reach = Reach(freq.written(untrained.tail(iso)), untrained.horizon(iso))
    read = inputs.read(conn, group, rules=rules, forecaster=reach)
    meta = group.series[group.series["unique_id"].isin(group.targets)]
    return _Made(UNTRAINED, read, untrained.untrained(read.history, meta=meta, iso=iso))


def _vintages(
    group: inputs.Group, made: _Made, now: datetime, purpose: Purpose
) -> Iterator[Vintage]:
    read, forecaster, trained = made.inputs, made.forecaster, made.version != UNTRAINED
    rows = forecaster.predict(
        read.history,
        horizon=forecaster.horizon,
        known_future=read.known,
        lost=read.lost(group.series) if trained else None,
    )
    by_series = dict(iter(rows.groupby("unique_id", observed=True)))
    for name in group.targets:
        yield Vintage(
            name,
            freq.iso(group.step),
            made.version,
            purpose,
            group.at,
            read.cutoffs[name],
            now,
            degraded.reasons(name, group, read, forecaster, trained=trained),
            by_series[name].reset_index(drop=True),
        )


def span(iso: str, steps: int) -> str:
    """Return how long ``steps`` of ``iso`` last, as an ISO-8601 duration."""
    length = freq.step(iso) * steps
    return freq.iso(length) if length <= freq.MAX_STEP else length.isoformat()
