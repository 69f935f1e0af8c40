"""The rolling-origin backtest: every family refitted on production's schedule, forecasting each cutoff."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from horizonte import freq
from horizonte.contracts import BACKTEST, QUANTILE_COLUMNS
from horizonte.model import course
from horizonte.model.certainty import context
from horizonte.model.families import family
from horizonte.model.protocol import Fitted
from horizonte.prepare.comparable import held, misread
from horizonte.prepare.windows import Windows, windows

log = logging.getLogger(__name__)
Progress = Callable[[int, int, str], None]  # done, total, what was done
LEDGER = (
    "freq",
    "model",
    "fitted_at",
    "tried",
    "failed",
    "reasons",
    "fit_seconds",
    "predict_seconds",
)


NO_CONTEXT = (
    BACKTEST.empty()[["unique_id", "cutoff", "ds"]]
    .assign(lead=0.0, deviation=0.0, unrest=0.0)
    .astype({"lead": float, "deviation": float, "unrest": float})
)


class Known(NamedTuple):
    """What could be known at one instant: the history frame, and the covariates known ahead or None."""

    history: pd.DataFrame
    known_future: pd.DataFrame | None


@dataclass(frozen=True)
class Group:
    """The series of one freq, and the way to what was known of them when.

    ``history_at(cutoff)`` is what a forecast from ``cutoff`` could read (at least ``tail`` of
    it), ``fit_history_at(fitted_at)`` what a fit could; both hold nothing that became known
    later, and end at that cutoff. ``actuals`` (unique_id, ds, y) is what forecasts are held
    against; one that was made before the sensor was ``replaced`` is held against nothing that
    its successor read, and one that was ``misread`` by what is ``noted`` against nothing at all.
    ``changed`` says since when the course of a series is another: fits learn the new one
    from what came since. Where jobs run in other processes the callables travel there by
    cloudpickle.
    """

    freq: str
    horizon: int  # steps
    tail: str  # how far a forecast looks back, such as P35D
    meta: pd.DataFrame  # SERIES rows of the targets
    history_at: Callable[[pd.Timestamp], Known]
    fit_history_at: Callable[[pd.Timestamp], Known]
    actuals: pd.DataFrame
    replaced: Sequence[tuple[str, pd.Timestamp]] = ()  # whose sensor was replaced, and when
    changed: Mapping[str, pd.Timestamp] = field(default_factory=dict)
    noted: pd.DataFrame | None = None  # ANNOTATION in force

    @property
    def length(self) -> int:
        """Return the steps of history that a forecast reads."""
        return max(2, int(pd.Timedelta(self.tail) / pd.Timedelta(self.freq)))

    def view(self, known: Known, *, length: int | None = None) -> Windows:
        """Return ``known`` as windows of the group's grid."""
        return windows(
            known.history,
            freq_=self.freq,
            horizon=self.horizon,
            known_future=known.known_future,
            length=length,
        )

    def learning(self, known: Known) -> tuple[Windows, Group]:
        """Return what a fit reads of ``known``, and the group as it is told of changes before that."""
        view = self.view(known)
        return view, replace(self, meta=course.told(view, self.meta, changed=self.changed))


class Tried(NamedTuple):
    """The rows of a backtest, what was known of each one's certainty, and the ledger of its fits."""

    backtest: pd.DataFrame  # BACKTEST
    context: pd.DataFrame  # (unique_id, cutoff, ds, lead, deviation, unrest)
    ledger: pd.DataFrame  # LEDGER


