"""Families that fit one series at a time: each series' model is one JSON object."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from horizonte.errors import ModelFault
from horizonte.prepare.calendar import Place
from horizonte.prepare.features import places
from horizonte.prepare.tracks import carried
from horizonte.prepare.windows import Reals, Windows

log = logging.getLogger(__name__)
Spec = dict[str, Any]  # what JSON can hold, and so what is saved of one series
FitOne = Callable[[Windows, Spec, int], Spec]  # (its one row, its place, seed); may raise
Forecast = Callable[[Spec, Windows], Reals]


@dataclass(frozen=True)
class PerSeries:
    """A Family made of two functions: ``fit_one`` gives a spec, ``forecast`` answers from it."""

    name: str
    fit_one: FitOne
    forecast: Forecast
    costly: bool = False

    def fit(self, windows: Windows, *, meta: pd.DataFrame, seed: int) -> PerSeriesFit:
        """Fit every row; a series that raises, or whose forecast is absurd, is in ``failed``."""
        specs: dict[str, Spec] = {}
        failed: dict[str, str] = {}
        for row, unique_id in enumerate(windows.unique_id):
            one = windows.take([row])
            try:
                spec = self._one(one, place(meta, unique_id), seed)
            except Exception as why:  # noqa: BLE001 (one series' fit never stops the others)
                failed[unique_id] = f"{type(why).__name__}: {why}"[:300]
                log.warning("%s cannot fit %s: %s", self.name, unique_id, failed[unique_id])
            else:
                specs[unique_id] = spec
        return PerSeriesFit(self.name, specs, failed, self.forecast)

    def load(self, folder: Path) -> PerSeriesFit:
        """Return what ``save`` wrote; raise ModelFault when it is absent or damaged."""
        path = folder / f"{self.name}.json"
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            return PerSeriesFit(self.name, stored["series"], stored["failed"], self.forecast)
        except (OSError, ValueError, KeyError, TypeError) as why:
            raise ModelFault(
                str(path), repr(why), "a model that was saved here", "fetch the model folder again"
            ) from None

    def _one(self, one: Windows, where: Spec, seed: int) -> Spec:
        seen = one.y[np.isfinite(one.y)]
        if seen.size == 0:
            raise ValueError("nothing was observed")
        recent = one.y[:, -one.steps("P28D") :]
        recent = recent[np.isfinite(recent)]
        low, high = float(seen.min()), float(seen.max())
        spec = {
            **where,
            "level": float((recent if recent.size else seen).mean()),
            "low": low - (high - low),
            "high": high + (high - low),
        }
        spec |= self.fit_one(one, spec, seed)
        answer = self.forecast(spec, one)
        if not np.isfinite(answer).all():
            raise ValueError("the fit forecasts no finite numbers")
        if answer.min() < spec["low"] or answer.max() > spec["high"]:
            raise ValueError(f"the fit diverges: {answer.min():.3g} to {answer.max():.3g}")
        return spec


@dataclass
class PerSeriesFit:
    """Fitted models of a panel, one spec per series; every forecast is finite and within bounds."""

    name: str
    series: dict[str, Spec]
    failed: dict[str, str]
    forecast: Forecast

    def predict(self, windows: Windows) -> Reals:
        """Return ``[n, horizon]``; NaN for series without a fit, else finite numbers."""
        out = np.full((len(windows), windows.horizon), np.nan)
        for unique_id in dict.fromkeys(windows.unique_id):
            spec = self.series.get(unique_id)
            if spec is not None:
                rows = np.flatnonzero(windows.unique_id == unique_id)
                mine = windows.take(rows)
                answer = self.forecast(spec, mine)
                answer = np.where(np.isfinite(answer), answer, cycle(mine, ("P7D", "P1D"), spec))
                out[rows] = np.clip(answer, spec["low"], spec["high"])
        return out

    def save(self, folder: Path) -> None:
        """Write one JSON file: the same model always gives the same bytes."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"failed": self.failed, "series": self.series}, sort_keys=True)
        (folder / f"{self.name}.json").write_text(text + "\n", encoding="utf-8")


