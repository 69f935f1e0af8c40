"""The families by name; each is imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from horizonte.errors import ConfigFault
from horizonte.model.protocol import Family

NAIVES = ("naive_day", "naive_week", "naive_persistence", "naive_climatology")
_HOMES = {
    **dict.fromkeys(NAIVES, "naive"),
    "linear": "linear",
    "statistical": "statistical",
    "boosting": "boosting",
    "prophet": "prophet",
    "prophet_default": "prophet",
}


def family(name: str) -> Family:
    """Return the family called ``name``; raise ConfigFault for a name that is not one."""
    if name not in _HOMES:
        raise ConfigFault(
            "train.families", name, f"one of {['naive', *_HOMES]}", "correct the name"
        )
    found: dict[str, Family] = import_module(f"horizonte.model.{_HOMES[name]}").FAMILIES
    return found[name]


def expand(names: Sequence[str]) -> list[str]:
    """Return the family names that ``names`` stand for: the naives always, ``naive`` being all four."""
    rest = [name for name in dict.fromkeys(names) if name != "naive" and name not in NAIVES]
    return [*NAIVES, *rest]
