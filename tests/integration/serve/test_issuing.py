"""Live forecasts: issued once when something new is known, of what it touches, by one process."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
from tests.integration.serve.conftest import END, World

from horizonte import config
from horizonte.embedded import process
from horizonte.embedded.endpoints import S3Settings
from horizonte.retrain.publish import publish
from horizonte.serve import champion, freshness, issuer_process, issuing, predict, vintages
from horizonte.serve.champion import Champion
from horizonte.serve.issuer_process import Keeper
from horizonte.serve.rehearsal import Rehearsals
from horizonte.store import annotations, forecasts, ledger, promotions
from horizonte.store.connection import Connection, connect

TARGETS = ["plant/load", "site/a", "site/b"]
Load = Callable[[Connection, pd.DataFrame], ledger.Counts]


@pytest.fixture(scope="module")
def served(model: Path) -> Champion:
    return champion.load(model)


def correct(conn: Connection, load: Load, unique_id: str, value: float) -> None:
    """Correct one old reading: the clock stands, only what is known of the series changes."""
    ds = END - pd.Timedelta(days=2)
    load(conn, pd.DataFrame({"unique_id": [unique_id], "ds": [ds], "y": [value]}))


def issued(conn: Connection) -> dict[str, int]:
    """Live vintages by series."""
    return dict(
        conn.execute(
            "SELECT unique_id, count(*) FROM vintage WHERE purpose = 'live' GROUP BY 1"
        ).fetchall()
    )


def test_what_is_known_is_issued_once(private: Connection, served: Champion) -> None:
    """The first pass issues every target, the second nothing."""
    assert issuing.issue(private, served) == {"plant": 1, "site": 2}
    assert issuing.issue(private, served) == {}
    assert issued(private) == dict.fromkeys(TARGETS, 1)


@pytest.mark.parametrize(
    ("changed", "affected"),
    [
        ("site/b", ["site/b"]),
        ("site/temperature", ["site/a"]),
        ("plant/load", ["plant/load"]),
    ],
)
def test_a_correction_touches_its_own_target_and_those_that_read_it(
    private: Connection, load: Load, served: Champion, changed: str, affected: list[str]
) -> None:
    """Of its own series, or of a covariate: those targets are issued, and no other."""
    issuing.issue(private, served)
    before = issued(private)
    correct(private, load, changed, 123.0)
    issuing.issue(private, served)
    now = issued(private)
    assert [name for name in TARGETS if now[name] > before[name]] == affected


def test_a_note_touches_its_own_target(private: Connection, served: Champion) -> None:
    """What people say of a series makes its forecast anew, and no other."""
    issuing.issue(private, served)
    before = issued(private)
    at = END - pd.Timedelta(days=3)
    note: dict[str, Any] = {
        "unique_id": "site/b",
        "starts_at": at,
        "ends_at": at + pd.Timedelta(hours=5),
        "kind": "ignore",
        "note": "test",
        "available_at": at,
        "withdrawn": False,
    }
    annotations.add(private, pd.DataFrame([note]))
    issuing.issue(private, served)
    assert [name for name in TARGETS if issued(private)[name] > before[name]] == ["site/b"]


def test_a_source_whose_clock_moved_is_issued_whole(
    private: Connection, load: Load, world: World, served: Champion
) -> None:
    """New readings move the clock of their source: its targets are issued, the others not."""
    issuing.issue(private, served)
    load(private, world.until("site", END - pd.Timedelta(hours=23)))
    assert issuing.issue(private, served) == {"site": 2}


def test_what_was_rehearsed_is_stored_unless_more_is_known(
    private: Connection, load: Load, served: Champion, variant: Callable[[str], Path]
) -> None:
    """A model at hand forecasts before its turn; then these very rows are issued, once.

    What a correction has made void since is forecast anew.
    """
    other = champion.load(variant("rehearsed"))
    issuing.issue(private, served)
    rehearsals = Rehearsals()
    rehearsals.turn(private, [other], serving=served.version)
    assert issued(private) == dict.fromkeys(TARGETS, 1)
    ready = rehearsals.of(other.version)
    correct(private, load, "site/b", 123.0)
    assert set(vintages.holding(private, ready)) == {"plant/load", "site/a"}
    assert issuing.settle(private, other, ready) == {"plant": 1, "site": 1}
    assert issuing.issue(private, other) == {"site": 1}
    assert issuing.settle(private, other, ready) == {}
    found = forecasts.latest(private, TARGETS)
    assert {v.model_version for v in found.values()} == {other.version}
    made = predict.forecast(private, other, unique_ids=TARGETS, now=found["site/a"].issued_at)
    for one in made:
        assert found[one.unique_id].rows.equals(one.rows)


def test_another_champion_issues_all(
    private: Connection, served: Champion, variant: Callable[[str], Path]
) -> None:
    """By another version every target is issued; back again, again."""
    other = champion.load(variant("other"))
    issuing.issue(private, served)
    assert issuing.issue(private, other) == {"plant": 1, "site": 2}
    assert issuing.issue(private, served) == {"plant": 1, "site": 2}


def test_who_computes_for_too_long_is_not_waited_for(
    private: Connection, served: Champion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that hangs with the lock stops no other."""
    monkeypatch.setattr(vintages, "PATIENCE", "50ms")
    dsn = private.info
    where = f"postgresql://{dsn.user}:{dsn.password}@{dsn.host}:{dsn.port}/{dsn.dbname}"
    with connect(where) as hanging:
        hanging.execute("SELECT pg_advisory_lock(%s)", (vintages.LOCK,))
        assert issuing.issue(private, served) == {"plant": 1, "site": 2}


