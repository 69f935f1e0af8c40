"""Histories of one grid as arrays: what every model fits on and forecasts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from horizonte import freq

Reals = NDArray[np.float64]
UTC = "datetime64[ns, UTC]"


@dataclass(frozen=True)
class Windows:
    """``n`` histories, each of one series up to and including its own cutoff.

    The last column of ``y`` and of every covariate is the cutoff; earlier columns go back one
    step each, NaN where nothing was observed or the history is shorter. ``future`` holds the
    covariates known ahead over ``(cutoff, cutoff + horizon]``, NaN where unknown. One series may
    stand in many rows (one per cutoff), and nothing in a row comes from after its cutoff. ``lost``
    names per row the covariates that ought to be known and are not; empty, nothing is missing.
    """

    unique_id: NDArray[np.object_]  # [n]
    cutoff: NDArray[np.datetime64]  # [n], UTC, ns
    y: Reals  # [n, length]
    covariates: dict[str, Reals]  # name → [n, length]
    future: dict[str, Reals]  # name → [n, horizon]
    freq: str  # ISO-8601
    horizon: int  # steps
    lost: tuple[tuple[str, ...], ...] = ()  # [n], or empty

    def __len__(self) -> int:
        return len(self.unique_id)

    @property
    def length(self) -> int:
        """Return the number of steps that the longest history may hold."""
        return int(self.y.shape[1])

    @property
    def step(self) -> np.timedelta64:
        """Return the grid's step."""
        return freq.step(self.freq).to_timedelta64()

    def steps(self, duration: str) -> int:
        """Return how many whole steps of the grid fit into ``duration``, at least one."""
        return _steps(duration, self.freq)

    def target_ds(self) -> NDArray[np.datetime64]:
        """Return the instants that a forecast of each row covers, ``[n, horizon]``, UTC."""
        return self.cutoff[:, None] + self.step * np.arange(1, self.horizon + 1)

    def history_ds(self) -> NDArray[np.datetime64]:
        """Return the instants of the columns of ``y``, ``[n, length]``, UTC."""
        return self.cutoff[:, None] - self.step * np.arange(self.length - 1, -1, -1)

    def stale(self) -> NDArray[np.int64]:
        """Return how many steps before the cutoff each target was last observed; length if never."""
        seen = np.isfinite(self.y[:, ::-1])
        return np.where(seen.any(axis=1), seen.argmax(axis=1), self.length)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64] | Sequence[int]) -> Windows:
        """Return the chosen rows, in the chosen order."""
        at = np.asarray(rows)
        return replace(
            self,
            unique_id=self.unique_id[at],
            cutoff=self.cutoff[at],
            y=self.y[at],
            covariates={name: values[at] for name, values in self.covariates.items()},
            future={name: values[at] for name, values in self.future.items()},
            lost=tuple(self.lost[i] for i in np.arange(len(self))[at]) if self.lost else (),
        )

    def frame(self, mean: Reals) -> pd.DataFrame:
        """Return ``mean`` ``[n, horizon]`` as rows (unique_id, cutoff, ds, mean)."""
        return pd.DataFrame(
            {
                "unique_id": np.repeat(self.unique_id, self.horizon),
                "cutoff": pd.DatetimeIndex(np.repeat(self.cutoff, self.horizon), tz="UTC"),
                "ds": pd.DatetimeIndex(self.target_ds().ravel(), tz="UTC"),
                "mean": mean.ravel(),
            }
        )


def windows(
    history: pd.DataFrame,
    *,
    freq_: str,
    horizon: int,
    known_future: pd.DataFrame | None = None,
    length: int | None = None,
) -> Windows:
    """Return the histories of a panel frame as arrays; the order of its rows does not matter.

    ``history`` is (unique_id, ds, y, covariates…), its last ``ds`` of a series being that series'
    cutoff; a column ``cutoff`` stacks the histories of many cutoffs instead. ``known_future`` is
    (unique_id, ds, covariates…), with a column ``cutoff`` where what was known differs between
    cutoffs. ``length`` keeps only that many steps before and at each cutoff.
    """
    rows = (
        history
        if "cutoff" in history
        else history.assign(cutoff=history.groupby("unique_id")["ds"].transform("max"))
    )
    step = freq.step(freq_).to_timedelta64()
    owner, ids = pd.factorize(rows["unique_id"].to_numpy(object), sort=True)
    moment, cutoffs = pd.factorize(_utc(rows["cutoff"]), sort=True)
    pairs, row = np.unique(owner * max(len(cutoffs), 1) + moment, return_inverse=True)
    ids, cutoffs = ids[pairs // max(len(cutoffs), 1)], cutoffs[pairs % max(len(cutoffs), 1)]
    back = ((_utc(rows["cutoff"]) - _utc(rows["ds"])) // step).astype(np.int64)
    size = min(length or int(back.max()) + 1, int(back.max()) + 1)
    kept = (back >= 0) & (back < size)
    at = row[kept], size - 1 - back[kept]
    names = [str(c) for c in rows if c not in ("unique_id", "cutoff", "ds", "y")]
    past = {c: _fill((len(ids), size), at, rows[c].to_numpy(float)[kept]) for c in ["y", *names]}
    bare = Windows(
        ids,
        cutoffs,
        past.pop("y"),
        past,
        {},
        freq.iso(freq_),
        horizon,
    )
    return replace(bare, future=_future(bare, known_future))


@lru_cache(maxsize=256)
def _steps(duration: str, freq_: str) -> int:
    return max(1, int(pd.Timedelta(duration) / freq.step(freq_)))


def _future(bare: Windows, known: pd.DataFrame | None) -> dict[str, Reals]:
    names = (
        [] if known is None else [str(c) for c in known if c not in ("unique_id", "cutoff", "ds")]
    )
    if known is None or not names:
        return {}
    if "cutoff" not in known and len(set(bare.unique_id)) == len(bare):
        return _ahead(bare, known, names)
    on = ["unique_id", "cutoff", "ds"] if "cutoff" in known else ["unique_id", "ds"]
    wanted = bare.frame(np.zeros((len(bare), bare.horizon)))[["unique_id", "cutoff", "ds"]]
    found = wanted.merge(known.drop_duplicates(on), on=on, how="left")
    shape = len(bare), bare.horizon
    return {name: found[name].to_numpy(float).reshape(shape) for name in names}


def _ahead(bare: Windows, known: pd.DataFrame, names: list[str]) -> dict[str, Reals]:
    """Return what ``_future`` does, of windows whose every row is another series."""
    row = pd.Index(bare.unique_id).get_indexer(pd.Index(known["unique_id"]))
    ahead = _utc(known["ds"]) - bare.cutoff[row]
    lead = (ahead // bare.step).astype(np.int64)
    kept = (
        (row >= 0) & (lead >= 1) & (lead <= bare.horizon) & (ahead % bare.step == np.timedelta64(0))
    )
    at, shape = (
        (row[kept][::-1], lead[kept][::-1] - 1),
        (len(bare), bare.horizon),
    )  # the first stays
    return {name: _fill(shape, at, known[name].to_numpy(float)[kept][::-1]) for name in names}


def _fill(shape: tuple[int, int], at: tuple[NDArray[np.int64], ...], values: Reals) -> Reals:
    out = np.full(shape, np.nan)
    out[at] = values
    return out


def _utc(instants: pd.Series) -> NDArray[np.datetime64]:
    return np.asarray(instants.dt.tz_convert("UTC").dt.tz_localize(None), "datetime64[ns]")
