"""Monitoring on a real database and a real bucket: what is scored, decided, shown and kept."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from tests.integration.loop.world import DAY, START, World, course

from horizonte.errors import StoreFault
from horizonte.loop import monitor, pages
from horizonte.loop.monitor import BY
from horizonte.monitor import looks
from horizonte.store import browse, evaluations, retrainings, verdicts
from horizonte.store.connection import connect

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of Evidently's own imports
]


def scores(world: World, model: str = "ensemble") -> pd.DataFrame:
    """All scores of the world's champion over all lead times, oldest first."""
    found = evaluations.read(world.conn, world.version)
    return found[(found["bucket"] == "all") & (found["model"] == model)].reset_index(drop=True)


def requests(world: World) -> list[str]:
    """The actions that the monitor asked for, of verdicts on the world's champion."""
    found = world.conn.execute(
        """SELECT r.action FROM retrain_run r JOIN verdict v ON v.id = r.verdict_id
           WHERE v.model_version = %s AND requested_by = %s ORDER BY r.id""",
        (world.version, BY),
    ).fetchall()
    return [action for (action,) in found]


def test_a_good_champion_stays(world: World) -> None:
    """Five weeks in, the forecasts beat the naive, the intervals hold, and nothing is asked for."""
    world.live(35)
    done = world.monitor()
    assert done.new
    assert done.verdict.action == "keep", done.verdict
    assert done.verdict.triggers == []
    [target] = done.verdict.evidence["targets"]
    assert target["window"]["skill"]["value"] < 0.9
    assert abs(target["window"]["coverage_80"]["value"] - 0.8) < 0.05
    assert requests(world) == []


def test_weeks_are_scored_beside_the_naive(world: World) -> None:
    """Each week of the window has one score of the model and one of the naive, on the same rows."""
    world.live(28)
    world.monitor()
    ours, naive = scores(world), scores(world, "seasonal_naive")
    assert ours["starts_at"].dt.dayofweek.eq(0).all()
    assert ours["starts_at"].is_unique
    assert ours["rows"].tolist() == naive["rows"].tolist()
    assert (ours["mase"] < naive["mase"]).all()
    assert naive["coverage_80"].isna().all()


def test_a_shift_asks_for_a_retraining_once(world: World) -> None:
    """Forecasts that run off by far ask for a retraining; asked again at the same instant, for none."""
    world.live(28)
    world.live(22, shift=30.0)
    first, second = world.monitor(), world.monitor()
    assert first.verdict.action == "retrain"
    assert f"skill decay: {world.name}" in first.verdict.triggers
    assert (second.new, second.verdict) == (False, first.verdict)
    assert requests(world) == ["retrain"]
    world.live(1, shift=30.0)
    third = world.monitor()
    assert (third.verdict.action, third.verdict.brakes) == ("keep", ["retraining waits"])
    assert requests(world) == ["retrain"]


def test_narrow_bands_ask_for_other_intervals(world: World) -> None:
    """Bands that hold too little, with errors as before, ask for a recalibration alone."""
    world.live(40, narrow=2.5)
    done = world.monitor()
    assert done.verdict.action == "recalibrate"
    assert requests(world) == ["recalibrate"]
    assert "intervals" in done.verdict.sentence_en
    assert "intervalos" in done.verdict.sentence_pt


def test_a_young_champion_is_kept(world: World) -> None:
    """In its first days the worst forecasts ask for nothing yet, and the sentence says why."""
    world.live(12, shift=30.0)
    done = world.monitor()
    assert done.verdict.action == "keep"
    assert done.verdict.triggers
    assert done.verdict.brakes[0] == "champion too young"
    assert "has served only 12 of the 14 days" in done.verdict.sentence_en
    assert requests(world) == []


def test_a_correction_scores_its_week_again(world: World) -> None:
    """A corrected reading gives its week a new score; the old one and other weeks' stay."""
    world.live(35)
    world.monitor()
    before = scores(world)
    at = (START + 52 * DAY).to_pydatetime()
    hour = 52 * 24 + 12
    world.readings(np.array([hour]), course(np.array([hour])) + 25)
    done = world.monitor()
    after = scores(world)
    assert done.new
    assert after.head(len(before)).equals(before)
    added = after.iloc[len(before) :]
    assert len(added) == 1
    assert added["starts_at"].iloc[0] <= at < added["ends_at"].iloc[0]
    newest = {row["starts_at"] for row in browse.scores(world.conn, world.version)}
    assert newest == {after["starts_at"].max()}


def test_an_annotated_stretch_does_not_score(world: World) -> None:
    """A week that people say to ignore is scored as nothing, though it was scored before."""
    world.live(35)
    world.monitor()
    monday = START + 49 * DAY
    world.note("ignore", monday, monday + 7 * DAY)
    world.monitor()
    found = scores(world)
    last = found[found["starts_at"] == monday].iloc[-1]
    assert last["rows"] == 0
    assert np.isnan(last["mase"])