def test_freshness_follows(private: Connection, load: Load, served: Champion) -> None:
    """Without a forecast a target is late; with one it is up to date, until more is known."""
    found, known = issuing.standing(private, TARGETS)
    assert [f.age for f in freshness.late(freshness.fresh(found, known, served.version))] == (
        [None] * 3
    )
    issuing.issue(private, served)
    found, known = issuing.standing(private, TARGETS)
    rows = freshness.fresh(found, known, served.version)
    assert all(f.up_to_date and f.age == pd.Timedelta(0) for f in rows)
    correct(private, load, "site/b", 77.0)
    found, known = issuing.standing(private, TARGETS)
    rows = freshness.fresh(found, known, served.version)
    assert [f.unique_id for f in rows if not f.up_to_date] == ["site/b"]
    assert freshness.late(rows) == []


@pytest.fixture
def installed(
    private: Connection,
    bucket: S3Settings,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Connection]:
    """A home on the private database, with a champion; its issuer is stopped afterwards."""
    dsn = private.info
    where = f"postgresql://{dsn.user}:{dsn.password}@{dsn.host}:{dsn.port}/{dsn.dbname}"
    monkeypatch.setenv("HORIZONTE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HORIZONTE_DATABASE", where)
    monkeypatch.setenv("HORIZONTE_S3", bucket.url())
    config.settings.cache_clear()
    publish(private, model, s3=bucket, why="issued by")
    yield private
    issuer_process.stop()
    config.settings.cache_clear()


def test_killed_it_is_started_again_and_goes_on(installed: Connection, load: Load) -> None:
    """The service's keeper notices a kill -9 by the id; nothing is issued twice or passed over."""
    keeper = Keeper()
    keeper.start()
    try:
        eventually(lambda: issued(installed) == dict.fromkeys(TARGETS, 1))
        first = issuer_process.running()
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)
        correct(installed, load, "site/b", 5.0)
        eventually(lambda: issued(installed)["site/b"] == 2)
        again = issuer_process.running()
        assert again is not None
        assert again.pid != first.pid
        assert issued(installed) == {"plant/load": 1, "site/a": 1, "site/b": 2}
    finally:
        keeper.stop()
    assert not psutil.pid_exists(again.pid) or not process.alive(again.identity)


def test_one_issues_and_the_next_takes_over(installed: Connection, load: Load) -> None:
    """With another at work a second issuer waits; when that is killed, it issues."""
    first = issuer_process.start()
    eventually(lambda: issued(installed) == dict.fromkeys(TARGETS, 1))
    stop = threading.Event()
    second = threading.Thread(target=issuer_process.run, args=(stop,))
    second.start()
    try:
        correct(installed, load, "site/b", 6.0)
        eventually(lambda: issued(installed)["site/b"] == 2)
        os.kill(first.pid, signal.SIGKILL)
        correct(installed, load, "site/b", 7.0)
        eventually(lambda: issued(installed)["site/b"] == 3)
        assert issued(installed) == {"plant/load": 1, "site/a": 1, "site/b": 3}
    finally:
        stop.set()
        second.join()


def test_a_new_champion_is_issued_by_a_running_issuer(
    installed: Connection, bucket: S3Settings, variant: Callable[[str], Path]
) -> None:
    """Promotion alone is enough: every target's newest live vintage becomes the new version's."""
    issuer_process.start()
    eventually(lambda: issued(installed) == dict.fromkeys(TARGETS, 1))
    version = publish(installed, variant("next"), s3=bucket, why="next")

    def by() -> set[str | None]:
        return {s.model_version for s in issuing.standing(installed, TARGETS)[0]}

    eventually(lambda: by() == {version})
    assert promotions.current_promotion(installed) is not None
    assert issued(installed) == dict.fromkeys(TARGETS, 2)


def eventually(condition: Callable[[], object]) -> None:
    """Wait for what must come, however slow the machine is."""
    assert process.wait_until(lambda: bool(condition()), seconds=120)
