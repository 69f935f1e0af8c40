"""Instants that clients name: with an offset, and of years that every library underneath can hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def bounded(at: datetime) -> datetime:
    """Return ``at``; raise ValueError outside 1900 to 2200, where pandas and the database overflow."""
    if not EARLIEST <= at < LATEST:
        raise ValueError(f"from {EARLIEST:%Y-%m-%dT%H:%MZ} and before {LATEST:%Y-%m-%dT%H:%MZ}")
    return at


Instant = Annotated[AwareDatetime, AfterValidator(bounded)]
