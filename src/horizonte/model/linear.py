"""Ridge regression on lags and calendar, per series and band of lead times.

Fitted by absolute error (ridge, reweighted a few times by the inverse of the residual): a few
wild days of a counter would otherwise bend every hour. What its forecasts of the last week missed is
followed; see ``replays``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from horizonte.errors import ModelFault
from horizonte.model import replays
from horizonte.model.design import aligned, design
from horizonte.model.fallback import Levels
from horizonte.prepare.features import (
    Cells,
    Matrix,
    matrix,
    placed,
    serving_cells,
    targets,
    training_cells,
)
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
BLOCK = 100  # rows that are answered at once: more need the memory of a panel
LEARNT = 182  # days of forecasts that tell what is usually missed
FAR = 5.0  # standard deviations beyond which a feature is read as this far


_BEFORE = ("centre", "spread", "weights", "reach", "unit", "starts")  # models that follow nothing


class Lines(NamedTuple):
    """The fit of one series, or of all, stacked along a first axis."""

    centre: Reals  # [feature]
    spread: Reals  # [feature]
    weights: Reals  # [band, feature + 1], intercept last
    reach: Reals  # [2] smallest and largest answer, in units off the level, before following
    unit: Reals  # [] the series' usual scale
    follow: Reals  # [2] what its forecasts usually miss, see ``replays.learn``


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
        if not self.series:
            return np.full((len(windows), windows.horizon), np.nan)
        parts = np.split(np.arange(len(windows)), range(BLOCK, len(windows), BLOCK))
        return np.vstack([self._follow(windows.take(part)) for part in parts])

    def _follow(self, windows: Windows) -> Reals:
        """Return what ``predict`` does of few rows."""
        at = {uid: i for i, uid in enumerate(self.series)}
        owner = np.array([at.get(str(uid), -1) for uid in windows.unique_id])
        now, before = serving_cells(windows), replays.replayed(windows)
        said = self._say(windows, now.beside(before), owner)
        missed = replays.missed(windows, before, said[len(now) :])
        mean = said[: len(now)].reshape(len(windows), windows.horizon)
        mean = mean + replays.ahead(windows, missed, self.lines.follow[owner])
        mean = self.levels.fill(windows, mean)
        mean[owner < 0] = np.nan
        return mean

    def save(self, folder: Path) -> None:
        """Write ``linear.json`` and one ``.npy`` per array."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays = self.lines._asdict() | {"starts": self.starts}
        for array, values in arrays.items():
            np.save(folder / f"{array}.npy", values, allow_pickle=False)
        card = {
            "arrays": list(arrays),
            "names": self.names,
            "series": self.series,
            "levels": self.levels.values,
            "failed": self.failed,
            "places": self.meta.to_dict("records"),
        }
        (folder / "linear.json").write_text(json.dumps(card, indent=1))

    def usual(self, one: Windows, count: int) -> Reals:
        """Return what is usual of the misses of the one series, over at most ``count`` cells, ``[2]``."""
        day = one.steps("P1D")
        days = min(LEARNT, one.length // day, count // replays.slots(one))
        cells = replays.replayed(one, days=days)
        missed = replays.missed(one, cells, self._say(one, cells, np.zeros(1, np.int64)))
        return np.array(replays.learn(one, missed))

    def _say(self, windows: Windows, cells: Cells, owner: np.ndarray) -> Reals:
        """Return the lines' answer at every cell; ``owner`` is the line of each row of ``windows``."""
        built = design(matrix(windows, cells, meta=self.meta))
        line, lead = owner[cells.row], built.values[:, built.names.index("lead")]
        move = self._moves(aligned(built, self.names), line, lead)
        said: Reals = built.level + np.where(built.scale > 0, self.lines.unit[line], 0.0) * move
        return said

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
        places = placed(meta)
        starts = np.unique([1 + int(share * windows.horizon) for share in BANDS]).astype(float)
        names: tuple[str, ...] = ()
        fits: dict[str, Lines] = {}
        failed: dict[str, str] = {}
        share = min(ROWS, max(LEAST, TOTAL // max(1, len(windows))))
        for row, uid in enumerate(windows.unique_id):
            one = windows.take([row])
            seen = int(np.isfinite(one.y).sum())
            cells = training_cells(one, count=min(share, 2 * seen), seed=seed)
            built = design(matrix(one, cells, meta=places))
            names, usable = built.names, int((built.scale > 0).sum())
            if usable < 2 * len(names):
                failed[str(uid)] = f"{usable} usable rows are too few for {len(names)} features"
            else:
                lines = _fit(built, targets(one, cells), starts)
                alone = FittedLinear(
                    names, (str(uid),), _stacked([lines]), starts, Levels({}), places
                )
                fits[str(uid)] = lines._replace(follow=alone.usual(one, share))
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
            names = card.get("arrays", _BEFORE)
            found = {a: np.load(folder / f"{a}.npy", allow_pickle=False) for a in names}
            found.setdefault("follow", np.tile(replays.NOTHING, (len(card["series"]), 1)))
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
    reach = np.array([goal.min(), goal.max()])
    return Lines(centre, spread, weights, reach, unit, np.array(replays.NOTHING))


def _stacked(fits: list[Lines]) -> Lines:
    if not fits:
        return Lines(
            np.zeros((0, 0)),
            np.zeros((0, 0)),
            np.zeros((0, 0, 1)),
            np.zeros((0, 2)),
            np.zeros(0),
            np.zeros((0, 2)),
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


FAMILIES = {"linear": Linear()}
