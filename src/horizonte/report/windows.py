"""Is a stretch of values further from its season than such stretches were before?

Two windows of equal length are compared by the Wasserstein distance in units of the reference's
standard deviation (Evidently's ``wasserstein``). The threshold follows from the column's own past:
the distances between windows that stood to each other as these do, and how often a year a column
that only goes on may be called drifted. A fixed threshold would raise an alarm at nearly every
check of an autocorrelated series, the largest distance seen would at a rate that nobody stated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy import stats

YEAR = pd.Timedelta(days=364)  # whole weeks, so that weekdays stand against weekdays
EVERY = pd.Timedelta(days=7)  # spacing of the past pairs that set the threshold
FILLED = 0.5  # share of a window that must hold values
MIN_PAIRS = 8  # fewer past pairs do not say what is usual
ALONE = 4.0  # pairs as good as independent, without which no tail can be told
FALSE_ALARMS = 0.5  # of a column and year
MAX_ROWS = 2_000  # of a window; more are thinned evenly
SEASON, BEFORE = "same season one year before", "the window before"
EARLIER = "the last window before that is known"
GAP = pd.Timedelta(
    days=182
)  # by which it may lie further back: a new model first waits for its gate


@dataclass(frozen=True)
class Comparison:
    """What was compared for one column, and what came of it."""

    column: str
    status: str  # drift | no drift | not testable
    reason: str  # one sentence for people
    against: str | None = None
    current_start: str | None = None
    current_end: str | None = None
    reference_start: str | None = None
    reference_end: str | None = None
    rows_current: int = 0
    rows_reference: int = 0
    distance: float | None = None
    threshold: float | None = None
    pairs: int = 0

    def as_row(self) -> dict[str, object]:
        """Return the comparison as a row of a table or of JSON, distances to six places."""
        rounded = {
            name: None if value is None else round(value, 6)
            for name, value in (("distance", self.distance), ("threshold", self.threshold))
        }
        return asdict(self) | rounded


@dataclass(frozen=True)
class Pair:
    """A comparison with the two samples it was made of; empty where not testable."""

    comparison: Comparison
    current: np.ndarray
    reference: np.ndarray


@dataclass(frozen=True)
class Season:
    """Which window is the reference, and how far before the current one it lies."""

    name: str
    lag: pd.Timedelta


def compare(
    column: str, values: pd.Series, *, window: pd.Timedelta, rate: float = FALSE_ALARMS
) -> Pair:
    """Compare the last ``window`` of ``values`` with its season; never raises for poor data.

    ``rate`` is how often a year a column without a change may be called drifted, when each of a
    year's windows is looked at once.

    ``values`` is indexed by UTC instants (repeats are fine), NaN where nothing is known; its
    last instant ends the current window. The reference is the same season one year before where
    that is known and seen often enough to know what is usual, else the last window that is known.
    """
    values = values.sort_index()
    if not values.notna().any():
        return _untestable(column, "it holds no values")
    if _take(values, values.index[-1], window) is None:
        return _untestable(column, "less than half of its last window is known")
    reasons = []
    for season in (Season(SEASON, YEAR), _before(values, window)):
        outcome = _against(column, values, window=window, season=season, rate=rate)
        if isinstance(outcome, Pair):
            return outcome
        reasons.append(outcome)
    return _untestable(column, reasons[-1])


def _before(values: pd.Series, window: pd.Timedelta) -> Season:
    """Return the newest window before the last one that is known."""
    lag = window
    while lag <= window + GAP:
        if _take(values, values.index[-1] - lag, window) is not None:
            return Season(BEFORE if lag == window else EARLIER, lag)
        lag += EVERY
    return Season(BEFORE, window)


def distance(current: np.ndarray, reference: np.ndarray) -> float:
    """Return the Wasserstein distance in units of the reference's standard deviation."""
    return float(stats.wasserstein_distance(reference, current) / max(reference.std(), 1e-3))


