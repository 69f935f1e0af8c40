"""Which of the names explains what stands out: candidates compared by how much they explain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from horizonte.monitor import shapes, tracks
from horizonte.monitor.converted import converted
from horizonte.monitor.days import Days
from horizonte.monitor.explain import Begun, begun, noisier
from horizonte.monitor.findings import DECAY, LEVEL, PHASE, TREND, UNIT, VARIANCE, Found
from horizonte.monitor.profile import Moved, Profile
from horizonte.monitor.shapes import RAMP, STEP, Alarm
from horizonte.monitor.tracks import Track

Reals = NDArray[np.float64]


DOWN = float(np.log(2))  # a gain only erodes; of trends, half go down


@dataclass(frozen=True)
class Seen:
    """Everything that stands out of one series, with what it was seen on."""

    days: Days
    profile: Profile
    level: Track
    logs: bool  # the level is one of logarithms
    gain: Track | None
    noise: Track | None
    moved: Moved | None  # the likeliest move of the profile, whether it stands out or not
    alarms: dict[str, Alarm]  # by track


@dataclass(frozen=True)
class Named:
    """What explains best, and by how much more (log-likelihood) than what has another name."""

    found: Found
    margin: float


def loud(seen: Seen) -> bool:
    """Tell whether anything stands out."""
    moved = seen.moved is not None and seen.moved.gain > seen.moved.threshold
    return bool(seen.alarms) or moved


def name(seen: Seen, *, unit: str) -> Named | None:
    """Return what explains ``seen`` best; None where nothing stands out."""
    if not loud(seen):
        return None
    steps = {kind: begun(seen.level, kind) for kind in (STEP, RAMP)}
    levels = "level" in seen.alarms or "gain" in seen.alarms
    if "level" in seen.alarms and (told := _unit(seen, steps[STEP], unit=unit)) is not None:
        return Named(told, np.inf)
    candidates = [c for c in (_moved(seen), _noisy(seen)) if c is not None]
    candidates += _gradual(seen, steps) if levels else []
    worth = [c for c in candidates if _explained(c) > 0]  # more than nothing explains
    ordered = sorted(worth, key=_explained, reverse=True)
    if not ordered:
        return None
    margin = _explained(ordered[0]) - _explained(ordered[1]) if len(ordered) > 1 else np.inf
    return Named(ordered[0], margin)


def _explained(found: Found) -> float:
    return float(found.evidence["explained"])


def _unit(seen: Seen, step: Begun, *, unit: str) -> Found | None:
    found = converted(seen.days, seen.profile, seen.level, logs=seen.logs, step=step, unit=unit)
    if found is None:
        return None
    levels = {"before": found.before, "after": found.after, "offset": found.offset}
    evidence = _evidence(seen, "level", step.evidence) | levels
    return Found(seen.days.unique_id, UNIT, found.since, found.factor, evidence)


def _moved(seen: Seen) -> Found | None:
    if seen.moved is None:
        return None
    evidence = {
        "explained": seen.moved.evidence,
        "score": seen.moved.gain,
        "threshold": seen.moved.threshold,
        "n": len(seen.days),
    }
    hours = 24 / seen.days.cells
    return _found(seen, PHASE, seen.moved.days, seen.moved.lag * hours, evidence)


def _noisy(seen: Seen) -> Found | None:
    if "noise" not in seen.alarms or seen.noise is None:
        return None
    if seen.days.cells < tracks.MANY:
        step = noisier(seen.level)
        size = step.size
    else:
        step = begun(seen.noise, STEP)
        size = float(np.exp(step.size))
    return _found(seen, VARIANCE, step.length, size, _evidence(seen, "noise", step.evidence))


def _gradual(seen: Seen, steps: dict[str, Begun]) -> list[Found]:
    """Return the level's step, and its ramp as decay of the gain or as a trend of its own."""
    step, ramp = steps[STEP], steps[RAMP]
    lost, decays = _decay(seen, ramp)
    if "level" not in seen.alarms:
        told = _evidence(seen, "gain", ramp.evidence + decays)
        return [_found(seen, DECAY, ramp.length, lost, told)] if decays > 0 else []
    size = step.size if not seen.logs else _mean(seen, step.length) * float(np.expm1(step.size))
    found = [_found(seen, LEVEL, step.length, size, _evidence(seen, "level", step.evidence))]
    if lost > 0 and decays > -DOWN:
        told = _evidence(seen, "level", ramp.evidence)
        return [*found, _found(seen, DECAY, ramp.length, lost, told)]
    slope = ramp.size * (_mean(seen, ramp.length) if seen.logs else 1.0)
    told = _evidence(seen, "level", ramp.evidence)
    return [*found, _found(seen, TREND, ramp.length, slope, told)]


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