def place(meta: pd.DataFrame, unique_id: str) -> Spec:
    """Return by which clock and holidays a series goes: UTC and none where ``meta`` has none.

    Of a series whose course is another also since when, and what of it is (see ``course``).
    """
    rows = meta[meta["unique_id"] == unique_id]
    found = places(rows).get(unique_id, Place("UTC"))
    usual: Spec = {"zone": found.zone, "holidays": found.holidays}
    told = rows.get("changed", pd.Series(dtype=object)).dropna()
    if told.empty:
        return usual
    reshaped = bool(rows["reshaped"].iloc[0])
    return usual | {"changed": str(told.iloc[0]), "late": found.late, "reshaped": reshaped}


def by_place(spec: Spec) -> Place:
    """Return what ``place`` told a fit of its clock and holidays."""
    found = Place(spec["zone"], spec["holidays"])
    return found._replace(changed=spec["changed"], late=spec["late"]) if spec.get("late") else found


def cycle(windows: Windows, periods: tuple[str, ...], spec: Spec) -> Reals:
    """Return the last value at the same phase of the first of ``periods`` that has one.

    A phase that was never observed falls back to the next period, then to the last observation,
    then to the level of the training part: the answer is always finite.
    """
    out = np.full((len(windows), windows.horizon), np.nan)
    for season in (windows.steps(period) for period in periods):
        if season <= windows.length:
            phase = np.arange(windows.horizon) % season
            last = carried(windows.y[:, windows.length % season :], season)[:, -season:]
            out = np.where(np.isfinite(out), out, last[:, phase])
    newest = np.maximum(windows.length - 1 - windows.stale(), 0)
    last = windows.y[np.arange(len(windows)), newest][:, None]
    out = np.where(np.isfinite(out), out, last)
    return np.where(np.isfinite(out), out, spec["level"])


def recent(one: Windows, duration: str) -> Windows:
    """Return the last ``duration`` of the histories, from the first observation of any on."""
    seen = np.isfinite(one.y).any(axis=0)
    size = min(one.steps(duration), one.length - int(seen.argmax()))
    return _columns(one, slice(one.length - size, one.length))


def until(one: Windows, column: int) -> Windows:
    """Return the histories before ``column``."""
    return _columns(one, slice(0, column))


def origins(one: Windows, *, count: int, every: str, back: int) -> tuple[Windows, Reals]:
    """Return earlier cutoffs of the one row of ``one``, and what was observed after each.

    The newest stands a horizon before the end, the others ``every`` earlier, as far as they leave
    half of the history before them; each sees the ``back`` steps up to it. ``[n, horizon]`` beside.
    """
    ends = one.length - one.horizon - one.steps(every) * np.arange(count)
    ends = ends[ends >= max(one.length // 2, 1)]
    parts = [_columns(one, slice(max(end - back, 0), end)) for end in ends]
    if not parts:
        return one.take([]), np.zeros((0, one.horizon))
    short = min(part.length for part in parts)
    parts = [_columns(part, slice(part.length - short, part.length)) for part in parts]
    ahead = [slice(end, end + one.horizon) for end in ends]
    known = {
        n: np.vstack([one.covariates[n][:, a] for a in ahead])
        for n in one.future
        if n in one.covariates
    }
    stacked = replace(
        parts[0],
        unique_id=np.repeat(one.unique_id, len(parts)),
        future=known,
        cutoff=one.cutoff[0] - one.step * (one.length - ends),
        y=np.vstack([p.y for p in parts]),
        covariates={n: np.vstack([p.covariates[n] for p in parts]) for n in one.covariates},
    )
    return stacked, np.vstack([one.y[:, a] for a in ahead])


def _columns(windows: Windows, at: slice) -> Windows:
    return replace(
        windows,
        y=windows.y[:, at],
        cutoff=windows.cutoff - windows.step * (windows.length - at.stop),
        covariates={name: values[:, at] for name, values in windows.covariates.items()},
    )
