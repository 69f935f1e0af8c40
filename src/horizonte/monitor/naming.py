"""Which of the names explains what stands out: candidates compared by how much they explain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from horizonte.monitor import shapes, tracks, units
from horizonte.monitor.days import Days
from horizonte.monitor.findings import DECAY, LEVEL, PHASE, TREND, UNIT, VARIANCE, Found
from horizonte.monitor.profile import Moved, Profile
from horizonte.monitor.shapes import RAMP, STEP, Alarm
from horizonte.monitor.tracks import Track

Reals = NDArray[np.float64]
ALIKE = 4.0  # neighbouring cells that depart from the profile together
LATELY = 6  # newest cells that tell a unit


@dataclass(frozen=True)
class Seen:
    """Everything that stands out of one series, with what it was seen on."""

    days: Days
    profile: Profile
    level: Track
    logs: bool  # the level is one of logarithms
    gain: Track | None
    noise: Track | None
    moved: Moved | None
    alarms: dict[str, Alarm]  # by track


@dataclass(frozen=True)
class Begun:
    """A shape fitted where it explains most: begun ``length`` days ago, its size, its gain."""

    kind: str
    length: int
    size: float
    gain: float


def name(seen: Seen, *, unit: str) -> Found | None:
    """Return what explains ``seen`` best; None where nothing stands out."""
    if not seen.alarms and seen.moved is None:
        return None
    steps = _level(seen)
    told = _unit(seen, steps[STEP], unit=unit) if steps else None
    if told is not None:
        return told
    candidates = [c for c in (_moved(seen), _noisy(seen)) if c is not None]
    candidates += _gradual(seen, steps) if steps else []
    if not candidates:
        return None
    return max(candidates, key=lambda c: float(c.evidence["explained"]))


def _level(seen: Seen) -> dict[str, Begun]:
    """Return the best step and the best ramp of the level, where it raised an alarm."""
    if "level" not in seen.alarms and "gain" not in seen.alarms:
        return {}
    return {kind: begun(seen.level, kind) for kind in (STEP, RAMP)}


def begun(track: Track, kind: str, *, length: int | None = None) -> Begun:
    """Return ``kind`` begun when it explains most of the last days of ``track`` (or ``length`` ago)."""
    reach = track.bank.rows.shape[1]
    e = track.fresh[-reach:]
    e = np.where(np.isfinite(e), e, 0.0)
    best = Begun(kind, 1, 0.0, -1.0)
    lengths = range(1 if kind == STEP else 7, reach + 1) if length is None else (length,)
    for n in lengths:
        form = shapes.shape(kind, n, track.usual.poly)
        power = float(form @ form)
        size = float(form @ e[-n:]) / power
        gain = 0.5 * size * size * power
        if gain > best.gain:
            best = Begun(kind, n, size * track.usual.sigma, gain)
    return best


def _unit(seen: Seen, step: Begun, *, unit: str) -> Found | None:
    """Return a unit change, where the newest values are the expected ones times a known factor."""
    before, after, slope, unsure = _lately(seen, step)
    if not np.isfinite([before, after, unsure]).all():
        return None
    scale = max(abs(before), 1e-9)
    known = units.factor(
        after / before if before else 0.0, unit=unit, unsure=unsure / scale, slope=slope
    )
    turned = None if known else units.affine(before, after, unsure=unsure, slope=slope)
    if known is None and turned is None:
        return None
    size = known if known is not None else turned[0] if turned else None
    evidence = _evidence(seen, "level", step.gain) | {"before": before, "after": after}
    return _found(seen, UNIT, step.length, size, evidence)


def _lately(seen: Seen, step: Begun) -> tuple[float, float, units.Slope | None, float]:
    """Return the level expected and seen lately, the slope of the profile, and how unsure they are.

    The first day of a change is half before it; where it is the only one, its last cells count.
    """
    days, end = seen.days, len(seen.days)
    first = end - step.length + (step.length > 1)
    expected = _expected(seen, end - step.length)[first:]
    x, p = days.x[first:].ravel(), (expected[:, None] + _offsets(seen)[first:]).ravel()
    known = np.isfinite(x) & np.isfinite(p)
    x, p = x[known], p[known]
    if step.length == 1 and days.cells > 1:
        x, p = x[-LATELY:], p[-LATELY:]
    if not len(x):
        return np.nan, np.nan, None, np.nan
    level = float(p.mean())
    spread = float(
        np.nanstd((seen.level.y - seen.level.x @ seen.level.usual.beta)[: seen.level.end])
    )
    unsure = spread * (abs(level) if seen.logs else 1.0)
    sloped = _sloped(p - level, x - x.mean()) if days.cells > 1 else None
    return level, float(x.mean()), sloped, unsure / np.sqrt(min(len(expected), 3))


def _expected(seen: Seen, start: int) -> Reals:
    """Return the level expected of each day, in the series' unit, by what was known at ``start``."""
    usual = seen.level.x @ seen.level.usual.beta
    before = (seen.level.y - usual)[max(0, start - 7) : start]
    before = before[np.isfinite(before)]
    memory = 1 - max(0.0, float(seen.level.usual.poly.sum()))
    usual = usual + (memory * float(before.mean()) if len(before) else 0.0)
    return np.asarray(np.exp(usual) if seen.logs else usual)


