"""Ridge regression on lags and calendar, per series and band of lead times.

Fitted by absolute error (ridge, reweighted a few times by the inverse of the residual): a few
wild days of a counter would otherwise bend every hour.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from horizonte.errors import ModelFault
from horizonte.model.fallback import Levels
from horizonte.prepare.features import Matrix, matrix, serving_cells, targets, training_cells
from horizonte.prepare.windows import Reals, Windows

ROWS = 12_000  # bound on the cells that one series is fitted on
LEAST, TOTAL = 3_000, 1_500_000  # and for a panel of many, where each may have fewer
BANDS = (
    0.0,
    1 / 16,
    1 / 8,
    1 / 4,
    1 / 2,
)  # where bands of lead times start, as shares of the horizon
PENALTY = 10.0
REWEIGHTED = 2  # times
NEAR = 0.05  # residuals below this share of the scale weigh no more
FAR = 5.0  # standard deviations beyond which a feature is read as this far


_ARRAYS = ("centre", "spread", "weights", "reach", "unit", "starts")


class Lines(NamedTuple):
    """The fit of one series, or of all, stacked along a first axis."""

    centre: Reals  # [feature]
    spread: Reals  # [feature]
    weights: Reals  # [band, feature + 1], intercept last
    reach: Reals  # [2] smallest and largest answer, in units off the level
    unit: Reals  # [] the series' usual scale


@dataclass(frozen=True)
class FittedLinear:
    """Lines over the standardised matrix, per series and band of lead times."""

    names: tuple[str, ...]
    series: tuple[str, ...]
    lines: Lines
    starts: Reals  # [band] first lead of each band
    levels: Levels
    meta: pd.DataFrame
    name: str = "linear"
    failed: dict[str, str] = field(default_factory=dict)

    def predict(self, windows: Windows) -> Reals:
        """Return expected values ``[n, horizon]``; NaN for series that were not fitted."""
        built = _design(matrix(windows, serving_cells(windows), meta=self.meta))
        values = _aligned(built, self.names)
        at = {uid: i for i, uid in enumerate(self.series)}
        owner = np.repeat([at.get(str(uid), -1) for uid in windows.unique_id], windows.horizon)
        if not self.series:
            return np.full((len(windows), windows.horizon), np.nan)
        move = self._moves(values, owner, built.values[:, built.names.index("lead")])
        moved = np.where(built.scale > 0, self.lines.unit[owner], 0.0)
        mean = (built.level + moved * move).reshape(len(windows), windows.horizon)
        mean = self.levels.fill(windows, mean)
        mean[(owner < 0).reshape(mean.shape)] = np.nan
        return mean

    def save(self, folder: Path) -> None:
        """Write ``linear.json`` and one ``.npy`` per array."""
        folder.mkdir(parents=True, exist_ok=True)
        for array, values in (self.lines._asdict() | {"starts": self.starts}).items():
            np.save(folder / f"{array}.npy", values, allow_pickle=False)
        card = {
            "names": self.names,
            "series": self.series,
            "levels": self.levels.values,
            "failed": self.failed,
            "places": self.meta.to_dict("records"),
        }
        (folder / "linear.json").write_text(json.dumps(card, indent=1))

    def _moves(self, values: Reals, owner: np.ndarray, lead: Reals) -> Reals:
        """Return units off the level. Summed feature by feature: a row's bits are its own."""
        band = np.maximum(np.searchsorted(self.starts, lead, side="right") - 1, 0)
        total = self.lines.weights[owner, band, -1]
        for j in range(values.shape[1]):
            z = (values[:, j] - self.lines.centre[owner, j]) / self.lines.spread[owner, j]
            total = (
                total + np.clip(np.nan_to_num(z), -FAR, FAR) * self.lines.weights[owner, band, j]
            )
        move: Reals = np.clip(total, self.lines.reach[owner, 0], self.lines.reach[owner, 1])
        return move


