"""What has a name, from readings in the database to the sentence of the verdict."""

from __future__ import annotations

import shlex

import numpy as np
import pandas as pd
import pytest
from tests.integration.loop.world import HOUR, RULES, START, World, course

from horizonte.ingest import notes
from horizonte.ingest.notesheet import Note

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


def test_the_note_that_the_verdict_asks_for_ends_it(world: World) -> None:
    """Kept as its sentence says, the note ends the finding, and nothing is retrained for it.

    Forecasts that were made from the other unit count for nothing. When the source is mended while
    the note is open, the change back is named, and the next note leads to the readings as they come.
    """
    world.live(40)
    for days, factor in ((10, 1000.0), (6, 1.0)):
        began = world.hours
        world.live(days, times=factor)
        done = world.monitor()
        assert named(world)[-1][0] == "unit change"
        unit_id, at, *said = command(done.verdict.sentence_en)
        assert command(done.verdict.sentence_pt) == [unit_id, at, *said]
        assert abs(pd.Timestamp(at) - START - began * HOUR) <= HOUR
        assert said == ["--kind", "unit_changed", "--factor", f"{1 / factor:.10g}"]
        note = Note(unit_id, at, None, "unit_changed", factor=said[-1])
        notes.annotate_one(world.conn, note, now=START + world.hours * HOUR, rules=RULES)
        known = world.count("finding")
        done = world.monitor()
        assert done.new, "the note is looked at before any other reading comes"
        assert (done.verdict.action, done.verdict.triggers) == ("keep", [])
        assert world.count("finding") == known
        assert "unit" not in done.verdict.sentence_en


def command(sentence: str) -> list[str]:
    """The arguments of the one command in the sentence."""
    program, verb, *arguments = shlex.split(sentence.split("`")[1])
    assert (program, verb) == ("horizonte", "annotate")
    return arguments


def test_a_level_shift_is_named_beside_the_retraining(world: World) -> None:
    """A lasting step is named with its day; the forecasts that miss it are what asks."""
    world.live(40)
    world.live(23, shift=30.0)
    done = world.monitor()
    assert [name for name, _ in named(world)] == ["level shift"]
    assert done.verdict.action == "retrain"
