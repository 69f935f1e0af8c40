"""What is usual of one daily number: its calendar, its seasons, and how long it remembers.

A regression on the calendar with errors that are autoregressive: weather that persists, beneath
noise that does not (Granger & Morris 1976, https://doi.org/10.2307/2345178). Its coefficients are
found by restricted likelihood (least squares would underrate a long memory, and every threshold
with it), what then remains by Yule and Walker. What is new each day, the innovations in units of their own
deviation, are white for any autocorrelation: on them a threshold means what it says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from horizonte.monitor.days import Days

Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]
MEMORIES = np.r_[np.arange(-0.3, 0.85, 0.1), 0.85, 0.88, 0.91, 0.94, 0.96, 0.975, 0.985, 0.993]
ECHOES = np.array([-0.6, -0.45, -0.3, 0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
FAINT = 0.01  # share of an echo that is none
ORDER = 7  # of what remains
HUBER, BOUND, OUTLIER = 3.0, 3.5, 5.0  # innovations beyond count as much as this one
STRETCH, PART = 28, 0.25  # rows, and the share of them that must be known
ONE_YEAR, TWO_YEARS = 400, 700  # days from which on seasons, and more of them, can be told


@dataclass(frozen=True)
class Usual:
    """Coefficients, memory ``poly`` (1, −φ…), deviation, and how sure the coefficients are."""

    beta: Reals
    poly: Reals
    sigma: float
    spread: Reals  # inverse information of beta, in units of sigma²

    def innovations(self, y: Reals, x: Reals) -> Reals:
        """Return what is new each day, in deviations; NaN where ``y`` is unknown."""
        rest = bridged(y - x @ self.beta, self.poly)
        fresh = fir(self.poly, rest) / self.sigma
        fresh[: len(self.poly) - 1] = np.nan
        return np.where(np.isfinite(y), fresh, np.nan)


def calendar(days: Days, known: Flags) -> Reals:
    """Return the regressors of each day: weekday, holiday, and the seasons that the reference shows.

    ``known`` are the rows of reference with a value: of a few months years apart no season can be told.
    """
    n = len(known)
    columns = [np.ones(len(days))]
    if days.row.days == 1:
        columns += weekdays(days)
        if days.free[:n][known].sum() >= 4:
            columns.append(days.free.astype(float))
    seen = covered(known) * days.row.days
    waves = 0 if seen < ONE_YEAR else 2 if seen < TWO_YEARS else 3
    for wave in range(1, waves + 1):
        turn = 2 * np.pi * wave * days.season
        columns += [np.sin(turn), np.cos(turn)]
    if seen >= TWO_YEARS:
        columns.append(days.season)
    return np.column_stack(columns)


def covered(known: Flags) -> int:
    """Return how many rows lie in stretches of which a part is known: gaps of days do not count."""
    starts = np.arange(0, len(known), STRETCH)
    rows = np.diff(np.r_[starts, len(known)])
    return int(rows[np.add.reduceat(known, starts) >= PART * rows].sum())


def weekdays(days: Days) -> list[Reals]:
    """Return a column for each weekday but Monday: 1 on its rows."""
    return [(days.weekday == d).astype(float) for d in range(1, 7)]


def fit(y: Reals, x: Reals) -> Usual | None:
    """Return what is usual of ``y`` given the regressors ``x``; None where too little is known or varies."""
    known = np.isfinite(y)
    least = 3 * x.shape[1] + ORDER
    if known.sum() < least or (known[1:] & known[:-1]).sum() < least:
        return None  # days without neighbours say nothing of a memory
    start = least_squares(x[known], y[known])
    rest = y - x @ start
    if not np.nanstd(rest) > 1e-9 * (1 + np.nanmax(np.abs(y))):
        return None
    whole = np.where(known, y, x @ start)
    poly = _memory(whole, x, known)
    beta, _ = _weighted(whole, x, poly, known)
    poly = np.convolve(poly, _remaining(whole - x @ beta, poly, known))
    whole = x @ beta + bridged(np.where(known, y, np.nan) - x @ beta, poly)
    beta, spread = _weighted(whole, x, poly, known)
    fresh = fir(poly, whole - x @ beta)[len(poly) :][known[len(poly) :]]
    bound = BOUND * 1.4826 * float(np.median(np.abs(fresh)))
    sigma = (
        float(np.sqrt(np.mean(np.clip(fresh, -bound, bound) ** 2))) if bound else float(fresh.std())
    )
    sigma *= np.sqrt(len(fresh) / max(len(fresh) - x.shape[1] - 1, 1))
    return Usual(beta, poly, max(sigma, 1e-9 * (1 + float(np.nanmax(np.abs(y))))), spread)


def fir(poly: Reals, v: Reals) -> Reals:
    """Return ``v`` (by day along the first axis) filtered by ``poly``, from nothing before it."""
    out: Reals = v * poly[0]
    for lag in range(1, len(poly)):
        out[lag:] += poly[lag] * v[:-lag]
    return out


def least_squares(x: Reals, y: Reals) -> Reals:
    """Return the coefficients of ``y`` on the few columns of ``x``; ridged a hair, so never singular."""
    gram = x.T @ x
    return np.asarray(np.linalg.solve(gram + 1e-9 * np.diag(np.diag(gram) + 1e-9), x.T @ y))


def bridged(rest: Reals, poly: Reals) -> Reals:
    """Return ``rest`` with unknown days as the memory would have them: nothing new."""
    if np.isfinite(rest).all():
        return rest
    out = rest.copy()
    order = len(poly) - 1
    for t in np.flatnonzero(~np.isfinite(rest)):
        past = out[max(0, t - order) : t][::-1]
        out[t] = -float(poly[1 : len(past) + 1] @ past)
    return out


def _memory(y: Reals, x: Reals, known: Flags) -> Reals:
    """Return (1, −φ…) of weather beneath noise, by restricted likelihood on a grid.

    What persists, seen through something that does not, is a regression on the last value whose
    errors are a moving average: ``echo`` is its coefficient, none unless it is worth its place.
    """
    rest = y - x @ least_squares(x[known], y[known])
    bound = OUTLIER * 1.4826 * float(np.median(np.abs(rest[known])))
    both = known[1:] & known[:-1]
    whole = np.column_stack((x, np.clip(rest, -bound, bound)))
    scores = np.array(
        [_likely(lfilter([1.0], [1.0, -echo], whole, axis=0), both) for echo in ECHOES]
    )
    scores[ECHOES != 0] -= 0.5 * np.log(both.sum())
    at, best = (int(i) for i in np.unravel_index(scores.argmax(), scores.shape))
    return _polynomial(_peak(scores[at], best), float(ECHOES[at]))


def _likely(whole: Reals, both: Flags) -> Reals:
    """Return the restricted log-likelihood of each of MEMORIES; the last column is y."""
    late, early = whole[1:][both], whole[:-1][both]
    now, cross, before = late.T @ late, late.T @ early + early.T @ late, early.T @ early
    phi = MEMORIES[:, None, None]
    gram = now - phi * cross + phi * phi * before
    inner = gram[:, :-1, :-1] + 1e-9 * np.diag(np.diag(now)[:-1])
    solved = np.linalg.solve(inner, gram[:, :-1, -1:])
    rss = gram[:, -1, -1] - (gram[:, -1:, :-1] @ solved)[:, 0, 0]
    _, logdet = np.linalg.slogdet(inner)
    free = len(late) - len(now) + 1
    return np.asarray(-0.5 * free * np.log(np.maximum(rss, 1e-300)) - 0.5 * logdet)


def _peak(scores: Reals, best: int) -> float:
    """Return the memory at the peak of ``scores``, refined by a parabola."""
    if best in (0, len(scores) - 1):
        return float(MEMORIES[best])
    a, b, _ = np.polyfit(MEMORIES[best - 1 : best + 2], scores[best - 1 : best + 2], 2)
    found = -b / (2 * a) if a < 0 else MEMORIES[best]
    return float(np.clip(found, MEMORIES[best - 1], MEMORIES[best + 1]))


def _polynomial(phi: float, echo: float) -> Reals:
    """Return (1 − φB) / (1 − echo B) as far as it matters."""
    if echo == 0:
        return np.array([1.0, -phi])
    fades = int(np.ceil(np.log(FAINT) / np.log(abs(echo))))
    return np.asarray(lfilter([1.0, -phi], [1.0, -echo], np.eye(1, fades + 1)[0]))


def _weighted(y: Reals, x: Reals, poly: Reals, known: Flags) -> tuple[Reals, Reals]:
    """Return coefficients that single days cannot turn, and their inverse information."""
    cut = len(poly) - 1
    use = known[cut:]
    yy, xx = (fir(poly, v)[cut:][use] for v in (y, x))
    beta = least_squares(xx, yy)
    for _ in range(2):  # steps of Huber's regression
        rest = np.abs(yy - xx @ beta)
        scale = 1.4826 * np.median(rest) + 1e-12
        w = np.sqrt(np.minimum(1.0, HUBER * scale / np.maximum(rest, 1e-12)))
        beta = least_squares(xx * w[:, None], yy * w)
    return beta, np.asarray(np.linalg.pinv(xx.T @ xx))


def _remaining(rest: Reals, poly: Reals, known: Flags) -> Reals:
    """Return the polynomial of what the first coefficient left, its order by BIC (often none)."""
    fresh = np.where(known, fir(poly, rest), 0.0)[len(poly) :]
    bound = HUBER * 1.4826 * np.median(np.abs(fresh))
    fresh = np.clip(fresh, -bound, bound)
    n = len(fresh)
    acov = np.array([fresh[: n - lag] @ fresh[lag:] for lag in range(ORDER + 1)]) / n
    best, chosen, error = n * np.log(acov[0] + 1e-300), np.array([1.0]), acov[0]
    a = np.array([1.0])
    for order in range(1, ORDER + 1):
        if error <= 0:
            break
        k = -(a @ acov[order:0:-1]) / error
        a = np.r_[a, 0.0] + k * np.r_[a, 0.0][::-1]
        error *= 1 - k * k
        score = n * np.log(error + 1e-300) + order * np.log(n)
        if score < best:
            best, chosen = score, a
    return chosen
