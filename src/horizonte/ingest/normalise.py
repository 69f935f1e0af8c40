"""From resolved readings to rows that may be stored: on the grid, one value per instant."""

from __future__ import annotations

import numpy as np
import pandas as pd

from horizonte.ingest.chunk import Refusals, letter
from horizonte.ingest.sources import Source

DAY = pd.Timedelta(days=1)


def on_grid(rows: pd.DataFrame, source: Source) -> tuple[pd.DataFrame, list[Refusals]]:
    """Return the rows on the source's grid, and the others refused with the nearest grid points.

    The grid counts from 1970 in UTC, or from the zone's standard midnight where that suits
    more rows (zones of half an hour); a grid of several days takes the phase of most rows.
    """
    if rows.empty:
        return rows, []
    step = pd.Timedelta(source.freq).value
    phase = _phase(rows["ds"].to_numpy(), source, step)
    rest = (rows["ds"].to_numpy() - phase) % step
    odd = rows[rest != 0].copy()
    odd["before"] = odd["ds"] - rest[rest != 0]
    refusals = []
    for place in odd["time_column"].unique().tolist():
        part = odd[odd["time_column"] == place].drop_duplicates(["row", "ds"])
        near = [f"{_show(b)} or {_show(b + step)}" for b in part["before"].tolist()]
        shown = [_show(ds) for ds in part["ds"].tolist()]
        fixes = [f"the nearest grid points are {text}" for text in near]
        refusals.append(
            Refusals(
                part["row"].to_numpy(), letter(place), shown, f"off the {source.freq} grid", fixes
            )
        )
    return rows[rest == 0], refusals


def not_future(
    rows: pd.DataFrame, source: Source, now: pd.Timestamp
) -> tuple[pd.DataFrame, list[Refusals]]:
    """Return the readings up to ``now``, or known ahead, and the others refused."""
    past_only = np.array(
        [pd.Timedelta(c.known_ahead) == pd.Timedelta(0) for c in source.series.values()]
    )
    ahead = (rows["ds"].to_numpy() > now.value) & past_only[rows["series"].to_numpy()]
    odd = rows[ahead]
    why = f"after now, {_show(now.value)}, in a series that is not known ahead"
    fix = "correct the time, or declare known_ahead or clock: recorded"
    refusals = []
    for place in odd["time_column"].unique().tolist():
        part = odd[odd["time_column"] == place].drop_duplicates(["row", "ds"])
        shown = [_show(ds) for ds in part["ds"].tolist()]
        refusals.append(Refusals(part["row"].to_numpy(), letter(place), shown, why, [fix]))
    return rows[~ahead], refusals


def once(rows: pd.DataFrame, source: Source) -> tuple[pd.DataFrame, list[Refusals], int]:
    """Return one row per series and instant, the conflicts refused, and how many rows repeated.

    Equal repeats collapse. Different values are all refused, or all but the ``first`` or
    ``last`` of the file, as the source's rule says.
    """
    keys = ["series", "ds"]
    double = rows.duplicated(keys, keep=False)
    if not double.any():
        return rows, [], 0
    some = rows[double].sort_values([*keys, "row"], kind="stable")
    groups = some.groupby(keys, sort=False)
    clash = (groups["y"].transform("nunique") > 1).to_numpy()
    same, fight = some[~clash], some[clash]
    kept = same.drop_duplicates(keys)
    keep = (
        fight.iloc[:0]
        if source.duplicates == "refuse"
        else fight.drop_duplicates(keys, keep=source.duplicates)
    )
    lost = fight.drop(keep.index)
    equal = lost.merge(keep[[*keys, "y"]], on=[*keys, "y"]).shape[0]
    if equal:
        known = pd.MultiIndex.from_frame(keep[[*keys, "y"]])
        lost = lost[~pd.MultiIndex.from_frame(lost[[*keys, "y"]]).isin(known)]
    rows = pd.concat([rows[~double], kept, keep]).sort_values(["row", "column"], kind="stable")
    return rows, _conflicts(lost, fight, source), len(same) - len(kept) + equal


def _conflicts(lost: pd.DataFrame, fight: pd.DataFrame, source: Source) -> list[Refusals]:
    groups = dict(iter(fight.groupby(["series", "ds"], sort=False)))
    fix = f"keep one of them, or declare duplicates: first or last (now {source.duplicates})"
    columns = ("series", "ds", "y", "row", "column")
    refusals = []
    for series, ds, y, row, column in zip(*(lost[c].tolist() for c in columns), strict=True):
        group = groups[series, ds]
        other = group[group["y"] != y].iloc[0]
        why = f"row {other['row']:.0f} holds {other['y']:.15g} for the same series and instant"
        refusals.append(Refusals(np.array([row]), letter(column), [f"{y:.15g}"], why, [fix]))
    return refusals


def _phase(ds: np.ndarray, source: Source, step: int) -> int:
    if step > DAY.value:
        values, counts = np.unique(ds % step, return_counts=True)
        return int(values[counts.argmax()])
    winter = pd.Timestamp("2025-01-01", tz=source.zone).utcoffset()
    summer = pd.Timestamp("2025-07-01", tz=source.zone).utcoffset()
    standard = min(winter or pd.Timedelta(0), summer or pd.Timedelta(0))
    local = -pd.Timedelta(standard).value % step
    return max((0, local), key=lambda phase: int((ds % step == phase).sum()))


def _show(ds: int) -> str:
    return pd.Timestamp(ds, tz="UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
