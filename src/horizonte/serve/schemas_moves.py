"""The JSON of the routes that move the pointer by hand, and of the key that asks."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from horizonte.serve.problems import NOT_BLANK
from horizonte.serve.schemas_out import PromotionEntry

PROMOTE_EXAMPLE = {"why": "it read the new sensor from the start"}
ROLLBACK_EXAMPLE = {"why": "its forecasts of Sunday were worse"}


class PromoteRequest(BaseModel):
    """Why a version is to serve; the gate is not asked."""

    model_config = ConfigDict(extra="forbid")

    why: str = Field(max_length=1_000, pattern=NOT_BLANK, description="kept in the ledger")
    over: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{64}$",
        description="the champion that this was decided about; where another serves, nothing moves",
    )


class RollbackRequest(PromoteRequest):
    """Why the champion before is to serve again."""

    to: str | None = Field(
        None,
        min_length=4,
        max_length=64,
        description="first characters of a registered version; left out: the champion before",
    )


class Promoted(PromotionEntry):
    """The row of the ledger that a move became: ``model_version`` is the champion from it on."""

    promotion_id: int
    model_version: str


class CurrentKey(BaseModel):
    """The key that asks; ``id`` is null where the service asks for none."""

    id: str | None
    scopes: list[Literal["read", "write", "admin"]] = Field(description="all that it includes")
    note: str | None
    expires_at: datetime | None
