"""Absences in a real database, and an address that is told of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
from prometheus_client import REGISTRY
from tests.integration.loop.world import HOUR, World, eventually

from horizonte import config
from horizonte.doctor import stored
from horizonte.errors import ConfigFault
from horizonte.retrain import aftermath
from horizonte.serve import alarms as watching
from horizonte.serve import webhook
from horizonte.serve.recorder import Recorder
from horizonte.store import alarms, gains, ledger, promotions, retrainings
from horizonte.store.connection import Connection, connect

# Evidently's own imports warn; the world's monitoring reads it.
pytestmark = pytest.mark.filterwarnings("ignore")

SECRET = "no word of it"
NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=2)


@dataclass
class Receiver:
    """An HTTP server that keeps what it is told; ``answers`` are its next statuses, then 204."""

    url: str = ""
    told: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    @property
    def ids(self) -> list[int]:
        """The numbers of the changes that it was told of, in order."""
        return [json.loads(body)["id"] for _, body in self.told]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = kept.answers.pop(0) if kept.answers else 204
            if status < 300:
                kept.told.append((dict(self.headers), body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if status == 302:
                self.send_header("Location", kept.url + "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def home(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> Iterator[Path]:
    """A home whose settings name the receiver."""
    monkeypatch.setenv("HORIZONTE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HORIZONTE_DATABASE", database_url)
    monkeypatch.setenv("HORIZONTE_WEBHOOK", receiver.url)
    monkeypatch.setenv("HORIZONTE_WEBHOOK_SECRET", SECRET)
    config.settings.cache_clear()
    yield tmp_path / "home"
    monkeypatch.undo()
    config.settings.cache_clear()


@pytest.fixture
def silent(store: Connection, declare: Callable[..., None], load: Callable[..., object]) -> str:
    """An hourly source on a wall clock whose last reading has just come."""
    declare("w", source="w")
    ledger.register_source(store, "w", clock="wall", step_seconds=3600)
    hour = pd.Timestamp(NOW).floor("h")
    rows = [{"unique_id": "w", "ds": hour - n * HOUR, "y": float(n)} for n in range(1, 6)]
    load(pd.DataFrame(rows), source="w", arrival=hour)
    return "w"


def names(conn: Connection) -> list[tuple[str, str]]:
    return [(row.name, row.thing) for row in alarms.raised(conn)]


def test_a_silent_source_is_raised_once_and_cleared(store: Connection, silent: str) -> None:
    """Looked at twice it is one row; heard of again it is cleared, and says what is over."""
    assert watching.look(store, now=NOW) == []
    [row] = watching.look(store, now=NOW + timedelta(hours=5))
    assert (row.name, row.thing, row.state) == ("no readings", silent, "raised")
    assert watching.look(store, now=NOW + timedelta(hours=6)) == []
    assert names(store) == [("no readings", silent)]
    shown = {"name": "no readings", "thing": silent}
    assert REGISTRY.get_sample_value("horizonte_alarm", shown) == 1
    [over] = watching.look(store, now=NOW)
    assert over.state == "cleared"
    assert over.sentence_en == f"Over: {row.sentence_en}"
    assert over.sentence_pt == f"Encerrado: {row.sentence_pt}"
    assert REGISTRY.get_sample_value("horizonte_alarm", shown) is None


def test_a_champion_without_forecasts_and_monitoring(world: World) -> None:
    """What was promoted and neither forecasts nor is watched raises both; when it does, neither."""
    world.live(5, say=False)
    watching.look(world.conn, now=LATER)
    assert names(world.conn) == [("no forecast", world.name), ("monitor not run", "monitor")]
    world.live(1)
    world.monitor()
    changed = watching.look(world.conn, now=LATER)
    assert {(row.name, row.state) for row in changed} == {
        ("monitor not run", "cleared"),
        ("no forecast", "cleared"),
    }


def test_a_failed_retraining_stays_until_another_ends(world: World) -> None:
    """The last end counts: failed raises, refused clears."""
    run = "INSERT INTO retrain_run (action, why, requested_by) VALUES ('retrain', '', '') RETURNING id"
    step = "INSERT INTO retrain_step (run_id, step, detail) VALUES (%s, %s, '{}')"
    [[number]] = world.conn.execute(run).fetchall()
    world.conn.execute(step, (number, "failed"))
    watching.look(world.conn, now=NOW)
    assert ("retraining failed", str(number)) in names(world.conn)
    [[number]] = world.conn.execute(run).fetchall()
    world.conn.execute(step, (number, "refused"))
    watching.look(world.conn, now=NOW)
    assert not [n for n, _ in names(world.conn) if n == "retraining failed"]


def test_a_request_without_a_worker_is_told(store: Connection) -> None:
    """Hours after it was asked for alarm, metric and doctor name it; taken up it is over."""
    number = retrainings.request(store, "retrain", why="the test asks", by="test")
    found = list(stored.retraining(NOW, store))
    assert [(row.state, "the test asks" in row.seen) for row in found] == [("ok", True)]
    watching.look(store, now=LATER)
    shown = {"name": "retraining waits", "thing": str(number)}
    assert names(store) == [("retraining waits", str(number))]
    assert REGISTRY.get_sample_value("horizonte_alarm", shown) == 1
    [late] = stored.retraining(LATER, store)
    assert (late.state, late.fix) == ("warning", "run `horizonte retrain --watch`")
    retrainings.record(store, number, "refused", {"why": "the test is over"})
    watching.look(store, now=LATER)
    assert names(store) == []
    assert [row.seen for row in stored.retraining(LATER, store)] == ["nothing waits"]


def test_a_model_that_harmed_is_told_until_a_week_after_it_was_taken_back(world: World) -> None:
    """While it serves it is called worse; taken back, both models are named, for a week."""
    conn, worse = world.conn, f"worse than {world.version}"
    promotions.register_model(
        conn, worse, uri="s3://none/", card={"data_as_of": NOW.isoformat(), "series": []}
    )
    promoted = promotions.promote(conn, worse, "second", by="test")
    found = {"days": 7, "gain": -0.4, "low": -0.5, "high": -0.3, "said": "harmed"}
    gains.add(conn, promoted.id, as_of=pd.Timestamp(NOW), found=found, evidence={})
    watching.look(conn, now=NOW)
    assert names(conn) == [("retraining harmed", worse[:12])]
    back = aftermath.revert_if_harmed(conn)
    assert back is not None
    changed = {row.name: row for row in watching.look(conn, now=back.recorded_at)}
    assert changed["retraining harmed"].state == "cleared"
    told = changed["retraining reverted"]
    assert (told.state, told.thing) == ("raised", worse[:12])
    assert f"{world.version[:12]} serves again" in told.sentence_en
    assert f"{world.version[:12]} serve de novo" in told.sentence_pt
    [over] = [
        row
        for row in watching.look(conn, now=back.recorded_at + timedelta(days=8))
        if row.name == "retraining reverted"
    ]
    assert over.state == "cleared"


def test_the_webhook_is_told_of_each_change_once(
    store: Connection, silent: str, home: Path, receiver: Receiver
) -> None:
    """Raised and cleared, in order, each once, with a signature that the receiver can check."""
    watching.look(store, now=LATER)
    assert webhook.deliver(store) == 1
    assert webhook.deliver(store) == 0
    watching.look(store, now=NOW)
    assert webhook.deliver(store) == 1
    said = [json.loads(body) for _, body in receiver.told]
    assert [(m["name"], m["thing"], m["state"]) for m in said] == [
        ("no readings", silent, "raised"),
        ("no readings", silent, "cleared"),
    ]
    assert said[0]["sentence_pt"].startswith("A fonte w")
    assert said[1]["sentence_pt"] == f"Encerrado: {said[0]['sentence_pt']}"
    for headers, body in receiver.told:
        assert headers[webhook.SIGNATURE] == webhook.signature(body, SECRET)
    assert len({headers[webhook.DELIVERY] for headers, _ in receiver.told}) == 2


def test_an_address_that_fails_is_told_later_in_order(
    store: Connection, silent: str, home: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """Refused it is tried again, then left for the next look; nothing is lost, nor its order."""
    caplog.set_level("INFO")
    watching.look(store, now=LATER)
    receiver.answers = [500, 503, 302]
    assert webhook.deliver(store, wait=lambda _: None) == 0
    watching.look(store, now=NOW)
    receiver.answers = [500]
    assert webhook.deliver(store, wait=lambda _: None) == 2
    assert receiver.ids == [row.id for row in alarms.after(store, 0)]
    assert "not told" in caplog.text
    assert SECRET not in caplog.text
    assert receiver.url not in caplog.text


def test_killed_after_telling_it_is_told_again(
    store: Connection, silent: str, home: Path, receiver: Receiver
) -> None:
    """Where the note of a delivery was not kept, the same number comes again, and no other is lost."""
    watching.look(store, now=LATER)
    webhook.deliver(store)
    kept = next((home / "alarms").iterdir())
    kept.write_text("0")
    webhook.deliver(store)
    assert receiver.ids[0] == receiver.ids[1]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "http://", "host:80"])
def test_only_web_addresses(
    store: Connection, home: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """Any other URL is refused before anything is sent, naming the setting."""
    monkeypatch.setenv("HORIZONTE_WEBHOOK", url)
    config.settings.cache_clear()
    with pytest.raises(ConfigFault, match="HORIZONTE_WEBHOOK"):
        webhook.deliver(store)


def test_the_watchman_looks_and_tells(
    silent: str, home: Path, receiver: Receiver, database_url: str
) -> None:
    """Beside the issuer, without a monitoring, an absence is noted and told; then it ends."""
    watchman = watching.Watchman(lambda: connect(database_url), now=lambda: LATER)
    watchman.start()
    eventually(lambda: bool(receiver.told))
    watchman.stop()
    assert json.loads(receiver.told[0][1])["thing"] == silent


def test_the_service_shows_what_the_ledger_says(
    store: Connection, silent: str, database_url: str
) -> None:
    """Its recorder reads the raised alarms beside writing samples, whoever raised them."""
    shown = {"name": "no readings", "thing": silent}
    recorder = Recorder("test", now=lambda: NOW)
    recorder.start(lambda: connect(database_url), every=0.5)
    watching.look(store, now=LATER)
    watching.show([])
    eventually(lambda: REGISTRY.get_sample_value("horizonte_alarm", shown) == 1)
    recorder.stop()


def test_the_doctor_shows_alarms_and_that_nobody_monitors(
    store: Connection, silent: str, home: Path
) -> None:
    """A home that was never monitored is told so, and every raised alarm with its sentence."""
    watching.look(store, now=LATER)
    found = list(stored.monitoring(store))
    assert [row.part for row in found] == ["monitoring", "alarm of w"]
    assert found[0].seen == "it was never run"
    assert found[0].fix == "run `horizonte monitor`"
    assert "no readings" in found[1].seen
