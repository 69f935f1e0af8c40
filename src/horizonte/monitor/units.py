"""Factors between units that people mistake for one another."""

from __future__ import annotations

import math
import unicodedata

FAR = (100.0, 1000.0, 1e6, 10.0, 60.0, 3600.0, 24.0)  # and their inverses
JOULE, MILE = 3.6, 2.236936  # kWh and MJ, also m/s and km/h; m/s and mph
ENERGY = ("wh", "kwh", "mwh", "gwh", "j", "kj", "mj", "gj", "tj", "w", "kw", "mw", "gw")
# Near ones, of what is measured in these alone: a quiet week of visitors is no change to km/h.
OF = {
    **dict.fromkeys(("", "1"), (JOULE, MILE)),  # whatever it may be
    **dict.fromkeys(ENERGY, (JOULE,)),
    "m/s": (JOULE, MILE, 1.943844, 3.28084),
    "km/h": (JOULE, MILE, 1.609344, 1.852),
    "mph": (JOULE, MILE, 1.609344),
    "kn": (1.943844, 1.852),
    "m": (3.28084,),
    "ft": (3.28084,),
    "kg": (2.204623,),
    "lb": (2.204623,),
    "mm": (25.4,),
    "hpa": (1.333224, 6.894757),
}
AFFINE = ((1.8, 32.0), (1 / 1.8, -32 / 1.8), (1.0, 273.15), (1.0, -273.15))  # °C, °F, K
HEAT = ("", "1", "degc", "degf", "°c", "°f", "c", "f", "k", "celsius", "fahrenheit", "kelvin")
_DEGREES = str.maketrans("º˚", "°°")
Slope = tuple[float, float]
WIDE, TIGHT = 0.2, 0.12  # furthest in logarithms from a far and from a near factor
BOTH = 0.25  # furthest of the slope from the factor, as a share


def factor(ratio: float, *, unit: str, unsure: float, slope: Slope | None) -> float | None:
    """Return the known factor that ``ratio`` is within what is ``unsure`` (of its logarithm).

    ``slope`` is how the recurring profile grew, and how unsure that is; it must agree with a
    factor near 1, which a shift of the level could come upon by chance.
    """
    if not ratio > 0:
        return None
    found = [f for f in factors(unit) if _far(ratio, f) <= _tolerance(f, unsure)]
    if not found:
        return None
    best = min(found, key=lambda f: _far(ratio, f))
    return best if _is_far(best) or _alike(slope, best) else None


def affine(
    before: float, after: float, *, unit: str, unsure: float, slope: Slope | None
) -> tuple[float, float] | None:
    """Return (factor, offset) of the change of temperature units that explains the levels."""
    for times, plus in AFFINE if warm(unit) else ():
        told = times * before + plus
        step = abs(told - before)
        near = abs(after - told) <= max(0.04 * step, 2.5 * unsure * times)
        if near and step > 8 * unsure and _alike(slope, times):
            return times, plus
    return None


def factors(unit: str) -> list[float]:
    """Return the factors to and from what a reading in ``unit`` may be mistaken for."""
    known = (*FAR, *OF.get(_plain(unit), ()))
    return [*known, *(1 / f for f in known)]


def _plain(unit: str) -> str:
    """Return ``unit`` in one way of writing: keyboards have an ordinal º or a ring for °, fonts ℃ for both."""
    return unicodedata.normalize("NFKC", unit.translate(_DEGREES)).replace(" ", "").lower()


def warm(unit: str) -> bool:
    """Return whether ``unit`` may be one of temperature."""
    return _plain(unit) in HEAT


def _tolerance(factor: float, unsure: float) -> float:
    return min(max(2.5 * unsure, 0.02), WIDE if _is_far(factor) else TIGHT)


def _is_far(factor: float) -> bool:
    return abs(math.log(factor)) > math.log(9)


def _far(ratio: float, factor: float) -> float:
    return abs(math.log(ratio / factor))


def _alike(slope: Slope | None, factor: float) -> bool:
    return slope is None or abs(slope[0] - factor) <= BOTH * factor + 2 * slope[1]
