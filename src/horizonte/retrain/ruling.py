"""What the gate says, in words, with every number that it says it from."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Series:
    """One series in the comparison; losses are in units of its scale."""

    unique_id: str
    days: int
    weight: float  # in the test; in all else every series weighs the same
    champion: float  # scaled quantile loss
    challenger: float
    gain: float  # share of the champion's loss that is saved
    error: float  # scaled absolute error of the challenger
    naive: float | None  # and of the best seasonal naive
    coverage_80: float
    coverage_90: float
    champion_coverage_80: float
    champion_coverage_90: float


@dataclass(frozen=True)
class Day:
    """One day of cutoffs, every series weighing the same, in shares of the champion's mean loss."""

    day: str
    champion: float
    challenger: float
    gain: float


@dataclass(frozen=True)
class Ruling:
    """What the gate says, in words, with every number that it says it from."""

    passed: bool
    reasons: tuple[str, ...]  # why not; or, of a pass, by how much
    gain: float | None  # on a usual day, by the weights of the series
    low: float | None  # the interval that the test asks; it holds the gain with 1 - 2 alpha
    high: float | None
    t: float | None
    nu: int | None
    p: float | None
    days: int
    saved: float | None  # share of the champion's whole loss, bad days in full
    over_naive: float | None  # share of the naive's absolute error that the challenger saves
    coverage_80: float | None
    coverage_90: float | None
    series: tuple[Series, ...]
    daily: tuple[Day, ...]
    left_out: dict[str, str]  # series → why it does not count
    policy: dict[str, Any]

    def evidence(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it; what is not finite becomes null."""
        found: dict[str, Any] = _plain(asdict(self))
        return found

    def refused(self, *reasons: str, left_out: dict[str, str] | None = None) -> Ruling:
        """Return the ruling with more reasons against, and more series that do not count."""
        why = (*reasons, *(() if self.passed else self.reasons)) if reasons else self.reasons
        named = {**self.left_out, **(left_out or {})}
        return replace(self, passed=self.passed and not reasons, reasons=why, left_out=named)


def mean(table: tuple[Series, ...], name: str) -> float | None:
    """Return the mean of a number over series, None where there is none."""
    found = sum(getattr(one, name) for one in table) / len(table) if table else math.nan
    return found if math.isfinite(found) else None


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share as people read it."""
    return "none" if share is None else f"{100 * share:.{digits}f} %"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(own) for key, own in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(own) for own in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
