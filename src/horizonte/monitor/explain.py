"""How well a shape that began some time ago explains the last days of a track.

Shapes of unlike freedom are compared by marginal likelihood: over every day on which they could
have begun, and over sizes that are usual for changes that people care about.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from horizonte.monitor import shapes
from horizonte.monitor.shapes import RAMP, STEP
from horizonte.monitor.tracks import Track

Reals = NDArray[np.float64]
FIRST = {STEP: 1, RAMP: 4}  # days that show it at all
LARGE = {STEP: (2.0, 10.0), RAMP: (0.06, 0.3)}  # usual sizes (a day), in deviations of the track
BOUND = 5.0  # deviations beyond which a day says no more of the noise


@dataclass(frozen=True)
class Begun:
    """A shape begun ``length`` days ago where it fits best, its size, and how well it explains."""

    kind: str
    length: int
    size: float  # of a step, or of a ramp a day, in units of the track
    gain: float  # log-likelihood at its best
    evidence: float  # marginal log-likelihood


def begun(track: Track, kind: str, *, length: int | None = None) -> Begun:
    """Return ``kind`` begun on the day that explains most of ``track`` (or ``length`` days ago)."""
    e = _late(track.fresh, track.bank.rows.shape[1])
    first = FIRST[kind] if length is None else length
    lengths = np.arange(first, (len(e) if length is None else length) + 1)
    if not len(lengths):
        return Begun(kind, 1, 0.0, 0.0, -np.inf)
    form = shapes.shape(kind, int(lengths[-1]), track.usual.poly)
    power = np.cumsum(form**2)[lengths - 1]
    # the newest day last: the sum of form[:n] · e[-n:] for every n
    cross = np.correlate(e[-len(form) :], form, mode="full")[2 * len(form) - 1 - lengths]
    size, gain = cross / power, 0.5 * cross**2 / power
    usual = np.array(LARGE[kind])[:, None] * _deviation(track)
    prior = usual**2 * power
    shrunk = gain * prior / (1 + prior) - 0.5 * np.log1p(prior)
    best = int(gain.argmax())
    return Begun(
        kind,
        int(lengths[best]),
        float(size[best]) * track.usual.sigma,
        float(gain[best]),
        float(logsumexp(shrunk) - np.log(shrunk.size)),
    )


def noisier(track: Track) -> Begun:
    """Return the factor on the noise of ``track``, begun where it explains most of what is new."""
    e = track.fresh[-track.bank.rows.shape[1] :]
    power = np.where(np.isfinite(e), np.minimum(e**2, BOUND**2), 0.0)[::-1].cumsum()
    count = np.maximum(np.isfinite(e)[::-1].cumsum(), 1)
    mean = np.maximum(power / count, 1e-4)
    gain = 0.5 * count * (mean - 1 - np.log(mean))
    told = gain - 0.5 * np.log1p(count / 2)
    best = int(told.argmax())
    evidence = float(logsumexp(told) - np.log(len(told)))
    return Begun(STEP, best + 1, float(np.sqrt(mean[best])), float(gain[best]), evidence)


def _late(fresh: Reals, reach: int) -> Reals:
    e = fresh[-reach:]
    return np.where(np.isfinite(e), e, 0.0)


def _deviation(track: Track) -> float:
    """Return how far the track strays from its usual, in deviations of what is new."""
    rest = (track.y - track.x @ track.usual.beta)[: track.end]
    return max(1.0, float(np.nanstd(rest)) / track.usual.sigma)
