"""The evidence of a verdict as rows of a table; what it lacks is null."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

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


def conversions(evidence: Mapping[str, Any], zones: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return, by series of ``zones``, the note that brings readings in another unit back.

    As the form of notes takes it: its start is a time in the zone of the series.
    """
    return {
        one["unique_id"]: {
            "id": one["unique_id"],
            "kind": "unit_changed",
            "starts_at": _local(one["since"], zones[one["unique_id"]]),
            "factor": f"{one['factor']:.10g}",
            "offset": f"{one['offset']:.10g}",
        }
        for one in evidence.get("findings", ())
        if one.get("factor") is not None and one["unique_id"] in zones
    }


def _local(since: str, zone: str) -> str:
    return datetime.fromisoformat(since).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M")


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