def _offsets(seen: Seen) -> Reals:
    """Return by how much each cell of the profile stands off its day's mean."""
    if seen.days.cells == 1:
        return np.zeros((len(seen.days), 1))
    usual = seen.profile.usual[:-1]
    return np.asarray(usual - usual.mean(axis=1, keepdims=True))


def _sloped(p: Reals, x: Reals) -> units.Slope | None:
    """Return the slope of ``x`` on the profile ``p`` and its error, neighbours taken as alike."""
    power = float(p @ p)
    if power <= 0 or len(p) < 12:
        return None
    slope = float(p @ x) / power
    error = float(np.std(x - slope * p)) * np.sqrt(ALIKE / power)
    return slope, error


def _moved(seen: Seen) -> Found | None:
    if seen.moved is None:
        return None
    evidence = {"explained": seen.moved.gain, "threshold": seen.moved.threshold}
    hours = 24 / seen.days.cells
    return _found(seen, PHASE, seen.moved.days, seen.moved.lag * hours, evidence)


def _noisy(seen: Seen) -> Found | None:
    if "noise" not in seen.alarms or seen.noise is None:
        return None
    step = begun(seen.noise, STEP)
    if seen.days.cells >= tracks.MANY:
        size = float(np.exp(step.size))
    else:
        level = float(np.nanmean(seen.noise.y[: seen.noise.end]))
        size = float(max(1 + step.size / level, 0.0) ** 1.5)
    return _found(seen, VARIANCE, step.length, size, _evidence(seen, "noise", step.gain))


def _gradual(seen: Seen, steps: dict[str, Begun]) -> list[Found]:
    """Return the level's step, and its ramp as decay of the gain or as a trend of its own."""
    step, ramp = steps[STEP], steps[RAMP]
    found = []
    if "level" in seen.alarms:
        size = step.size if not seen.logs else float(_mean(seen, step.length) * np.expm1(step.size))
        found.append(_found(seen, LEVEL, step.length, size, _evidence(seen, "level", step.gain)))
    if ramp.length < 7:
        return found
    lost, decays = _decay(seen, ramp)
    explained = ramp.gain + max(0.0, decays)
    alarm = "level" if "level" in seen.alarms else "gain"
    if decays > 0:
        found.append(_found(seen, DECAY, ramp.length, lost, _evidence(seen, alarm, explained)))
    elif "level" in seen.alarms:
        slope = ramp.size * (_mean(seen, ramp.length) if seen.logs else 1.0)
        found.append(_found(seen, TREND, ramp.length, slope, _evidence(seen, alarm, ramp.gain)))
    return found


def _decay(seen: Seen, ramp: Begun) -> tuple[float, float]:
    """Return the share of gain lost, and by how much it explains gain and noise better than none."""
    mean = _mean(seen, ramp.length)
    lost = ramp.size * ramp.length if seen.logs else ramp.size * ramp.length / max(abs(mean), 1e-9)
    lost = lost if seen.logs or mean > 0 else -lost
    if lost >= 0:
        return 0.0, 0.0
    better = _closer(seen.gain, ramp, lost) if seen.gain is not None else 0.0
    if seen.days.cells < tracks.MANY:
        better += _shrinking(seen, ramp, lost)
    elif seen.noise is not None:
        better += _closer(seen.noise, ramp, float(np.log(max(1 + lost, 0.05))))
    return -lost, better


def _shrinking(seen: Seen, ramp: Begun, lost: float) -> float:
    """Return how much better the innovations agree with a noise that shrinks with the gain.

    Of logarithms the noise stays under decay, and grows under a trend that goes down.
    """
    e = seen.level.fresh[-ramp.length :]
    form = shapes.shape(RAMP, ramp.length, seen.level.usual.poly)
    e = e - form * (float(form @ np.where(np.isfinite(e), e, 0.0)) / float(form @ form))
    left = np.maximum(1 + lost * np.arange(1, ramp.length + 1) / ramp.length, 0.05)
    scale = 1 / left if seen.logs else left
    power = np.minimum(e[np.isfinite(e)] ** 2, 9.0)
    scale = scale[np.isfinite(e)]
    better = float((-np.log(scale) - 0.5 * power * (scale**-2.0 - 1)).sum())
    return -better if seen.logs else better


def _closer(track: Track, ramp: Begun, told: float) -> float:
    """Return how much better ``track`` agrees with a ramp to ``told`` than with none."""
    own = begun(track, RAMP, length=ramp.length)
    form = shapes.shape(RAMP, ramp.length, track.usual.poly)
    power = float(form @ form) / ramp.length**2 / track.usual.sigma**2
    size = own.size * ramp.length
    return 0.5 * power * (size**2 - (size - told) ** 2)


def _mean(seen: Seen, length: int) -> float:
    """Return the level expected in the last ``length`` days, in the series' unit."""
    usual = (seen.level.x @ seen.level.usual.beta)[-length:]
    return float((np.exp(usual) if seen.logs else usual).mean())


def _evidence(seen: Seen, track: str, explained: float) -> dict[str, Any]:
    alarm = seen.alarms[track]
    return {
        "explained": explained,
        "score": alarm.score,
        "threshold": alarm.threshold,
        "window_days": alarm.length,
        "n": len(seen.days),
    }


def _found(
    seen: Seen, what: str, length: int, size: float | None, evidence: dict[str, Any]
) -> Found:
    since = seen.days.instant(len(seen.days) - length)
    return Found(seen.days.unique_id, what, since, size, evidence)
