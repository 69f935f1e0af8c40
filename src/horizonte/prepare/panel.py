"""From prepared series to what a model reads: one row per target and instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from horizonte import freq
from horizonte.errors import DataFault, NotFound

RESERVED = ("unique_id", "ds", "y")
BySeries = Mapping[str, pd.DataFrame]
NS = "datetime64[ns]"
EMPTY = pd.DataFrame({"ds": pd.DatetimeIndex([], tz="UTC"), "y": np.zeros(0)})


def covariate_columns(series: pd.DataFrame, targets: Sequence[str]) -> dict[str, str]:
    """Return ``unique_id -> column`` for every covariate that ``targets`` may read.

    A column is the part of the unique_id after the first slash; the whole unique_id where that
    part is reserved or means two covariates of one target.
    """
    lists = [list(row) for row in _rows(series, targets)["covariates"]]
    clash = {c for ids in lists for c in ids if _ambiguous(c, ids)}
    every = dict.fromkeys(c for ids in lists for c in ids)
    return {c: c if c in clash else _short(c) for c in every}


def panel(
    prepared: pd.DataFrame | BySeries, *, series: pd.DataFrame, targets: Sequence[str]
) -> pd.DataFrame:
    """Return the history of ``targets``: (unique_id, ds, y, covariates…), a regular grid each.

    PREPARED (or what ``by_series`` makes of it) and SERIES in. A target's rows end with its own
    grid; covariates stand where they apply and NaN elsewhere. A covariate with a longer step holds
    over its interval; one with a shorter step is averaged. Raises DataFault when targets differ in
    freq and NotFound for an unknown one.
    """
    step = one_step(series, targets)
    rename, values = covariate_columns(series, targets), by_series(prepared)
    covariates = _rows(series, targets)["covariates"]
    parts = [_join(values, t, list(covariates[t]), step) for t in targets]
    whole = pd.concat([p.rename(columns=rename) for p in parts], ignore_index=True)
    return whole.reindex(columns=[*RESERVED, *dict.fromkeys(rename.values())])


def known_future(
    rows: pd.DataFrame | BySeries,
    *,
    series: pd.DataFrame,
    targets: Sequence[str],
    cutoffs: pd.Series | Mapping[str, pd.Timestamp],
    horizon: int,
) -> pd.DataFrame | None:
    """Return the known-ahead covariates over (cutoff, cutoff + horizon], or None without any.

    ``rows`` are PREPARED or OBSERVATION rows as of the forecast; ``cutoffs`` maps unique_id to
    its cutoff; ``horizon`` counts steps. What was not known then is NaN.
    """
    step = one_step(series, targets)
    names = covariate_columns(series, targets)
    ahead = series.loc[series["known_ahead_hours"] > 0, "unique_id"]
    names = {c: n for c, n in names.items() if c in set(ahead)}
    if not names:
        return None
    values, own = by_series(rows), _rows(series, targets)["covariates"]
    parts = []
    for target in targets:
        grid = pd.date_range(cutoffs[target] + step, periods=horizon, freq=step, unit="ns")
        part = pd.DataFrame({"unique_id": target, "ds": grid})
        for covariate in (c for c in own[target] if c in names):
            part[names[covariate]] = _on_grid(values.get(covariate), part["ds"], step)
        parts.append(part)
    whole = pd.concat(parts, ignore_index=True)
    return whole.reindex(columns=["unique_id", "ds", *dict.fromkeys(names.values())])


def one_step(series: pd.DataFrame, targets: Sequence[str]) -> pd.Timedelta:
    """Return the step that ``targets`` share; raise DataFault when they differ."""
    found = sorted({freq.iso(f) for f in _rows(series, targets)["freq"]})
    if len(found) != 1:
        raise DataFault("freq of a panel", found, "one freq", "make one panel per freq")
    return freq.step(found[0])


def by_series(rows: pd.DataFrame | BySeries) -> BySeries:
    """Return the (ds, y) of every series, found in one pass; as it is where that was done."""
    if not isinstance(rows, pd.DataFrame):
        return rows
    bare, places = rows[["ds", "y"]], rows.groupby("unique_id", observed=True).indices
    return {str(unique_id): bare.take(np.asarray(at)) for unique_id, at in places.items()}


def _join(
    values: BySeries, target: str, covariates: Sequence[str], step: pd.Timedelta
) -> pd.DataFrame:
    own = values[target].reset_index(drop=True) if target in values else EMPTY.copy()
    own.insert(0, "unique_id", target)
    for covariate in covariates:
        own[covariate] = _on_grid(values.get(covariate), own["ds"], step)
    return own


def _on_grid(own: pd.DataFrame | None, grid: pd.Series, step: pd.Timedelta) -> np.ndarray:
    """Return the values of ``own`` on ``grid``: equal steps matched, others held or averaged."""
    if own is None or own.empty or grid.empty:
        return np.full(len(grid), np.nan)
    ds, at = own["ds"].to_numpy(NS), grid.to_numpy(NS)
    gap = np.diff(ds).min() if len(ds) > 1 else step.to_timedelta64()
    if gap < step:
        start = grid.iloc[0]
        values = own.set_index("ds")["y"]
        means = values.groupby((values.index - start) // step * step + start).mean()
        return means.reindex(grid).to_numpy(dtype=float)
    if gap == step:
        place = np.searchsorted(ds, at).clip(max=len(ds) - 1)
        return np.where(ds[place] == at, own["y"].to_numpy(dtype=float)[place], np.nan)
    held = pd.merge_asof(
        pd.DataFrame({"ds": grid}),
        own,
        on="ds",
        tolerance=pd.Timedelta(gap) - pd.Timedelta(1, "ns"),
    )
    return held["y"].to_numpy(dtype=float)


def _rows(series: pd.DataFrame, targets: Sequence[str]) -> pd.DataFrame:
    places = pd.Index(series["unique_id"]).get_indexer(pd.Index(targets))
    missing = [t for t, at in zip(targets, places, strict=True) if at < 0]
    if missing:
        raise NotFound(
            "series", missing, f"one of {sorted(series['unique_id'])}", "declare it first"
        )
    return series.take(places).set_axis(list(targets))


def _short(unique_id: str) -> str:
    return unique_id.partition("/")[2] or unique_id


def _ambiguous(covariate: str, ids: list[str]) -> bool:
    short = _short(covariate)
    return short in RESERVED or sum(_short(other) == short for other in ids) > 1
