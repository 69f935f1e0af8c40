"""The evidence of a verdict as rows of a table; what it lacks is null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MEASURES = ("skill", "coverage_80", "coverage_90")
_KNOWN = ("serving_days", "known_days")


def targets(evidence: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return how the forecasts of each target did: rows, days, and MEASURES as value, low, high.

    ``skill`` is the error as a share of the naive's; ``reference`` what it was before.
    """
    return [_target(one) for one in evidence.get("targets", ())]


def known(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ages, in days, that the decision knew: since promotion, and of the training data."""
    return {name: evidence[name] for name in _KNOWN if name in evidence}


def _target(one: Mapping[str, Any]) -> dict[str, Any]:
    window = one.get("window") or {}
    found = {name: window.get(name) for name in MEASURES}
    return {
        "unique_id": one["unique_id"],
        "rows": window.get("rows", 0),
        "days": window.get("days", 0),
        "reference": one.get("reference"),
        **found,
    }
