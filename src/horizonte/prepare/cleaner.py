"""The rules in order, over the grid of one series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from horizonte import freq
from horizonte.contracts import QUALITY
from horizonte.params import Rules
from horizonte.prepare import flags, impute, spikes
from horizonte.prepare.grid import Flags, Grid, Ints, Reals, nanoseconds, spread
from horizonte.prepare.reach import Widths

IGNORED = ("ignore", "shutdown")  # kinds of annotations that take readings out
DEGREES = ("°", "deg", "degree", "degrees")
CODE = {name: code for code, name in enumerate(QUALITY)}


@dataclass(frozen=True)
class Cleaner:
    """What is declared of one series, and the rules that judge it."""

    unique_id: str
    step: int  # nanoseconds
    limits: tuple[float, float]  # NaN where none is declared
    known_ahead: bool
    period: float  # of circular values (degrees from 0 to 360), else NaN
    rules: Rules
    widths: Widths
    ignored: Ints  # [n, 2] nanoseconds, starts and ends of what people told to ignore

    @classmethod
    def of(cls, meta: Any, *, rules: Rules, annotations: pd.DataFrame | None) -> Cleaner:
        """Return the cleaner of one SERIES row, given as from ``itertuples``."""
        step, unique_id = freq.step(meta.freq), str(meta.unique_id)
        limits = (_real(meta.lower), _real(meta.upper))
        turns = limits == (0.0, 360.0) and str(meta.unit).strip().lower() in DEGREES
        return cls(
            unique_id=unique_id,
            step=int(step.value),
            limits=limits,
            known_ahead=bool(meta.known_ahead_hours > 0),
            period=360.0 if turns else np.nan,
            rules=rules,
            widths=Widths.of(rules, step),
            ignored=_ignored(annotations, unique_id),
        )

    def judge(self, grid: Grid, raw: Reals) -> tuple[Reals, NDArray[np.int8]]:
        """Return ``y`` and the quality codes of the cells of ``grid``, which hold ``raw``.

        What is known ahead is computed, not sensed: flatlines and spikes are not looked for.
        Any direction may follow any other, so circular values have no spikes.
        """
        quality = np.full(grid.size, CODE["ok"], dtype=np.int8)
        if not grid.size:
            return raw, quality
        quality[np.isnan(raw)] = CODE["missing"]
        y, set_aside = raw.copy(), self._set_aside(grid)
        _refuse(y, quality, set_aside, "ignored")
        _refuse(y, quality, flags.out_of_range(y, limits=self.limits), "out_of_range")
        if not self.known_ahead:
            self._distrust(y, quality, grid)
        y, filled = impute.short_gaps(
            y, longest=self.widths.gap, closed=set_aside, period=self.period
        )
        quality[filled & (quality == CODE["missing"])] = CODE["imputed"]
        return y, quality

    def _distrust(self, y: Reals, quality: NDArray[np.int8], grid: Grid) -> None:
        if self.rules.flatline_after is not None:
            stuck = flags.flatline(y, widths=self.widths, limits=self.limits)
            _refuse(y, quality, stuck, "flatline")
        if self.rules.spike_mads is not None and np.isnan(self.period):
            bursts = spikes.spike(
                y,
                widths=self.widths,
                first_cell=grid.first // self.step,
                mads=self.rules.spike_mads,
                limits=self.limits,
            )
            _refuse(y, quality, bursts, "spike")

    def _set_aside(self, grid: Grid) -> Flags:
        """Return the cells that start within an ignored stretch [start, end)."""
        edges = np.clip(-((grid.first - self.ignored) // self.step), 0, grid.size)
        return spread(edges[:, 0], edges[:, 1], grid.size)


def _refuse(y: Reals, quality: NDArray[np.int8], which: Flags, reason: str) -> None:
    quality[which] = CODE[reason]
    y[which] = np.nan


def _ignored(annotations: pd.DataFrame | None, unique_id: str) -> Ints:
    if annotations is None or annotations.empty:
        return np.empty((0, 2), dtype=np.int64)
    own = annotations[annotations["unique_id"].eq(unique_id) & annotations["kind"].isin(IGNORED)]
    return np.column_stack((nanoseconds(own["starts_at"]), nanoseconds(own["ends_at"])))


def _real(limit: object) -> float:
    return float(limit) if isinstance(limit, (int, float)) else np.nan
