"""Detection: what happened to each series, by name, from its rows alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from horizonte import policy as policies
from horizonte.monitor import faults, skill
from horizonte.monitor.days import Days, days
from horizonte.monitor.findings import Found
from horizonte.monitor.watched import SHARES, watch


def detect(
    values: pd.DataFrame,
    residuals: pd.DataFrame,
    *,
    series: pd.DataFrame,
    now: Mapping[str, pd.Timestamp],
    policy: policies.Monitor,
) -> list[Found]:
    """Return what happened lately to each series, at most one thing each; never raises for poor data.

    ``values`` are PREPARED rows in any order (of repeated ones the last counts), ``residuals``
    (unique_id, cutoff, ds, residual) of forecasts, maybe none, ``series`` SERIES rows (with
    ``learnt``, where fits were told since when a course is another: what has been learnt is not
    named again), ``now`` the clock of each series' source: rows that could not be known by then
    are not looked at. Series that are known ahead are calendars, not measurements, and are left out.
    """
    found = []
    rows, errors = _by_series(values), _by_series(residuals)
    for record in series.to_dict("records"):
        meta = {str(key): fact for key, fact in record.items()}
        unique_id = str(meta["unique_id"])
        if unique_id in rows and unique_id in now and not meta["known_ahead_hours"] > 0:
            clock, rate = now[unique_id], policy.false_alarms
            one = _one(rows[unique_id], meta, now=clock, rate=rate)
            if one is None and unique_id in errors:
                share = rate * SHARES["errors"]
                one = skill.eroded(errors[unique_id], meta, now=clock, rate=share)
            found += [] if one is None else [one]
    return found


def _by_series(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    groups = rows.groupby("unique_id", observed=True, sort=True)
    return {str(name): own for name, own in groups}


def _one(
    rows: pd.DataFrame, meta: Mapping[str, Any], *, now: pd.Timestamp, rate: float
) -> Found | None:
    rows = rows[rows["ds"] <= now].sort_values("ds", kind="stable")
    rows = rows.drop_duplicates("ds", keep="last")
    silent = faults.missing(rows, meta, now=now, rate=rate * SHARES["missing"])
    if silent is not None:
        return silent
    still = faults.stuck(rows, meta, rate=rate * SHARES["stuck"])
    if still is not None:
        return still
    seen = days(rows, meta, now=now)
    return None if seen is None else changed(seen, unit=str(meta["unit"]), rate=rate)


def changed(seen: Days, *, unit: str, rate: float) -> Found | None:
    """Return the change of the series' level, gain, noise or profile that stands out, by name."""
    watched = watch(seen, rate=rate)
    return None if watched is None else watched.told(unit=unit)
