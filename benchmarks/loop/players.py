"""One model on one world: trained as of a pin, asked as of each day, by the code that production runs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd
from benchmarks.loop.worlds import UNIQUE_ID, World

from horizonte.contracts import ANNOTATION
from horizonte.model.backtest import Group, Known
from horizonte.model.conformal import Calibration
from horizonte.model.ensemble import NAME, ensemble_rows
from horizonte.model.forecaster import Forecaster
from horizonte.model.train import Plan, train
from horizonte.params import Features, Rules
from horizonte.prepare import folds
from horizonte.prepare.clean import clean
from horizonte.retrain.backtested import COLUMNS

DAY = pd.Timedelta(days=1)
RULES = Rules(impute_up_to="PT2H", flatline_after="PT6H", spike_window="P7D", spike_mads=None)
TAIL = pd.Timedelta(days=28)
FEATURES = Features(
    horizon="P2D",
    test_days=0,
    selection_days=84,
    selection_every="PT37H",
    refit_every="P56D",
    tail="P28D",
)


Key = tuple[pd.Timestamp, pd.Timestamp | None]  # the pin, and since when the day is another


@dataclass
class Player:
    """Trains and forecasts on one world; ``seconds`` is what its training has cost."""

    world: World
    seconds: float = 0.0
    fits: int = 0
    noted: pd.DataFrame = field(default_factory=ANNOTATION.empty)
    made: dict[Key, tuple[Forecaster, pd.DataFrame]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the frames once."""
        self._prepare()
        self.group = Group(
            "PT1H", 48, "P28D", self.world.series, self._known, self._known, self.history.dropna()
        )

    def note(self, row: dict[str, Any]) -> None:
        """Take down what a person says of the series; cleaning follows at once."""
        own = {"unique_id": UNIQUE_ID, "note": "", "withdrawn_at": pd.NaT} | row
        self.noted = ANNOTATION.check(pd.DataFrame([own]))
        self._prepare()

    def _prepare(self) -> None:
        y = self.world.y.dropna()
        raw = pd.DataFrame({"unique_id": UNIQUE_ID, "ds": y.index, "y": y.to_numpy()})
        self.prepared = clean(
            raw,
            series=self.world.series,
            rules=RULES,
            annotations=self.noted,
            until=self.world.y.index[-1],
        )
        good = self.prepared["y"].where(self.prepared["quality"].isin(["ok", "imputed"]))
        self.history = self.prepared[["unique_id", "ds"]].assign(y=good)
        self.y = self.history.set_index("ds")["y"]

    def _known(self, cutoff: pd.Timestamp) -> Known:
        return Known(self.history[self.history["ds"] <= cutoff], None)

    def train(self, pin: pd.Timestamp, *, changed: pd.Timestamp | None = None) -> Forecaster:
        """Return the model of what was known at ``pin``, told since when the day is another."""
        key = pin, changed
        if key not in self.made:
            began = time.perf_counter()
            spans = pd.DataFrame(
                {"unique_id": [UNIQUE_ID], "first": [self.world.y.index[0]], "last": [pin]}
            )
            told = {UNIQUE_ID: changed} if changed else {}
            plan = folds.plan(spans, series=self.world.series, features=FEATURES, changed=told)
            how = Plan(["naive", "linear", "statistical"], seed=7)
            group = replace(self.group, changed=told)
            found = train([group], plan, final={"PT1H": pin}, plan=how)
            model = found.forecasters["PT1H"]
            rows = ensemble_rows(found.backtest, model.selection)
            self.made[key] = model, rows.loc[rows["model"] == NAME, COLUMNS]
            self.seconds += time.perf_counter() - began
        self.fits += 1  # asked again for the same is a fit again
        return self.made[key][0]

    def backtest(self, pin: pd.Timestamp, changed: pd.Timestamp | None) -> pd.DataFrame:
        """Return what the model that was trained so had forecast before, beside what came."""
        return self.made[pin, changed][1]

    def say(self, model: Forecaster, days: pd.DatetimeIndex) -> pd.DataFrame:
        """Return what ``model`` says at each of ``days`` (cutoffs), beside the naive and what came."""
        parts = [
            self.history[(self.history["ds"] > c - TAIL) & (self.history["ds"] <= c)].assign(
                cutoff=c
            )
            for c in days
        ]
        view = self.group.view(
            Known(pd.concat(parts, ignore_index=True), None), length=self.group.length
        )
        return self.beside(model.answer(view))

    def beside(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return forecasts with what came and what the naive would have said, as known now."""
        whole = -((rows["cutoff"] - rows["ds"]) // DAY)
        naive = self.y.reindex(rows["ds"] - whole * DAY).to_numpy()
        return rows.assign(y=self.y.reindex(rows["ds"]).to_numpy(), naive=naive)

    def recalibrate(self, model: Forecaster, said: pd.DataFrame) -> Calibration:
        """Return bands from what ``model`` said."""
        return Calibration.of(said, meta=model.meta, horizon=model.horizon)
