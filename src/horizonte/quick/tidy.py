"""From anybody's frame to a panel: names, instants, one freq, a regular grid, covariates."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from horizonte import freq as grid
from horizonte.contracts import SERIES
from horizonte.errors import DataFault
from horizonte.params import Rules
from horizonte.prepare.clean import clean

KEY = ("unique_id", "ds", "y")
SHARE = 0.9  # of the gaps between neighbours that must be the step, or a multiple of it


@dataclass(frozen=True)
class Tidy:
    """A panel under plain inner names: series ``s00001``, covariates ``x01``.

    ``history`` is (unique_id, ds, y, covariates…) on a regular grid, ``known_future`` the same
    without y or None, ``prepared`` PREPARED, ``meta`` SERIES. ``ids`` and ``columns`` lead from
    inner names back to the caller's; ``naive`` says whether the caller's ds carried no zone.
    """

    history: pd.DataFrame
    known_future: pd.DataFrame | None
    prepared: pd.DataFrame
    meta: pd.DataFrame
    ids: dict[str, Hashable]
    columns: dict[str, Hashable]
    freq: str
    naive: bool
    notes: list[str] = field(default_factory=list)


def tidy(
    frame: pd.DataFrame,
    *,
    freq: str | None = None,
    known_future: pd.DataFrame | None = None,
    zone: str = "UTC",
) -> Tidy:
    """Return ``frame`` (unique_id, ds, y, covariates…) as a panel; raise DataFault for what is unclear.

    Instants without a zone are read as UTC and given back without one. The same instant twice
    keeps its last row; that and every other liberty taken stands in ``notes``. ``zone`` (IANA)
    is where days begin for calendar features.
    """
    rows, naive = _rows(frame, "frame", KEY)
    notes: list[str] = []
    step = grid.step(freq) if freq else infer(rows)
    rows = _on_grid(_once(rows, notes), step, notes)
    codes, uniques = pd.factorize(rows["unique_id"], sort=False)
    ids = {f"s{i:05d}": u for i, u in enumerate(uniques)}
    rows["unique_id"] = np.array(list(ids), dtype=object)[codes]
    columns: dict[str, Hashable] = {
        f"x{i:02d}": c for i, c in enumerate(c for c in rows if c not in KEY)
    }
    rows = rows.rename(columns={outer: inner for inner, outer in columns.items()})
    future = None if known_future is None else _future(known_future, ids, columns)
    meta = _meta(list(ids), grid.iso(step), zone)
    prepared = clean(rows.loc[rows["y"].notna(), list(KEY)], series=meta, rules=rules(step))
    kept = meta["unique_id"].isin(prepared["unique_id"])
    if not kept.any():
        raise DataFault("y", "no number in any row", "at least one number", "check the column")
    if not kept.all():
        gone = [ids[u] for u in meta.loc[~kept, "unique_id"]]
        notes.append(f"{len(gone)} series without a single number are left out: {gone[:5]}.")
    history = prepared[list(KEY)].merge(rows.drop(columns="y"), on=["unique_id", "ds"], how="left")
    return Tidy(
        history,
        future,
        prepared,
        meta[kept].reset_index(drop=True),
        ids,
        columns,
        grid.iso(step),
        naive,
        notes,
    )


def rules(step: pd.Timedelta) -> Rules:
    """Return the cleaning of a file nobody declared: short gaps filled, no value doubted."""
    return Rules(
        impute_up_to=max(3 * step, pd.Timedelta("PT2H")),
        flatline_after=None,
        spike_window=max(pd.Timedelta("P7D"), 24 * step),
        spike_mads=None,
    )


def infer(rows: pd.DataFrame) -> pd.Timedelta:
    """Return the step that nearly all neighbouring instants of a series are apart.

    Raises DataFault naming the gaps that were seen when there is no such step.
    """
    ordered = rows[["unique_id", "ds"]].drop_duplicates().sort_values(["unique_id", "ds"])
    gaps = ordered.groupby("unique_id")["ds"].diff().dropna()
    if gaps.empty:
        raise DataFault(
            "freq", "one instant per series", "inferable from at least two", "pass freq"
        )
    counts = gaps.value_counts()
    step = counts.index[0]
    whole = float(((gaps % step) == pd.Timedelta(0)).mean())
    if whole < SHARE:
        seen = [f"{n} x {gap}" for gap, n in counts.head(4).items()]
        raise DataFault(
            "freq",
            ", ".join(seen),
            "one step that 90 % of the gaps are multiples of",
            "pass freq (months and business days have no fixed step: aggregate first)",
        )
    return grid.step(step)


def _rows(frame: pd.DataFrame, name: str, needed: tuple[str, ...]) -> tuple[pd.DataFrame, bool]:
    convert: Any = getattr(frame, "to_pandas", None)  # polars and others
    given: pd.DataFrame = frame if convert is None else convert()
    missing = [c for c in needed if c not in given]
    if missing:
        raise DataFault(
            f"{name} columns",
            [str(c) for c in given.columns],
            f"complete without {missing}",
            f"rename or add {missing}",
        )
    if given.empty:
        raise DataFault(name, "0 rows", "at least one row", "pass the history to forecast from")
    rows = given.copy()
    rows["ds"] = pd.to_datetime(rows["ds"])
    naive = rows["ds"].dt.tz is None
    rows["ds"] = rows["ds"].dt.tz_localize("UTC") if naive else rows["ds"].dt.tz_convert("UTC")
    rows["ds"] = rows["ds"].astype("datetime64[ns, UTC]")
    for column in (c for c in ("unique_id", "ds") if c in rows):
        if rows[column].isna().any():
            raise DataFault(
                f"{name}.{column}",
                f"{rows[column].isna().sum()} empty cells",
                "filled in every row",
                "fill or drop those rows",
            )
    for name_ in (c for c in rows if c not in ("unique_id", "ds")):
        rows[name_] = _number(rows[name_], f"{name}.{name_}")
    return rows, naive


def _number(values: pd.Series, name: str) -> pd.Series:
    try:
        numbers = values.astype("float64")
    except (ValueError, TypeError) as why:
        raise DataFault(
            name, str(why), "a column of numbers", "convert it, or encode categories as 0 and 1"
        ) from None
    return numbers.where(np.isfinite(numbers))


def _once(rows: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    repeated = rows.duplicated(["unique_id", "ds"], keep="last")
    if repeated.any():
        notes.append(
            f"{int(repeated.sum())} rows repeat an instant of their series; the last one counts."
        )
    return rows[~repeated].sort_values(["unique_id", "ds"], ignore_index=True)


def _on_grid(rows: pd.DataFrame, step: pd.Timedelta, notes: list[str]) -> pd.DataFrame:
    """Drop the rows off the phase that most rows of their series share."""
    ns = rows["ds"].astype("int64") % step.value
    phase = ns.groupby(rows["unique_id"]).transform(lambda p: p.mode().iloc[0])
    off = ns != phase
    if off.any():
        notes.append(f"{int(off.sum())} rows lie off the {grid.iso(step)} grid and are left out.")
    return rows[~off].reset_index(drop=True)


def _future(
    known: pd.DataFrame, ids: dict[str, Hashable], columns: dict[str, Hashable]
) -> pd.DataFrame:
    needed = ("unique_id", "ds") if "unique_id" in known else ("ds",)
    rows, _ = _rows(known, "known_future", needed)
    inner = {outer: name for name, outer in columns.items()}
    unknown = [str(c) for c in rows if c not in (*KEY, *inner)]
    if unknown:
        raise DataFault(
            "known_future columns",
            unknown,
            "covariates that the history has too",
            "add them to the history, or drop them",
        )
    if "unique_id" not in rows:
        rows = rows.merge(pd.DataFrame({"unique_id": list(ids.values())}), how="cross")
    back = {outer: name for name, outer in ids.items()}
    rows = rows[rows["unique_id"].isin(back)].assign(unique_id=lambda r: r["unique_id"].map(back))
    rows = rows.drop(columns="y", errors="ignore").rename(columns=inner)
    return rows.drop_duplicates(["unique_id", "ds"], keep="last")


def _meta(ids: list[str], freq: str, zone: str) -> pd.DataFrame:
    blank = {
        "freq": freq,
        "unit": "",
        "zone": zone,
        "role": "target",
        "known_ahead_hours": 0.0,
        "lower": np.nan,
        "upper": np.nan,
        "holidays": None,
        "source": "quick",
    }
    frame = pd.DataFrame({"unique_id": ids} | blank).assign(publication_lag_seconds=0.0)
    frame["covariates"] = pd.Series([[]] * len(ids), dtype=object)
    return SERIES.check(frame[SERIES.columns])
