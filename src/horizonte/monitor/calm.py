"""How little is new of a series with few cells a day: a noise that has shrunk.

A mean of powers shows early that a noise has grown, and late that it has shrunk: no day lies further
below the usual than nothing at all. The likelihood ratio of a smaller deviation counts that next to
nothing happened day after day. Its signed root is a score in deviations, as those of ``shapes``
(Barndorff-Nielsen 1986, https://doi.org/10.1093/biomet/73.2.307).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from horizonte.monitor import shapes
from horizonte.monitor.shapes import STEP, Alarm
from horizonte.monitor.tracks import Track

Reals = NDArray[np.float64]
LENGTHS = tuple(n for n in shapes.STEPS if n >= 6)  # fewer days are calm by chance
BOUND = 9.0  # squared deviations beyond which a day says no more
LEAST = 1e-3  # share of the usual power: what is less is rounding
FAINT = 0.05  # least usual size of a day
CUBE = 0.8024  # mean of |z|^(2/3) of a standard normal z


@dataclass(frozen=True)
class Calm:
    """Scores [LENGTHS, days] of each length of days that ends on each day, 0 where it is not calmer.

    What is usual is learnt from the first ``end`` days; no score of a day looks at a later one.
    """

    z: Reals
    end: int

    def until(self, rows: int) -> Calm:
        """Return it as it stood after the first ``rows`` days."""
        return replace(self, z=self.z[:, :rows])

    def alarm(self, rate: float) -> Alarm | None:
        """Return what stands out at the end, else did in the days before it (``shapes.hold``)."""
        limit, size = shapes.threshold(2 * rate), self.z.shape[1]  # one side of two

        def at(back: int) -> Alarm | None:
            z = self.z[:, size - back - 1]
            best = int(z.argmin())
            passed = -z[best] > limit
            return Alarm(STEP, LENGTHS[best], float(z[best]), limit) if passed else None

        return shapes.standing(at, since=size - self.end)


def calm(noise: Track, fresh: Reals) -> Calm | None:
    """Return what is watched of the innovations ``fresh``; None where nothing was ever new.

    ``noise`` is the track of their size, |fresh|^(2/3), whose calendar is theirs.
    """
    usual = np.maximum(noise.x @ noise.usual.beta, FAINT) / CUBE
    power = np.minimum(fresh**2 / usual**3, BOUND)
    mean = float(np.nanmean(power[: noise.end]))
    if not mean > 0:
        return None
    z = _scores(power / mean) / np.sqrt(1 + _unsure(noise))
    past = np.sqrt(2 * (z[:, : noise.end] ** 2).mean(axis=1))  # half of white noise's are 0
    slack = 1 + np.sqrt(np.array(LENGTHS) / (2 * noise.end))
    return Calm(z / np.maximum(1.0, past / slack)[:, None], noise.end)


def _unsure(noise: Track) -> Reals:
    """Return [LENGTHS, days] how unsure the usual of those days is, in variances of their sum."""
    total = np.vstack((np.zeros(noise.x.shape[1]), noise.heard.cumsum(axis=0)))
    unsure = np.zeros((len(LENGTHS), len(noise.x)))
    for row, n in zip(unsure, LENGTHS, strict=True):
        lever = (total[n:] - total[:-n]) / np.sqrt(n)
        row[n - 1 :] = np.einsum("ti,ij,tj->t", lever, noise.usual.spread, lever)
    return unsure


def _scores(power: Reals) -> Reals:
    """Return the signed roots of the likelihood ratios of ``power`` (1 in the mean; NaN unknown)."""
    known = np.isfinite(power)
    total, count = (np.r_[0.0, v.cumsum()] for v in (np.where(known, power, 0.0), known))
    z = np.zeros((len(LENGTHS), len(power)))
    for row, n in zip(z, LENGTHS, strict=True):
        seen = count[n:] - count[:-n]
        mean = (total[n:] - total[:-n]) / np.maximum(seen, 1)
        mean = np.clip(np.where(seen > n / 2, mean, 1.0), LEAST, 1.0)
        row[n - 1 :] = -np.sqrt(np.maximum(seen * (mean - 1 - np.log(mean)), 0.0))
    return z
