"""What comes late is scored all the same: old readings, corrections, weeks in which nobody looked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from tests.integration.loop.world import DAY, START, World, course

from horizonte.loop import gather
from horizonte.store import annotations, evaluations, mature, promotions

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of Evidently's own imports
]


def scores(world: World) -> pd.DataFrame:
    """All scores of the world's first champion over all lead times, oldest first."""
    found = evaluations.read(world.conn, world.version)
    own = found[(found["bucket"] == "all") & (found["model"] == "ensemble")]
    return own.reset_index(drop=True)


def of(found: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """The scores of the week that holds ``at``."""
    return found[(found["starts_at"] <= at) & (found["ends_at"] > at)]


def test_a_week_whose_readings_come_late_is_scored(world: World) -> None:
    """Readings that come six weeks late, for the first time, score the two weeks they are of in full.

    No other week is scored again, but the running one.
    """
    world.live(7)
    world.monitor()
    lost = np.arange(world.hours, world.hours + 7 * 24)
    world.hours += 7 * 24
    for hour in range(int(lost[0]) + 24, world.hours + 1, 24):
        world.say(hour)
    world.live(42)
    world.monitor()
    before, middle = scores(world), START + (lost[0] / 24 + 3) * DAY
    assert of(before, middle)["rows"].sum() < 100
    world.readings(lost, course(lost) + np.random.default_rng(1).normal(0, 4, len(lost)))
    world.monitor()
    world.live(1)
    world.monitor()
    after = scores(world)
    added = after.iloc[len(before) :]
    assert of(added, middle)["rows"].tolist() == [7 * 24 * 2]
    week = of(after, middle)["starts_at"].iloc[0]
    newest = before["starts_at"].max()  # which the last day has made longer
    assert added["starts_at"].tolist() == [week - 7 * DAY, week, newest]


def test_a_correction_under_another_champion_scores_its_week_again(world: World) -> None:
    """What was corrected before the first verdict on a new champion is scored at that verdict."""
    world.live(28)
    world.monitor()
    world.live(28)
    world.monitor()
    before, at = scores(world), START + 45 * DAY
    card = {
        "data_as_of": (START + 60 * DAY).isoformat(),
        "series": [{"unique_id": world.name}],
        "scores": {world.name: {"mase": 0.8}},
    }
    promotions.register_model(world.conn, world.version + "b", uri="s3://none/", card=card)
    promotions.promote(world.conn, world.version + "b", "second", by="test")
    hour = np.array([45 * 24 + 12])
    world.readings(hour, course(hour) + 25)
    world.monitor()
    added = scores(world).iloc[len(before) :]
    assert len(of(added, at)) == len(added) == 1


def test_a_note_of_a_covariate_scores_the_weeks_of_what_reads_it(
    world: World, declare: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forecasts that read its other unit judge no model, however long ago that was."""
    monkeypatch.setattr(gather, "LATE", pd.Timedelta(0))  # a test's readings are minutes old
    read = f"{world.name}/read"
    declare(read, source=world.name, role="covariate")
    declare(world.name, covariates=[read])
    for _ in range(2):
        world.live(28)
        world.monitor()
    before, at = scores(world), START + 50 * DAY
    assert of(before, at)["rows"].tolist()[-1] > 0
    note = {"starts_at": START + 45 * DAY, "ends_at": START + 46 * DAY, "kind": "unit_changed"}
    note |= {"unique_id": read, "note": "", "factor": 0.5, "offset": 0.0, "withdrawn": False}
    annotations.add(world.conn, pd.DataFrame([note | {"available_at": START + 96 * DAY}]))
    world.monitor()
    assert of(scores(world), at)["rows"].tolist()[-1] == 0


def test_what_another_champions_look_has_scored_is_decided_on(world: World) -> None:
    """Back at the former champion, a verdict from before a correction does not stand."""
    world.live(28)
    first = world.monitor().verdict
    other = world.version + "c"
    card = {"data_as_of": START.isoformat(), "series": [{"unique_id": world.name}], "scores": {}}
    promotions.register_model(world.conn, other, uri="s3://none/", card=card)
    promotions.promote(world.conn, other, "another", by="test")
    hour = np.array([45 * 24 + 12])
    world.readings(hour, course(hour) + 25)
    assert world.monitor().scores > 0
    promotions.promote(world.conn, world.version, "back", by="test")
    again = world.monitor()
    assert (again.new, again.verdict.as_of) == (True, first.as_of)
    assert not world.monitor().new


def test_weeks_in_which_nobody_looked_are_scored(world: World) -> None:
    """After ten weeks without a monitoring no week is missing among the scores."""
    world.live(14)
    world.monitor()
    world.live(70)
    world.monitor()
    weeks = sorted(set(scores(world)["starts_at"]))
    assert weeks == list(pd.date_range(weeks[0], weeks[-1], freq="7D"))
    assert weeks[-1] > START + (40 + 70) * DAY


def test_what_came_is_told_by_when_it_was_recorded(world: World) -> None:
    """The first instant, from a start on, of what was read, corrected or annotated since then."""
    world.live(2)
    row = world.conn.execute("SELECT now()").fetchone()
    assert row is not None
    began = {world.name: START}
    after = pd.Timestamp(row[0])
    assert mature.touched(world.conn, began, after=after, reads={}) == {}
    world.live(1)
    assert mature.touched(world.conn, began, after=after, reads={}) == {
        world.name: START + 42 * DAY
    }
    late = {world.name: START + 42.5 * DAY}
    assert mature.touched(world.conn, late, after=after, reads={}) == late
    world.note("ignore", START + 3 * DAY, START + 4 * DAY)
    assert mature.touched(world.conn, began, after=after, reads={}) == {world.name: START + 3 * DAY}
    assert mature.touched(world.conn, late, after=after, reads={}) == late
