"""The champion of one panel: weighted families, and the calibration of their bands."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from horizonte.contracts import FORECAST
from horizonte.errors import ModelFault
from horizonte.model.certainty import certainty
from horizonte.model.conformal import Calibration, calibrated
from horizonte.model.doubt import Doubt, doubt
from horizonte.model.ensemble import combine
from horizonte.model.families import NAIVES, family
from horizonte.model.protocol import Fitted
from horizonte.model.selection import Selection
from horizonte.prepare.windows import Reals, Windows, windows

CARD = "forecaster.json"


@dataclass(frozen=True)
class Forecaster:
    """Forecasts every series of one freq, one code path for one series and for many.

    A series forecast alone and in a batch gets the same bits. Whatever is missing in the input,
    the answer is finite and its quantiles are ordered and within the series' limits.
    """

    freq: str
    horizon: int  # steps that it was trained for
    tail: str  # how far back it reads
    meta: pd.DataFrame  # unique_id, freq, zone, holidays, lower, upper
    members: Mapping[str, Fitted]
    selection: Selection
    calibration: Calibration

    def predict(
        self,
        history: pd.DataFrame,
        *,
        horizon: int,
        known_future: pd.DataFrame | None = None,
        lost: Mapping[str, Sequence[str]] | None = None,
    ) -> pd.DataFrame:
        """Return FORECAST rows for ``horizon`` steps after each series' last row in ``history``.

        ``history`` is a panel frame (unique_id, ds, y, covariates…). A target whose last values
        are missing is forecast from its last observation, and its bands widen accordingly; so do
        those of a series whose covariates are ``lost`` (unique_id → columns).
        """
        view = self.view(history, horizon=horizon, known_future=known_future, lost=lost)
        return self.answer(view)[FORECAST.columns]

    def view(
        self,
        history: pd.DataFrame,
        *,
        horizon: int,
        known_future: pd.DataFrame | None = None,
        lost: Mapping[str, Sequence[str]] | None = None,
    ) -> Windows:
        """Return what ``predict`` reads of a history: its last ``tail``, as arrays."""
        length = max(2, int(pd.Timedelta(self.tail) / pd.Timedelta(self.freq)))
        view = windows(
            history, freq_=self.freq, horizon=horizon, known_future=known_future, length=length
        )
        return (
            replace(view, lost=tuple(tuple(lost.get(str(u), ())) for u in view.unique_id))
            if lost
            else view
        )

    def answer(self, view: Windows) -> pd.DataFrame:
        """Return the FORECAST columns, with the cutoff, of every row of ``view`` in its order."""
        mean = self.mean(view)
        rows = view.frame(mean).assign(**self.certainty(view))
        return calibrated(rows, self.calibration, meta=self.meta, doubt=self._doubt(view, mean))

    def mean(self, view: Windows) -> Reals:
        """Return the ensemble's expected values ``[n, horizon]``, before limits."""
        names = sorted(self.members)
        weights = np.array(
            [[self.selection.of(u).get(n, 0.0) for n in names] for u in view.unique_id]
        )
        naive = np.array([[self.selection.naive_of(u) == n for n in names] for u in view.unique_id])
        answers = {
            n: self._ask(n, view, (weights[:, j] > 0) | naive[:, j]) for j, n in enumerate(names)
        }
        each = np.repeat(weights, view.horizon, axis=0)
        found = combine(answers, each)
        best = combine(answers, np.repeat(naive.astype(float), view.horizon, axis=0))
        found = np.where(np.isfinite(found), found, best).reshape(len(view), view.horizon)
        return _last_resort(view, found)

    def save(self, folder: Path) -> None:
        """Write the forecaster as JSON, text and arrays: equal bytes each time, and no pickle."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, member in self.members.items():
            member.save(folder / name)
        card = {
            "freq": self.freq,
            "horizon": self.horizon,
            "tail": self.tail,
            "series": self.meta.astype(object).where(self.meta.notna(), None).to_dict("records"),
            "members": sorted(self.members),
            "selection": asdict(self.selection),
            "calibration": self.calibration.to_json(),
        }
        (folder / CARD).write_text(json.dumps(card, indent=1, sort_keys=True) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Forecaster:
        """Return what ``save`` wrote, importing only what its members need; raise ModelFault."""
        try:
            card = json.loads((folder / CARD).read_text())
            return cls(
                card["freq"],
                card["horizon"],
                card["tail"],
                _places(card["series"]),
                {name: family(name).load(folder / name) for name in card["members"]},
                Selection(**card["selection"]),
                Calibration.from_json(card["calibration"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as why:
            raise ModelFault(
                str(folder / CARD), repr(why), "a saved forecaster", "fetch the model folder again"
            ) from why

    def _ask(self, name: str, view: Windows, wanted: np.ndarray) -> Reals:
        out = np.full((len(view), view.horizon), np.nan)
        if wanted.any():
            out[wanted] = self.members[name].predict(view.take(wanted))
        return out.ravel()

    def _doubt(self, view: Windows, mean: Reals) -> Doubt | None:
        """Return what the lost covariates leave open of ``mean``; None when nothing is lost."""
        lost = np.array([bool(names) for names in view.lost], bool)
        if not lost.any():
            return None
        reads = [
            any(w > 0 and n not in NAIVES for n, w in self.selection.of(u).items())
            for u in view.unique_id
        ]
        return doubt(view, mean, where=lost & reads, ask=self.mean)

    def certainty(self, view: Windows) -> dict[str, Reals]:
        """Return per forecast row what its bands are cut from; see ``certainty.certainty``."""
        return certainty(view, meta=self.meta)


def places(meta: pd.DataFrame) -> pd.DataFrame:
    """Return of SERIES rows what a forecast needs."""
    return meta[_columns(meta)].reset_index(drop=True)


def _columns(there: Container[object]) -> list[str]:
    """Return what of SERIES a forecast needs, and what tells of another course where that is ``there``."""
    usual = ["unique_id", "freq", "zone", "holidays", "lower", "upper"]
    return [*usual, *(name for name in ("changed", "late") if name in there)]


def _places(records: list[dict[str, Any]]) -> pd.DataFrame:
    found = pd.DataFrame(records, columns=_columns(records[0] if records else ()))
    return found.astype({"lower": float, "upper": float})


def _last_resort(view: Windows, mean: Reals) -> Reals:
    """Replace what is not finite by the row's last observation, or 0 when it has none."""
    column = np.where(np.isfinite(view.y), np.arange(view.length), -1).max(axis=1)
    last = np.nan_to_num(view.y[np.arange(len(view)), column])
    return np.where(np.isfinite(mean), mean, last[:, None])
