"""Why a forecast may be worse than usual, in the reader's language: the service tells it in English."""

from __future__ import annotations

import re
from datetime import datetime

from horizonte.web.language import Texts
from horizonte.web.shown import Shown

# As serve.degraded writes them; a test reads every one of them.
_KNOWN = tuple(
    (re.compile(pattern), key)
    for pattern, key in (
        (r"stale: no trusted value in the whole look-back", "degraded.empty"),
        (
            r"stale: no trusted value for (?P<count>\d+) steps, since (?P<since>\S+)",
            "degraded.stale",
        ),
        (r"imputed: (?P<count>\d+) of the last (?P<whole>\d+) values", "degraded.imputed"),
        (r"covariates silent for a day: (?P<names>.+)", "degraded.silent"),
        (r"known-ahead covariates not known ahead: (?P<names>.+)", "degraded.unknown"),
        (r"fallback: no model in service knows this series.*", "degraded.no_model"),
        (r"fallback: (?P<family>\S+) has no fit for this series", "degraded.no_fit"),
    )
)


def told(why: str, t: Texts, shown: Shown, *, zone: str = "UTC") -> str:
    """Return the reasons of ``why`` as ``t`` tells them, instants as of a site in ``zone``.

    One that is not known here, of another version of the service, stands as it came.
    """
    return "; ".join(_told(part, t, shown, zone) for part in why.split("; "))


def _told(part: str, t: Texts, shown: Shown, zone: str) -> str:
    for pattern, key in _KNOWN:
        if found := pattern.fullmatch(part):
            return t(key, **{n: _value(n, v, shown, zone) for n, v in found.groupdict().items()})
    return part


def _value(name: str, text: str, shown: Shown, zone: str) -> object:
    if name in ("count", "whole"):
        return int(text)
    return shown.instant(datetime.fromisoformat(text), zone) if name == "since" else text