def test_what_fails_leaves_nothing_and_the_next_run_does_it_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores, verdict and request are one: broken before the last of them, none is there."""
    world.live(28)
    world.live(22, shift=30.0)

    def fail(*_: object, **__: object) -> int:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(retrainings, "request", fail)
        with pytest.raises(ConnectionError):
            world.monitor()
    assert scores(world).empty
    assert verdicts.latest(world.conn, world.version) is None
    assert world.monitor().verdict.action == "retrain"
    assert len(scores(world)) > 0


def test_one_monitors_at_a_time(world: World, database_url: str) -> None:
    """While another process monitors this database, a second one is refused and says so."""
    world.live(10)
    with connect(database_url) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (verdicts.LOCK,))
        with pytest.raises(StoreFault, match=r"^another process is monitoring this database; wait"):
            world.monitor()
        other.execute("SELECT pg_advisory_unlock(%s)", (verdicts.LOCK,))
    assert world.monitor().new


def test_a_verdict_can_be_decided_again(world: World) -> None:
    """From its stored evidence and policy every verdict follows again, to the word."""
    world.live(28)
    world.monitor()
    world.live(14, shift=30.0)
    world.monitor()
    for number in verdicts.listed(world.conn, 2)["id"]:
        stored = verdicts.get(world.conn, int(number))
        again = monitor.again(stored)
        assert (again.action, list(again.triggers), list(again.brakes)) == (
            stored.action,
            stored.triggers,
            stored.brakes,
        )
        assert (again.sentence_en, again.sentence_pt) == (stored.sentence_en, stored.sentence_pt)


def test_pages_are_in_the_bucket_with_an_index(world: World) -> None:
    """The index of a look begins with the verdict and links pages of bounded size; all are in S3."""
    world.live(35)
    done = world.monitor()
    date = f"{done.verdict.as_of:%Y-%m-%d}"
    assert done.verdict.report == f"reports/monitoring/{date}/1/index.html"
    folder = world.root / pages.FOLDER / date / "1"
    index = (folder / "index.html").read_text()
    assert done.verdict.sentence_en in index
    assert done.verdict.sentence_pt in index
    linked = [n for n in ("targets.html", "residuals.html", "quality.html") if f'"{n}"' in index]
    assert "quality.html" in linked
    for name in ("index.html", *linked):
        text = (folder / name).read_text()
        assert world.bucket.get(f"{looks.PREFIX}/{date}/1/{name}").decode() == text
        assert len(text) < 8e6
        assert f"Look 1 of {date}, as of 00:00 UTC, at model {world.version[:12]}" in text
    whole = world.bucket.get(f"{looks.PREFIX}/index.html").decode()
    assert f'href="{date}/index.html"' in whole
    assert f'href="{date}/1/index.html"' in whole
    assert 'href="1/index.html"' in world.bucket.get(f"{looks.PREFIX}/{date}/index.html").decode()


def test_a_second_look_of_a_date_leaves_the_first_its_pages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each verdict keeps its own index, here and in S3; a run killed before its verdict leaves none.

    Evidently's pages stay with the last look of a date and with those that asked for another model.
    """
    world.live(28)
    world.live(22, shift=30.0)
    asked = world.monitor().verdict
    date, hour = f"{asked.as_of:%Y-%m-%d}", 52 * 24
    world.readings(np.array([hour]), course(np.array([hour])) + 25)
    with monkeypatch.context() as broken:
        broken.setattr(verdicts, "add", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            world.monitor()
    kept = world.monitor().verdict
    world.readings(np.array([hour]), course(np.array([hour])))
    last = world.monitor().verdict
    assert [asked.action, kept.action, last.action] == ["retrain", "keep", "keep"]
    found = [v.report for v in (asked, kept, last)]
    assert found == [f"{looks.PREFIX}/{date}/{n}/index.html" for n in (1, 2, 3)]
    for verdict in (asked, kept, last):
        text = (world.root / "data" / str(verdict.report)).read_text()
        assert verdict.sentence_en in text
        assert world.bucket.get(str(verdict.report)).decode() == text
        charts = verdict is not kept
        assert ('href="quality.html"' in text) is charts
        there = world.bucket.listed(str(verdict.report).removesuffix("index.html"))
        assert any(key.endswith("quality.html") for key in there) is charts
    whole = (world.root / pages.FOLDER / "index.html").read_text()
    assert all(
        f"verdict {v.id} on model {world.version[:12]}" in whole for v in (asked, kept, last)
    )
    listed = (world.root / pages.FOLDER / date / "index.html").read_text()
    assert re.findall(r'href="(\d)/index.html"', listed) == ["3", "2", "1"]


def test_pages_from_before_looks_had_folders_stay(world: World) -> None:
    """A date whose index is the page of an older verdict keeps it; new looks are listed beside it."""
    world.live(20)
    first = world.monitor().verdict
    date = f"{first.as_of:%Y-%m-%d}"
    facts = {**vars(first), "report": f"{looks.PREFIX}/{date}/index.html"}
    verdicts.add(world.conn, facts, drifts=[], findings=[])
    old = world.root / pages.FOLDER / date / "index.html"
    old.write_text("the page of an older verdict")
    hour = 52 * 24
    world.readings(np.array([hour]), course(np.array([hour])) + 25)
    assert world.monitor().verdict.report == f"{looks.PREFIX}/{date}/2/index.html"
    assert old.read_text() == "the page of an older verdict"
    whole = (world.root / pages.FOLDER / "index.html").read_text()
    for name in (f"{date}/index.html", f"{date}/1/index.html", f"{date}/2/index.html"):
        assert f'href="{name}"' in whole


def test_a_bucket_away_delays_the_pages_alone(world: World) -> None:
    """Without S3 the verdict stands and its pages are here; the next run uploads them."""
    world.live(10)
    away = world.bucket
    world.bucket = type(away)("no-such-bucket", away.client)
    done = world.monitor()
    assert done.new
    world.bucket = away
    assert not world.monitor().new
    assert done.verdict.sentence_en in away.get(str(done.verdict.report)).decode()


def test_an_empty_target_is_not_testable(world: World) -> None:
    """A champion without any mature forecast, and a column without drift to test, stop nothing."""
    done = world.monitor()
    assert done.verdict.action == "keep"
    assert {tuple(d["statuses"]) for d in done.verdict.evidence["drifts"]} == {("not testable",)}