@dataclass(frozen=True)
class Linear:
    """The family of ridge regressions."""

    name: str = "linear"
    costly: bool = False

    def fit(self, windows: Windows, *, meta: pd.DataFrame, seed: int) -> FittedLinear:
        """Fit every series on its own history; a series that never moved is named in ``failed``."""
        places = meta[["unique_id", "zone", "holidays"]]
        starts = np.unique([1 + int(share * windows.horizon) for share in BANDS]).astype(float)
        names: tuple[str, ...] = ()
        fits: dict[str, Lines] = {}
        failed: dict[str, str] = {}
        share = min(ROWS, max(LEAST, TOTAL // max(1, len(windows))))
        for row, uid in enumerate(windows.unique_id):
            one = windows.take([row])
            seen = int(np.isfinite(one.y).sum())
            cells = training_cells(one, count=min(share, 2 * seen), seed=seed)
            built = _design(matrix(one, cells, meta=places))
            names, usable = built.names, int((built.scale > 0).sum())
            if usable < 2 * len(names):
                failed[str(uid)] = f"{usable} usable rows are too few for {len(names)} features"
            else:
                fits[str(uid)] = _fit(built, targets(one, cells), starts)
        return FittedLinear(
            names,
            tuple(fits),
            _stacked(list(fits.values())),
            starts,
            Levels.of(windows),
            places,
            failed=failed,
        )

    def load(self, folder: Path) -> FittedLinear:
        """Return what ``save`` wrote; raise ModelFault when a file is absent or damaged."""
        try:
            card = json.loads((folder / "linear.json").read_text())
            found = {a: np.load(folder / f"{a}.npy", allow_pickle=False) for a in _ARRAYS}
            starts = found.pop("starts")
            return FittedLinear(
                tuple(card["names"]),
                tuple(card["series"]),
                Lines(**found),
                starts,
                Levels(card["levels"]),
                pd.DataFrame(card["places"]),
                failed=card["failed"],
            )
        except (OSError, ValueError, KeyError) as why:
            raise ModelFault(
                "linear", str(folder), "a saved linear model", "fetch the model folder again"
            ) from why


def _fit(built: Matrix, y: Reals, starts: Reals) -> Lines:
    """Return the lines of one series."""
    moved = built.scale > 0
    values, lead = built.values[moved], built.values[moved, built.names.index("lead")]
    unit = np.asarray(np.median(built.scale[moved]))
    goal = (y[moved] - built.level[moved]) / unit
    centre, spread = _moments(values)
    z = np.clip(np.nan_to_num((values - centre) / spread), -FAR, FAR)
    band = np.searchsorted(starts, lead, side="right") - 1
    weights = np.zeros((len(starts), values.shape[1] + 1))
    for b in range(len(starts)):
        mine = band == b if (band == b).sum() > 2 * values.shape[1] else np.ones(len(band), bool)
        weights[b] = _ridge(z[mine], goal[mine])
    return Lines(centre, spread, weights, np.array([goal.min(), goal.max()]), unit)


def _stacked(fits: list[Lines]) -> Lines:
    if not fits:
        return Lines(
            np.zeros((0, 0)), np.zeros((0, 0)), np.zeros((0, 0, 1)), np.zeros((0, 2)), np.zeros(0)
        )
    return Lines(*(np.stack(part) for part in zip(*fits, strict=True)))


def _ridge(z: Reals, goal: Reals) -> Reals:
    """Return the coefficients, intercept last, that make the absolute error small."""
    from sklearn.linear_model import ridge_regression

    weight = np.full(len(goal), 1.0)
    for _ in range(REWEIGHTED + 1):
        weight = weight / weight.mean()
        middle, height = weight @ z / len(z), weight @ goal / len(z)
        slope = ridge_regression(
            z - middle,
            goal - height,
            PENALTY,
            sample_weight=weight,
            solver="cholesky",
            check_input=False,
        )
        intercept = height - middle @ slope
        weight = 1 / np.maximum(np.abs(goal - z @ slope - intercept), NEAR)
    return np.array([*slope, intercept])


def _moments(values: Reals) -> tuple[Reals, Reals]:
    """Return mean and deviation of each column over what is known; 0 and 1 where that is nothing."""
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, values, 0.0).sum(axis=0) / count
    deviation = np.sqrt((np.where(known, values - centre, 0.0) ** 2).sum(axis=0) / count)
    return centre, np.where(deviation > 1e-9, deviation, 1.0)


_BENT = ("hour", "weekday", "day_of_year", "year_phase")  # read as waves, or not at all


def _aligned(built: Matrix, names: tuple[str, ...]) -> Reals:
    found = dict(zip(built.names, built.values.T, strict=True))
    nothing = np.full(len(built.level), np.nan)
    return (
        np.column_stack([found.get(name, nothing) for name in names])
        if names
        else np.zeros((len(nothing), 0))
    )


def _design(built: Matrix) -> Matrix:
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


FAMILIES = {"linear": Linear()}
