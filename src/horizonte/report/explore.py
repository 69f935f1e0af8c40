"""The store read by hand: what was known at an instant, and the forecasts that were issued."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from horizonte import freq
from horizonte.prepare.convert import in_own_unit
from horizonte.report import figures
from horizonte.store import annotations as notes
from horizonte.store import forecasts, observations, series
from horizonte.store.connection import connect


@dataclass(frozen=True)
class Seen:
    """A series as known at an instant, and the days after it as known now."""

    instant: pd.Timestamp
    known: pd.DataFrame  # OBSERVATION
    later: pd.DataFrame  # OBSERVATION
    summary: pd.DataFrame
    figure: Figure


@dataclass(frozen=True)
class Issued:
    """Vintages of a series and what happened."""

    rows: pd.DataFrame  # FORECAST with cutoff
    actuals: pd.DataFrame  # OBSERVATION, in the unit of the series
    summary: pd.DataFrame
    figure: Figure


def as_of(unique_id: str, *, as_of: str, days: int) -> Seen:
    """Return ``days`` of a series before ``as_of`` as known then, and as many after it.

    Raises NotFound for a series that the store does not hold.
    """
    instant, span = pd.Timestamp(as_of), pd.Timedelta(days=days)
    with connect() as conn:
        meta = series.read(conn, [unique_id]).iloc[0]
        known = observations.as_of(conn, instant, [unique_id], instant - span, instant + span)
        now = observations.current(conn, [unique_id], instant - span, instant + span)
    later = now[~now["ds"].isin(known["ds"])]
    both = known.merge(now, on=["unique_id", "ds"], suffixes=("", "_now"))
    corrected = int((both["y"] != both["y_now"]).sum())
    summary = pd.DataFrame(
        {
            "value": {
                "unit": meta["unit"],
                "grid": meta["freq"],
                "rows known then": len(known),
                "newest of them": known["ds"].max(),
                "corrected since": corrected,
                "rows that came later": len(later),
            }
        }
    )
    return Seen(instant, known, later, summary, figures.known_and_later(known, later, instant))


def vintages(unique_id: str, *, count: int) -> Issued:
    """Return the newest ``count`` live forecasts of a series beside what the store holds now.

    Raises NotFound for a series that the store does not hold.
    """
    with connect() as conn:
        meta = series.read(conn, [unique_id]).iloc[0]
        issued = forecasts.vintages(conn, unique_id, count)
        parts = [v.rows.assign(cutoff=v.cutoff) for v in issued]
        rows = pd.concat(parts, ignore_index=True) if parts else _none()
        start = rows["ds"].min() - 48 * freq.step(meta["freq"]) if len(rows) else None
        came = observations.current(conn, [unique_id], start)
        noted = notes.read(conn, notes.EVER, [unique_id])
        actuals = in_own_unit(came, noted, column="y")
    facts = [
        {
            "issued_at": v.issued_at,
            "cutoff": v.cutoff,
            "as_of": v.as_of,
            "model": v.model_version[:12],
            "degraded": v.degraded,
        }
        for v in issued
    ]
    summary = pd.DataFrame(facts)
    return Issued(rows, actuals, summary, figures.issued(rows, actuals, unique_id))


def _none() -> pd.DataFrame:
    from horizonte.contracts import FORECAST

    return FORECAST.empty().assign(cutoff=pd.Series(dtype="datetime64[ns, UTC]"))