def _against(
    column: str, values: pd.Series, *, window: pd.Timedelta, season: Season, rate: float
) -> Pair | str:
    end, lag = values.index[-1], season.lag
    current, reference = _take(values, end, window), _take(values, end - lag, window)
    if current is None or reference is None:
        return f"{season.name} is not known"
    if reference.std() == 0:
        return f"it never changed in {season.name}"
    past = _past(values, end, window, lag)
    if len(past) < MIN_PAIRS:
        return f"only {len(past)} past pairs of windows say what is usual"
    alone = min(float(len(past)), (len(past) - 1) * (EVERY / window) + 1)
    if alone < ALONE:
        return f"{len(past)} past pairs of windows overlap too much to say what is usual"
    found, limit = distance(current, reference), threshold(past, alone, rate * (window / YEAR))
    drifted = found > limit
    told = "further than" if drifted else "within"
    reason = f"{told} what is usual by {len(past)} past pairs, at {rate:g} false alarms a year"
    return Pair(
        Comparison(
            column,
            "drift" if drifted else "no drift",
            reason,
            season.name,
            *_stamps(end, window),
            *_stamps(end - lag, window),
            len(current),
            len(reference),
            found,
            limit,
            len(past),
        ),
        current,
        reference,
    )


def threshold(past: Sequence[float], alone: float, chance: float) -> float:
    """Return the distance that the next pair passes with ``chance``, if it is like the ``past``.

    Logarithms of distances are taken as normal, of a mean and spread known from as many values as
    are ``alone`` (neighbouring pairs overlap): the tail is Student's, wider the fewer there are.
    Where the past itself shows enough for the quantile, the larger of both counts.
    """
    logs = np.log(np.maximum(past, 1e-9))
    chance = min(max(chance, 1e-6), 0.5)
    far = float(stats.t.ppf(1 - chance, alone - 1)) * float(np.sqrt(1 + 1 / alone))
    spread = float(logs.std()) * float(np.sqrt(alone / (alone - 1)))
    seen = float(np.quantile(past, 1 - chance)) if alone * chance >= 1 else 0.0
    return max(float(np.exp(min(logs.mean() + far * spread, 700.0))), seen)


def _past(
    values: pd.Series, end: pd.Timestamp, window: pd.Timedelta, lag: pd.Timedelta
) -> list[float]:
    """Return the distances of the pairs before the current window, one a week."""
    found, at = [], end - window
    while at - lag - window >= values.index[0] - EVERY:
        current, reference = _take(values, at, window), _take(values, at - lag, window)
        if current is not None and reference is not None and reference.std() > 0:
            found.append(distance(current, reference))
        at -= EVERY
    return found


def _take(values: pd.Series, end: pd.Timestamp, window: pd.Timedelta) -> np.ndarray | None:
    """Return the values of ``(end - window, end]``, thinned; None where too few are known."""
    if end - window < values.index[0] - EVERY / 7:
        return None
    low, high = values.index.searchsorted([end - window, end], side="right")
    rows = values.to_numpy(float)[low:high]
    kept = rows[np.isfinite(rows)]
    if len(kept) < 2 or len(kept) < FILLED * len(rows):
        return None
    if values.index[int(high) - 1] - values.index[int(low)] < FILLED * (window - EVERY / 7):
        return None  # of rows that are there at all: what is not said is not known either
    return thin(kept, MAX_ROWS)


def thin(rows: np.ndarray, most: int) -> np.ndarray:
    """Return at most ``most`` of ``rows``, evenly spaced and always the same ones."""
    if len(rows) <= most:
        return rows
    kept: np.ndarray = rows[np.linspace(0, len(rows) - 1, most).round().astype(int)]
    return kept


def _stamps(end: pd.Timestamp, window: pd.Timedelta) -> tuple[str, str]:
    return (end - window).isoformat(), end.isoformat()


def _untestable(column: str, reason: str) -> Pair:
    return Pair(Comparison(column, "not testable", reason), np.zeros(0), np.zeros(0))
