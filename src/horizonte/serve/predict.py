"""The one function behind every forecast: API, jobs and pages ask here and nowhere else."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pandas as pd

from horizonte import freq
from horizonte.errors import DataFault, NotFound
from horizonte.serve import degraded, inputs
from horizonte.serve.champion import Champion
from horizonte.serve.faults import NoHistory
from horizonte.serve.inputs import Knowledge
from horizonte.store import series as series_store
from horizonte.store.connection import Connection
from horizonte.store.forecasts import Purpose

INTERVALS = "split conformal per lead-time bucket"


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
    champion: Champion,
    *,
    unique_ids: Sequence[str],
    horizon: int | str | None = None,
    as_of: pd.Timestamp | None = None,
    now: datetime,
    purpose: Purpose = "live",
) -> list[Vintage]:
    """Return a forecast of every series in ``unique_ids``, in that order, by ``champion``.

    Made from what was known at ``as_of`` (None: now on the clock of each series' source), all
    read as of one moment of the database. ``horizon`` is steps of the series' own freq, an
    ISO-8601 duration, or None for all that the model reaches. ``now`` becomes ``issued_at``.
    Missing input never fails, it is named in ``degraded``. Raises NotFound for a series that
    the champion does not know (naming the nearest), DataFault for a horizon beyond its reach,
    NoHistory when the database holds nothing of a series' source.
    """
    steps = {name: steps_of(horizon, *grid(champion, name)) for name in unique_ids}
    with inputs.one_view(conn):
        series = series_of(conn, unique_ids)
        known = known_of(conn, series, unique_ids, as_of)
        made = {
            v.unique_id: v
            for group in inputs.groups(series, unique_ids, known)
            for v in _of_group(conn, champion, group, now, purpose)
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


def grid(champion: Champion, unique_id: str) -> tuple[str, int]:
    """Return freq and reach in steps of a series; raise NotFound, naming the nearest, if none."""
    for iso, forecaster in champion.forecasters.items():
        if unique_id in set(forecaster.meta["unique_id"]):
            return iso, forecaster.horizon
    known = served(champion)
    near = difflib.get_close_matches(unique_id, known, n=3, cutoff=0.3) or known[:3]
    raise NotFound("series", unique_id, "a series in service", f"did you mean {', '.join(near)}?")


def served(champion: Champion) -> list[str]:
    """Return every series that ``champion`` forecasts, in order of name."""
    return sorted(name for f in champion.forecasters.values() for name in f.meta["unique_id"])


def series_of(conn: Connection, targets: Sequence[str]) -> pd.DataFrame:
    """Return SERIES of ``targets`` and of every covariate that they read."""
    own = series_store.read(conn, targets)
    read = {*targets, *(c for ids in own["covariates"] for c in ids)}
    return series_store.read(conn, read)


def known_of(
    conn: Connection, series: pd.DataFrame, targets: Sequence[str], as_of: pd.Timestamp | None
) -> dict[str, Knowledge]:
    """Return what is known of the source of each target; raise NoHistory for one without rows."""
    sources = set(series.loc[series["unique_id"].isin(targets), "source"])
    known = inputs.knowledge(conn, sources)
    for source in sources - set(known):
        raise NoHistory(
            "source",
            source,
            "a source with rows in this database",
            "load its history: horizonte ingest",
        )
    if as_of is None:
        return known
    return {source: replace(state, as_of=as_of) for source, state in known.items()}


def _of_group(
    conn: Connection, champion: Champion, group: inputs.Group, now: datetime, purpose: Purpose
) -> list[Vintage]:
    iso = freq.iso(group.step)
    forecaster = champion.forecasters[iso]
    read = inputs.read(conn, group, rules=champion.rules, forecaster=forecaster)
    rows = forecaster.predict(read.history, horizon=forecaster.horizon, known_future=read.known)
    by_series = dict(iter(rows.groupby("unique_id", observed=True)))
    return [
        Vintage(
            name,
            iso,
            champion.version,
            purpose,
            group.at,
            read.cutoffs[name],
            now,
            degraded.reasons(name, group, read, forecaster),
            by_series[name].reset_index(drop=True),
        )
        for name in group.targets
    ]


def span(iso: str, steps: int) -> str:
    """Return how long ``steps`` of ``iso`` last, as an ISO-8601 duration."""
    length = freq.step(iso) * steps
    return freq.iso(length) if length <= freq.MAX_STEP else length.isoformat()
