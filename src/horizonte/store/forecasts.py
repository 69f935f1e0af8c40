"""Every vintage ever issued, never changed: what was said, by which model, knowing what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
from psycopg.types.json import Jsonb

from horizonte.contracts import FORECAST, QUANTILE_COLUMNS
from horizonte.errors import DataFault
from horizonte.store.bulk import copy_in, read_frame
from horizonte.store.connection import Connection

Purpose = Literal["live", "what_if", "replay", "shadow", "backtest"]
CHANNEL = "horizonte_forecast"  # told of every live run, by its id, when it is committed


@dataclass(frozen=True)
class Run:
    """One act of forecasting: ``cutoffs`` per series, and ``degraded`` reasons where there are."""

    purpose: Purpose
    model_version: str
    as_of: pd.Timestamp
    issued_at: datetime
    cutoffs: Mapping[str, pd.Timestamp]
    degraded: Mapping[str, str | None] = field(default_factory=dict)
    code_revision: str | None = None
    request_id: str | None = None
    timings: Mapping[str, float] = field(default_factory=dict)  # seconds
    changes: Mapping[str, int] = field(default_factory=dict)  # of what each series was made from


@dataclass(frozen=True)
class Vintage:
    """One series of one run; ``rows`` is FORECAST."""

    run_id: int
    unique_id: str
    purpose: str
    model_version: str
    as_of: pd.Timestamp
    cutoff: pd.Timestamp
    issued_at: pd.Timestamp
    degraded: str | None
    code_revision: str | None
    request_id: str | None
    changes: int | None
    rows: pd.DataFrame


def issue(conn: Connection, run: Run, frame: pd.DataFrame) -> int:
    """Store ``frame`` (FORECAST) as vintages of ``run``, all or nothing, and return the run's id.

    Raises DataFault when a series has no cutoff, a row lies at or before it, or quantiles cross.
    """
    rows = FORECAST.check(frame)
    _check(run, rows)
    spans = rows.groupby("unique_id")["ds"].agg(["min", "max"])
    facts = (
        run.purpose,
        run.model_version,
        run.as_of,
        run.issued_at,
        run.code_revision,
        run.request_id,
        Jsonb(dict(run.timings)),
    )
    with conn.transaction():
        row = conn.execute(_INSERT_RUN, facts).fetchone()
        assert row is not None
        names = spans.index.tolist()
        conn.execute(
            _INSERT_VINTAGES,
            {
                "run": row[0],
                "purpose": run.purpose,
                "issued_at": run.issued_at,
                "ids": names,
                "cutoffs": [run.cutoffs[name] for name in names],
                "degraded": [run.degraded.get(name) for name in names],
                "changes": [run.changes.get(name) for name in names],
                "first": spans["min"].tolist(),
                "last": spans["max"].tolist(),
            },
        )
        table = FORECAST.to_arrow(rows)
        number = pa.repeat(pa.scalar(row[0], pa.int64()), len(rows))
        copy_in(conn, "forecast", table.append_column("run_id", number))
        if run.purpose == "live":
            conn.execute("SELECT pg_notify(%s, %s)", (CHANNEL, str(row[0])))
    return int(row[0])


def latest(
    conn: Connection, unique_ids: Iterable[str], *, purpose: Purpose = "live"
) -> dict[str, Vintage]:
    """Return the newest vintage of each series that has one."""
    ids = sorted(set(unique_ids))
    return {v.unique_id: v for v in _read(conn, {"ids": ids, "purpose": purpose, "limit": 1})}


def newest_live(conn: Connection) -> dict[str, int]:
    """Return the run of the newest live vintage of each target that has one."""
    return dict(conn.execute(_NEWEST).fetchall())


def vintages(
    conn: Connection,
    unique_id: str,
    limit: int = 10,
    *,
    purpose: Purpose = "live",
    run_id: int | None = None,
) -> list[Vintage]:
    """Return the newest ``limit`` vintages of a series, newest first; with ``run_id`` that one."""
    return _read(conn, {"ids": [unique_id], "purpose": purpose, "limit": limit, "run_id": run_id})


def _check(run: Run, rows: pd.DataFrame) -> None:
    cutoffs = rows["unique_id"].map(run.cutoffs)
    early = rows[~(rows["ds"] > pd.to_datetime(cutoffs, utc=True))]
    if len(early):
        row = early.iloc[0]
        raise DataFault(
            f"forecast of {row['unique_id']}: ds",
            row["ds"].isoformat(),
            f"after its cutoff, {cutoffs[early.index[0]]}",
            "give the run a cutoff per series and forecast beyond it",
        )
    quantiles = rows[list(QUANTILE_COLUMNS)].to_numpy()
    crossed = (quantiles[:, 1:] < quantiles[:, :-1]).any(axis=1)
    if crossed.any():
        row = rows[crossed].iloc[0]
        raise DataFault(
            f"forecast of {row['unique_id']} at {row['ds'].isoformat()}: quantiles",
            quantiles[crossed][0].tolist(),
            "in ascending order",
            "sort them",
        )


def _read(conn: Connection, wanted: dict[str, Any]) -> list[Vintage]:
    found = read_frame(conn, _VINTAGES, {"run_id": None} | wanted)
    keys = {name: found[name].tolist() for name in ("unique_id", "run_id", "first_ds", "last_ds")}
    rows = dict(iter(read_frame(conn, _ROWS, keys).groupby(["unique_id", "run_id"])))
    facts = found.drop(columns=["first_ds", "last_ds"])
    names = [str(name) for name in facts]
    return [
        Vintage(**dict(zip(names, fact, strict=True)), rows=_forecast(rows[fact[1], fact[0]]))
        for fact in facts.itertuples(index=False, name=None)
    ]


def _forecast(rows: pd.DataFrame) -> pd.DataFrame:
    return FORECAST.check(rows.drop(columns="run_id").reset_index(drop=True))


_INSERT_RUN = """INSERT INTO forecast_run
    (purpose, model_version, as_of, issued_at, code_revision, request_id, timings)
    VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id"""
_INSERT_VINTAGES = """INSERT INTO vintage
    (run_id, purpose, issued_at, unique_id, cutoff, degraded, changes, first_ds, last_ds)
    SELECT %(run)s, %(purpose)s, %(issued_at)s, part.*
    FROM unnest(%(ids)s::text[], %(cutoffs)s::timestamptz[], %(degraded)s::text[],
                %(changes)s::bigint[], %(first)s::timestamptz[], %(last)s::timestamptz[]) AS part"""
_VINTAGES = """SELECT v.run_id, v.unique_id, v.purpose, r.model_version, r.as_of, v.cutoff,
        v.issued_at, v.degraded, r.code_revision, r.request_id, v.changes,
        v.first_ds, v.last_ds
    FROM unnest(%(ids)s::text[]) AS id, LATERAL (
        SELECT * FROM vintage WHERE unique_id = id AND purpose = %(purpose)s
            AND (%(run_id)s::bigint IS NULL OR run_id = %(run_id)s)
        ORDER BY issued_at DESC, run_id DESC LIMIT %(limit)s) AS v
    JOIN forecast_run AS r ON r.id = v.run_id
    ORDER BY v.unique_id, v.issued_at DESC, v.run_id DESC"""
_NEWEST = """SELECT s.unique_id, v.run_id FROM series AS s, LATERAL (
        SELECT run_id FROM vintage WHERE unique_id = s.unique_id AND purpose = 'live'
        ORDER BY issued_at DESC, run_id DESC LIMIT 1) AS v WHERE s.role = 'target'"""
_ROWS = """SELECT f.* FROM
    unnest(%(unique_id)s::text[], %(run_id)s::bigint[], %(first_ds)s::timestamptz[],
           %(last_ds)s::timestamptz[]) AS v(id, run, first_ds, last_ds),
    LATERAL (SELECT unique_id, run_id, ds, mean, q05, q10, q25, q50, q75, q90, q95 FROM forecast
             WHERE unique_id = id AND run_id = run AND ds BETWEEN first_ds AND last_ds
             ORDER BY ds) AS f"""
