"""A CUSUM that knows: class and size of the shift, and the series' seasons and noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_toeplitz

from _plants import Planted, remembered

Reals = NDArray[np.float64]
WINDOW, YEARS = 200, 80
ORDER = 6


def delay(planted: Planted, *, rate: float, cells: int) -> int | None:
    """Return after how many days, looked at daily, it passes a level that noise passes ``rate`` a year.

    The log-likelihood ratio of the very change against none, largest over the days at which it
    could have begun: Page's CUSUM. Levels, trends and decay by daily means, noise and profile by
    cell. None within WINDOW days; silent, stuck and unit changes are seen on the first day.
    """
    evidence = _by_day(planted, cells=cells)
    if evidence is None:
        return 1
    path, law = evidence
    limit = _limit(law, rate, seed=planted.day)
    over = np.flatnonzero(path > limit)
    return int(over[0]) + 1 if len(over) else None


def _by_day(planted: Planted, *, cells: int):
    noise = planted.noise
    rows = noise[: len(noise) // cells * cells].reshape(-1, cells).mean(axis=1)
    change = (planted.y - planted.clean_y).to_numpy()
    daily = change[: len(rows) * cells].reshape(-1, cells).mean(axis=1)
    day = planted.day
    if planted.name in ("level shift", "trend break", "slow decay"):
        poly, sigma = _memory(planted.rho, cells)
        form = np.convolve(daily[day:], poly)[:WINDOW] / sigma
        white = np.convolve(rows + daily, poly)[: len(rows)] / sigma
        return _mean_path(white[day - WINDOW :], form), lambda r: _mean_path(
            r.standard_normal(365 + WINDOW), form
        )
    new = (noise[1:] - planted.rho * noise[:-1]) / np.sqrt(1 - planted.rho**2)
    new = np.r_[0.0, new]
    if planted.name == "variance change":
        s = planted.size
        e = new * np.where(np.arange(len(new)) // cells >= day, s, 1.0)
        told = -np.log(s) + 0.5 * e**2 * (1 - s**-2.0)
        return _page(_sums(told, cells)[day:]), lambda r: _page(
            _sums(-np.log(s) + 0.5 * r.standard_normal(365 * cells) ** 2 * (1 - s**-2.0), cells)
        )
    if planted.name == "phase shift":
        m = (change[1:] - planted.rho * change[:-1]) / np.sqrt(1 - planted.rho**2)
        m = np.r_[0.0, m]
        told = _sums(m * (new + m) - m**2 / 2, cells)[day:]
        power = float(_sums(m**2, cells)[day + 1 : day + 60].mean())
        return _page(told), lambda r: _page(-power / 2 + np.sqrt(power) * r.standard_normal(365))
    return None


def _sums(told: Reals, cells: int) -> Reals:
    return told[: len(told) // cells * cells].reshape(-1, cells).sum(axis=1)


def _page(told: Reals) -> Reals:
    out, total = np.empty(len(told)), 0.0
    for i, one in enumerate(told):
        total = max(0.0, total) + one
        out[i] = total
    return out


def _mean_path(white: Reals, form: Reals) -> Reals:
    """Return for each day after WINDOW the largest evidence of ``form`` begun on any day before."""
    n = len(form)
    bank = np.zeros((n, n))
    for length in range(1, n + 1):
        bank[length - 1, n - length :] = form[:length]
    seen = np.lib.stride_tricks.sliding_window_view(white, n)[1:]
    told = seen @ bank.T - 0.5 * (bank**2).sum(axis=1)
    return told.max(axis=1)


def _memory(rho: float, cells: int) -> tuple[Reals, float]:
    """Return what makes daily means of the noise white, and the deviation that is left."""
    lags = np.arange((ORDER + 1) * cells)
    cell = rho ** np.abs(lags) if rho else (lags == 0).astype(float)
    acov = np.array(
        [
            np.mean([cell[abs(d * cells + i - j)] for i in range(cells) for j in range(cells)])
            for d in range(ORDER)
        ]
    )
    phi = solve_toeplitz(acov[:-1], acov[1:])
    return np.r_[1.0, -phi], float(np.sqrt(acov[0] - phi @ acov[1:]))


def _limit(law, rate: float, *, seed: int) -> float:
    """Return the level that a year of noise passes with the chance that ``rate`` a year has."""
    rng = np.random.default_rng(seed)
    highest = np.array([law(rng).max() for _ in range(YEARS)])
    return float(np.quantile(highest, np.exp(-rate)))


__all__ = ["delay", "remembered"]