def backtest(
    groups: Sequence[Group],
    folds: pd.DataFrame,
    *,
    families: dict[str, list[str]],
    seed: int,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> Tried:
    """Return what every family of ``families`` (by freq) forecast at every fold (FOLD), beside what happened.

    A fit that failed or a series that a family cannot answer for has no rows. The rows are the
    same for any ``n_jobs``.
    """
    jobs = [
        (group, at, mine[mine["fitted_at"] == at], families[group.freq])
        for group in groups
        for mine in [folds[folds["freq"] == group.freq]]
        for at in sorted(mine["fitted_at"].unique())
    ]
    parts = list(run(refit, [(*job, seed) for job in jobs], n_jobs=n_jobs, progress=progress))
    rows = pd.concat([part.backtest for part in parts] or [BACKTEST.empty()], ignore_index=True)
    ledger = pd.concat([part.ledger for part in parts] or [pd.DataFrame(columns=list(LEDGER))])
    order = ["model", "unique_id", "cutoff", "ds"]
    around = pd.concat([part.context for part in parts] or [NO_CONTEXT])
    return Tried(
        BACKTEST.check(rows.sort_values(order, ignore_index=True)),
        around.reset_index(drop=True),
        ledger.reset_index(drop=True),
    )


def refit(
    group: Group, fitted_at: pd.Timestamp, folds: pd.DataFrame, names: Sequence[str], seed: int
) -> Tried:
    """Return one refit of every family and its forecasts at that fit's cutoffs."""
    fitting, group = group.learning(group.fit_history_at(fitted_at))
    serving = _serving(group, folds)
    rows, ledger = [], []
    for name in names:
        model, entry = fit(name, fitting, group=group, seed=seed)
        began = perf_counter()
        if model is not None and len(serving):
            with threadpool_limits(1):
                rows.append(serving.frame(model.predict(serving)).assign(model=name))
        ledger.append(entry | {"fitted_at": fitted_at, "predict_seconds": perf_counter() - began})
    return Tried(
        _beside(rows, group),
        context(serving, meta=group.meta),
        pd.DataFrame(ledger, columns=list(LEDGER)),
    )


def fit(
    name: str, view: Windows, *, group: Group, seed: int
) -> tuple[Fitted | None, dict[str, Any]]:
    """Return the family ``name`` fitted on one thread, and its ledger entry; None if it raised."""
    began = perf_counter()
    model, failed = None, {}
    try:
        with threadpool_limits(1):
            model = family(name).fit(view, meta=group.meta, seed=seed)
        failed = model.failed
    except Exception as why:  # noqa: BLE001 (a family that breaks is named, and the others ship)
        failed = dict.fromkeys(map(str, view.unique_id), f"{type(why).__name__}: {why}"[:300])
        log.warning("%s could not be fitted on %s: %s", name, group.freq, why)
    return model, {
        "freq": group.freq,
        "model": name,
        "tried": len(view),
        "failed": len(failed),
        "reasons": failed,
        "fit_seconds": perf_counter() - began,
        "predict_seconds": 0.0,
    }


def run(
    function: Callable[..., Any],
    jobs: Sequence[tuple[Any, ...]],
    *,
    n_jobs: int,
    progress: Progress | None = None,
) -> Iterable[Any]:
    """Yield ``function(*job)`` in the order of ``jobs``, in ``n_jobs`` processes."""
    from joblib import Parallel, delayed

    workers = min(n_jobs, len(jobs)) or 1
    results = Parallel(n_jobs=workers, return_as="generator")(
        delayed(function)(*job) for job in jobs
    )
    for done, (job, result) in enumerate(zip(jobs, results, strict=True), start=1):
        if progress is not None:
            progress(done, len(jobs), f"{job[0].freq} {job[1]:%Y-%m-%d}")
        yield result


def _serving(group: Group, folds: pd.DataFrame) -> Windows:
    """Return the windows of all cutoffs, stacked; each from what was known at its own cutoff."""
    histories: list[pd.DataFrame] = []
    futures: list[pd.DataFrame] = []
    for cutoff in sorted(folds["cutoff"].unique()):
        known, rows = group.history_at(cutoff), folds[folds["cutoff"] == cutoff]
        wanted = rows["unique_id"]
        for frames, frame in ((histories, known.history), (futures, known.known_future)):
            if frame is not None:
                mine = frame[frame["unique_id"].isin(wanted)]
                first = cutoff - group.length * freq.step(group.freq)
                last = cutoff + group.horizon * freq.step(group.freq)
                kept = mine[(mine["ds"] > first) & (mine["ds"] <= last)]
                frames.append(kept.assign(cutoff=cutoff))
    future = pd.concat(futures, ignore_index=True) if futures else None
    return group.view(Known(pd.concat(histories, ignore_index=True), future), length=group.length)


def _beside(parts: list[pd.DataFrame], group: Group) -> pd.DataFrame:
    if not parts:
        return BACKTEST.empty()
    rows = pd.concat(parts, ignore_index=True).dropna(subset=["mean"])
    rows = rows.merge(group.actuals[["unique_id", "ds", "y"]], on=["unique_id", "ds"], how="left")
    if group.noted is not None:
        rows["y"] = rows["y"].mask(misread(rows, group.noted, series=group.meta))
    return held(rows, group.replaced).assign(**dict.fromkeys(QUANTILE_COLUMNS, np.nan))[
        BACKTEST.columns
    ]
