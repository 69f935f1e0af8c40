"""Health as a browser gets it, compared with what the database holds; each red line has its cure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pandas as pd
import pytest
from psycopg.types.json import Jsonb
from tests.integration.web.conftest import END, facts, follow, hours, running, say, serve_model

from horizonte.embedded.endpoints import S3Settings
from horizonte.monitor.absence import Alarm
from horizonte.store import alarms, ledger, observations, retrainings, seen, series
from horizonte.store.connection import Connection, connect

Get = Callable[..., str]


@pytest.fixture(scope="module")
def web(
    database_url: str, bucket: S3Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """The web app beside a database and a bucket; broker and forecast service are away."""
    with connect(database_url) as conn:
        _fill(conn)
    env = {
        "HORIZONTE_DATABASE": database_url,
        "HORIZONTE_S3": bucket.url(),
        "HORIZONTE_MQTT": "mqtt://127.0.0.1:1",
        "HORIZONTE_WEB_SERVICE": "http://127.0.0.1:1",
    }
    with running(tmp_path_factory.mktemp("web"), **env) as client:
        yield client


@pytest.fixture
def conn(database_url: str) -> Iterator[Connection]:
    """A connection to the module's database."""
    with connect(database_url) as open_:
        yield open_


def _fill(conn: Connection) -> None:
    series.register(conn, facts("plant/load"))
    conn.execute("INSERT INTO source (name, clock, step_seconds) VALUES ('plant', 'wall', 3600)")
    batch = ledger.open_batch(conn, source="plant", kind="stream", name="test", sha256=None)
    ledger.close_batch(conn, batch, observations.append(conn, hours("plant/load", 3), batch=batch))
    conn.execute(
        """INSERT INTO dead_letter (ingest_batch_id, reason, fix)
           SELECT %s, 'no such unit', 'name a unit' FROM generate_series(1, 7)""",
        (batch.id,),
    )
    follow(conn)
    serve_model(conn)
    say(conn, "plant/load", END - pd.Timedelta(hours=1), 24)
    for process, minutes in (("host:1", 0), ("host:0", 50)):
        sample = (
            datetime.now(UTC) - timedelta(minutes=minutes),
            seen.SAMPLED,
            Jsonb({}),
            0.0,
            process,
        )
        conn.execute("INSERT INTO metric_sample VALUES (%s, %s, %s, %s, %s)", sample)
    told = Alarm("no readings", "plant", "Plant is silent.", "Plant está em silêncio.")
    alarms.update(conn, [told], names=["no readings"], over=lambda one: one)
    retrainings.request(conn, "retrain", why="the test asks", by="test")


def rows(text: str) -> dict[str, list[str]]:
    """The lines of every table by their first cell, the others without tags."""
    found = {}
    for line in re.findall(r"<tr>(<th scope=\"row\".*?)</tr>", text, re.S):
        cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line, re.S)
        plain = [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", cell)).strip() for cell in cells]
        found[plain[0]] = plain[1:]
    return found


def test_a_feed_says_when_its_newest_reading_could_be_known(page: Get, conn: Connection) -> None:
    """Months late by the clock of the wall: broken, with the instant that the ledger holds."""
    newest = conn.execute("SELECT max(newest_available_at) FROM ingest_batch").fetchone()
    assert newest is not None
    state, said, last, heard, cure = rows(page("/health?zone=utc"))["plant"]
    assert (state, heard) == ("broken", "–")
    assert "late" in said
    assert f"{newest[0]:%-m/%-d/%y}" in last
    assert "horizonte stream" in cure


def test_processes_are_known_by_their_samples(page: Get) -> None:
    """The one that sampled just now is well; the one that it outlived has ended, which is no fault."""
    found = rows(page("/health"))
    assert found["Process host:1"][0] == "well"
    assert found["Process host:0"][:2] == ["well", "Has ended; another serves."]


def test_the_issuer_is_known_by_its_lock(page: Get, conn: Connection) -> None:
    """Nobody issues, until somebody holds the lock of the one that does."""
    state, _, _, cure = rows(page("/health"))["Issuer of forecasts"]
    assert state == "broken"
    assert "horizonte serve" in cure
    conn.execute("SELECT pg_advisory_lock(%s)", (seen.ISSUER,))
    assert rows(page("/health"))["Issuer of forecasts"][0] == "well"


def test_what_waits_and_what_was_refused_is_said(page: Get) -> None:
    """Alarms in the reader's language, the queue of the worker, and the doctor's word on letters."""
    text = page("/health?lang=pt-BR")
    assert "Plant está em silêncio." in text
    found = rows(page("/health?lang=en"))
    assert "the test asks" in found["Retraining worker"][1]
    assert found["Monitoring"][3] == "Run horizonte monitor --every PT1H."
    assert "7 dead letters of plant in a day, most: no such unit" in found["dead letters"][1]


def test_a_forecast_that_is_late_is_named(page: Get, conn: Connection) -> None:
    """One from months ago is old; the line carries the instant from which it was made."""
    made = conn.execute("SELECT max(as_of) FROM forecast_run").fetchone()
    assert made is not None
    state, said, last, cure = rows(page("/health?zone=utc"))["plant/load"]
    assert (state, said) == ("look", "old forecast")
    assert f"{made[0]:%-m/%-d/%y}" in last
    assert "horizonte forecast" in cure


def test_each_line_that_is_not_well_has_its_cure(page: Get) -> None:
    """In both languages: broker, service, feed and all others say what mends them."""
    for lang, well in (("en", "well"), ("pt-BR", "bem")):
        found = rows(page(f"/health?lang={lang}"))
        ill = {what: cells for what, cells in found.items() if cells[0] != well}
        assert len(ill) >= 5
        assert not [what for what, cells in ill.items() if not cells[-1]]
    found = rows(page("/health?lang=en"))
    assert found["Broker"][0] == found["Forecast service"][0] == "broken"
    assert found["Database"][0] == found["Bucket"][0] == "well"
