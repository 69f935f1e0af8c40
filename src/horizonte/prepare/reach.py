"""How far each rule looks, in cells; and so how far one touched row can be felt."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from horizonte import freq
from horizonte.params import Rules

BURST = 3  # cells of the longest spike
BLOCKS = 7  # parts of the context whose scales are compared
INSTANT = pd.Timedelta(1, "us")  # the resolution at rest
LEAST = 96  # cells of context below which a scale or a share of repeats says nothing


@dataclass(frozen=True)
class Widths:
    """The rules' windows in cells of one freq."""

    gap: int  # longest gap that is filled
    flat: int  # a run longer than this is suspect
    context: int  # cells on each side that say what is natural
    block: int  # cells of one part of the context

    @classmethod
    def of(cls, rules: Rules, step: pd.Timedelta) -> Widths:
        """Return the widths of ``rules`` on a grid of ``step``."""
        block = -(-max(rules.spike_window // step, LEAST) // BLOCKS)
        flat = rules.flatline_after // step if rules.flatline_after is not None else 0
        return cls(rules.impute_up_to // step, flat, block * BLOCKS, block)

    @property
    def cells(self) -> int:
        """Return how many cells away a value can still change a cell.

        One more than the rules read: a row off the grid stands up to a step after its cell starts.
        """
        flatline = 2 * self.context + self.flat + 1
        spike = (BLOCKS // 2 + 1) * self.block + 2 * BURST
        return flatline + spike + self.gap + 2


def reach(rules: Rules, series_freq: str) -> pd.Timedelta:
    """Return how far from a touched row the prepared rows of a ``series_freq`` grid can change."""
    step = freq.step(series_freq)
    return step * Widths.of(rules, step).cells


def affected(touched: pd.DataFrame, *, rules: Rules, series: pd.DataFrame) -> pd.DataFrame:
    """Return the stretches to clean again after ``touched``, merged per series.

    ``touched`` holds rows (unique_id, ds) that came or were corrected, or stretches (unique_id,
    starts_at, ends_at): annotations, and what a new first or last row adds to the grid. The
    answer (unique_id, starts_at, ends_at, reads_from, reads_until) says which prepared rows in
    [starts_at, ends_at) can differ, and which observations ``clean_between`` needs to rebuild
    them. Stretches may pass the ends of the grid, which are the caller's to know.
    """
    steps = dict(zip(series["unique_id"], series["freq"], strict=True))
    groups = touched.groupby("unique_id", observed=True, sort=True)
    parts = [_merged(rows, str(name), reach(rules, steps[name])) for name, rows in groups]
    columns = ["unique_id", "starts_at", "ends_at", "reads_from", "reads_until"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _merged(rows: pd.DataFrame, unique_id: str, width: pd.Timedelta) -> pd.DataFrame:
    starts = rows["ds"] if "ds" in rows else rows["starts_at"]
    ends = rows["ds"] + INSTANT if "ds" in rows else rows["ends_at"]
    wide = pd.DataFrame({"starts_at": starts - width, "ends_at": ends + width})
    wide = wide.sort_values("starts_at")
    apart = (wide["starts_at"] > wide["ends_at"].cummax().shift()).cumsum()
    whole = wide.groupby(apart).agg({"starts_at": "min", "ends_at": "max"}).reset_index(drop=True)
    whole.insert(0, "unique_id", unique_id)
    whole["reads_from"] = whole["starts_at"] - width
    whole["reads_until"] = whole["ends_at"] + width
    return whole
