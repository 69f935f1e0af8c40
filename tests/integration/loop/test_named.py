"""What has a name, from readings in the database to the sentence of the verdict."""

from __future__ import annotations

import numpy as np
import pytest
from tests.integration.loop.world import World, course

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of Evidently's own imports
]


def named(world: World) -> list[tuple[str, str]]:
    """Name and English sentence of every finding on the world's series."""
    return world.conn.execute(
        "SELECT name, sentence_en FROM finding WHERE unique_id = %s ORDER BY id", (world.name,)
    ).fetchall()


def test_a_stuck_sensor_is_to_be_mended(world: World) -> None:
    """Its readings stand still: it is named, nothing is retrained, and the sentence says what to mend."""
    world.live(40)
    world.live(4, stuck=True)
    done = world.monitor()
    assert [name for name, _ in named(world)] == ["stuck sensor"]
    assert done.verdict.action == "keep"
    assert "No retraining mends this" in done.verdict.sentence_en
    assert f"{world.name} has read the same since" in done.verdict.sentence_en


def test_another_unit_is_named_and_not_learnt(world: World) -> None:
    """Readings a thousand times as large ask for a mend, however bad the forecasts are."""
    world.live(40)
    numbers = np.arange(world.hours, world.hours + 24 * 10)
    world.hours += 24 * 10
    world.readings(numbers, 1000 * course(numbers))
    done = world.monitor()
    assert [name for name, _ in named(world)] == ["unit change"]
    assert done.verdict.action == "keep"
    assert "another unit" in done.verdict.sentence_en


def test_a_level_shift_is_named_beside_the_retraining(world: World) -> None:
    """A lasting step is named with its day; the forecasts that miss it are what asks."""
    world.live(40)
    world.live(23, shift=30.0)
    done = world.monitor()
    assert [name for name, _ in named(world)] == ["level shift"]
    assert done.verdict.action == "retrain"
