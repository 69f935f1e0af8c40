"""Following the pointer: swap when it moves, keep the old when the new is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pandas as pd
import pytest

from horizonte.errors import ModelFault
from horizonte.serve.champion import Champion
from horizonte.serve.faults import NoChampion, NotReady
from horizonte.serve.follow import Doors, Follower
from horizonte.store import promotions
from horizonte.store.connection import Connection
from horizonte.store.promotions import Promotion

NOW = datetime(2025, 1, 1, tzinfo=UTC)
CONN = cast("Connection", None)


class Pointer:
    """Stands for the ledger's newest row and for what can be loaded."""

    def __init__(self) -> None:
        self.row: Promotion | None = None
        self.warmed: list[str] = []
        self.broken: set[str] = set()

    def move(self, number: int, version: str) -> None:
        at = pd.Timestamp(NOW)
        self.row = Promotion(number, version, None, "promote", f"why {number}", "test", {}, at)

    def obtain(self, version: str) -> Champion:
        if version in self.broken:
            raise ModelFault("model", version, "whole", "publish again")
        return Champion(version, {}, cast("Any", None), {})

    def warm(self, conn: Connection, champion: Champion) -> None:
        self.warmed.append(champion.version)


@pytest.fixture
def pointer(monkeypatch: pytest.MonkeyPatch) -> Pointer:
    found = Pointer()
    monkeypatch.setattr(promotions, "current_promotion", lambda _: found.row)
    return found


@pytest.fixture
def follower(pointer: Pointer) -> Follower:
    connect = cast("Callable[[], Connection]", None)
    return Follower(Doors(connect, pointer.obtain, pointer.warm, lambda: NOW))


def test_before_the_first_promotion_it_says_so(follower: Follower) -> None:
    """Not ready at first; with an empty ledger the reason is that nothing was promoted."""
    assert isinstance(follower.refused, NotReady)
    follower.look(CONN)
    assert isinstance(follower.refused, NoChampion)
    assert follower.serving is None


def test_the_pointer_is_followed_once_per_version(follower: Follower, pointer: Pointer) -> None:
    """A version is loaded and warmed once; looking again changes nothing."""
    pointer.move(1, "a")
    follower.look(CONN)
    first = follower.serving
    follower.look(CONN)
    assert follower.serving is first
    pointer.move(2, "b")
    follower.look(CONN)
    assert follower.serving is not None
    assert follower.serving.champion.version == "b"
    assert pointer.warmed == ["a", "b"]
    assert follower.refused is None


def test_a_refused_model_leaves_the_old_one(follower: Follower, pointer: Pointer) -> None:
    """What cannot be loaded is raised to the loop, and the champion stays the same object."""
    pointer.move(1, "a")
    follower.look(CONN)
    old = follower.serving
    pointer.move(2, "bad")
    pointer.broken.add("bad")
    with pytest.raises(ModelFault):
        follower.look(CONN)
    assert follower.serving is old


def test_a_new_row_for_the_same_model_updates_the_reason(
    follower: Follower, pointer: Pointer
) -> None:
    """A rollback to what already serves loads nothing and shows the newest reason."""
    pointer.move(1, "a")
    follower.look(CONN)
    pointer.move(3, "a")
    follower.look(CONN)
    assert follower.serving is not None
    assert follower.serving.promotion.why == "why 3"
    assert pointer.warmed == ["a"]
