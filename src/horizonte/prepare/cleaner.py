"""The rules in order, over the grid of one series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from horizonte import freq
from horizonte.contracts import QUALITY
from horizonte.params import Rules
from horizonte.prepare import flags, impute, spikes
from horizonte.prepare.convert import Conversion
from horizonte.prepare.grid import Flags, Grid, Ints, Reals, nanoseconds, spread
from horizonte.prepare.reach import Widths

IGNORED = ("ignore", "shutdown")  # kinds of annotations that take readings out
PLANNED = ("planned_event",)  # of those that are true and no example of the usual
REPLACED = ("sensor_replaced",)  # from its start on another sensor reads
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
    planned: Ints  # [n, 2] of what they knew to be unusual
    replaced: Ints  # [n] when another sensor took over
    conversion: Conversion  # of what came in another unit

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
            ignored=_stretches(annotations, unique_id, IGNORED),
            planned=_stretches(annotations, unique_id, PLANNED),
            replaced=_stretches(annotations, unique_id, REPLACED)[:, 0],
            conversion=Conversion.of(annotations, unique_id),
        )

    def judge(self, grid: Grid, raw: Reals) -> tuple[Reals, NDArray[np.int8]]:
        """Return ``y`` and the quality codes of the cells of ``grid``, which hold ``raw``.

        ``raw`` is in the unit of the series: what came in another one is converted already.
        What is known ahead is computed, not sensed: flatlines and spikes are not looked for.
        Any direction may follow any other, so circular values have no spikes. Each sensor is
        judged as if it were alone.
        """
        y, quality = raw.copy(), np.full(grid.size, CODE["ok"], dtype=np.int8)
        starts = np.clip(_cell(grid, self.replaced), 0, grid.size)
        for a, b in pairwise(np.unique([0, *starts, grid.size]).tolist()):
            own = Grid(grid.first + a * grid.step, grid.step, b - a)
            y[a:b], quality[a:b] = self._judge_one(own, raw[a:b])
        return y, quality

    def _judge_one(self, grid: Grid, raw: Reals) -> tuple[Reals, NDArray[np.int8]]:
        """Return what ``judge`` does, of the cells of one sensor."""
        y, quality = raw.copy(), np.full(grid.size, CODE["ok"], dtype=np.int8)
        quality[np.isnan(raw)] = CODE["missing"]
        ignored, planned = _within(grid, self.ignored), _within(grid, self.planned)
        _refuse(y, quality, ignored, "ignored")
        _refuse(y, quality, flags.out_of_range(y, limits=self.limits), "out_of_range")
        real = planned & (quality == CODE["ok"])
        y[real] = np.nan  # until the rules have judged the others without it
        if not self.known_ahead:
            self._distrust(y, quality, grid)
        y, filled = impute.short_gaps(
            y, longest=self.widths.gap, closed=ignored | planned, period=self.period
        )
        quality[filled & (quality == CODE["missing"])] = CODE["imputed"]
        y[real], quality[real] = raw[real], CODE["planned_event"]
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


def _refuse(y: Reals, quality: NDArray[np.int8], which: Flags, reason: str) -> None:
    quality[which] = CODE[reason]
    y[which] = np.nan


def _within(grid: Grid, stretches: Ints) -> Flags:
    """Return the cells that start within one of ``stretches``, [start, end)."""
    edges = np.clip(_cell(grid, stretches), 0, grid.size)
    return spread(edges[:, 0], edges[:, 1], grid.size)


def _cell(grid: Grid, instants: Ints) -> Ints:
    """Return the first cell that starts at or after each instant; it may lie outside the grid."""
    found: Ints = -((grid.first - instants) // grid.step)
    return found


def _stretches(annotations: pd.DataFrame | None, unique_id: str, kinds: Sequence[str]) -> Ints:
    if annotations is None or annotations.empty:
        return np.empty((0, 2), dtype=np.int64)
    own = annotations[annotations["unique_id"].eq(unique_id) & annotations["kind"].isin(kinds)]
    return np.column_stack((nanoseconds(own["starts_at"]), nanoseconds(own["ends_at"])))


def _real(limit: object) -> float:
    return float(limit) if isinstance(limit, (int, float)) else np.nan
