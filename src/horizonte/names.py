"""Names of series that the addresses of the service could not tell from their own parts."""

from __future__ import annotations

import re

_OURS = re.compile(r".+/(observations|vintages(/[^/]+)?)", re.DOTALL)
ALLOWED = "a name that does not end in /observations, /vintages or /vintages/…"
FIX = "rename it: such an address shows the readings or vintages of another series"


def taken(unique_id: str) -> bool:
    """Return whether ``/series/`` or ``/forecasts/`` followed by ``unique_id`` means something else."""
    return _OURS.fullmatch(unique_id) is not None
