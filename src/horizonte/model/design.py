"""The matrix as lines read it: values in their own unit, and the hours of a day as waves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from horizonte.prepare.features import Matrix
from horizonte.prepare.windows import Reals

_BENT = ("hour", "weekday", "day_of_year", "year_phase")  # read as waves, or not at all


def aligned(built: Matrix, names: tuple[str, ...]) -> Reals:
    """Return the columns ``names`` of ``built`` in that order, NaN where it has none such."""
    found = dict(zip(built.names, built.values.T, strict=True))
    nothing = np.full(len(built.level), np.nan)
    return np.column_stack([found.get(name, nothing) for name in names])


def design(built: Matrix) -> Matrix:
    """Return y's own values in its unit, and add what a line cannot bend: waves of the day.

    A scale that changes from cutoff to cutoff would bend what is proportional.
    """
    values = built.values.copy()
    values[:, : built.own] *= np.where(built.scale > 0, built.scale, 1.0)[:, None]
    found = dict(zip(built.names, values.T, strict=True))
    hour, weekday = found["hour"], found["weekday"]
    out = {k: v for k, v in found.items() if k not in _BENT}
    for k in range(1, 7):
        for name, wave in (("sin", np.sin), ("cos", np.cos)):
            out[f"hour_{name}{k}"] = wave(2 * np.pi * k * hour / 24)
            out[f"rest_hour_{name}{k}"] = found["day_off"] * out[f"hour_{name}{k}"]
    for day in range(7):
        out[f"weekday_{day}"] = (weekday == day).astype(float)
    return replace(built, names=tuple(out), values=np.column_stack(list(out.values())))
