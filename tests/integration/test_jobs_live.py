"""The commands of live readings as a person types them, in a project and home of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from horizonte import paths
from horizonte.embedded import process
from horizonte.ingest.intake import Intake, Message
from horizonte.ingest.sources import load_sources
from horizonte.store.connection import connect

CLI = "from horizonte.cli import main; main()"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one live source, on this module's database."""
    (tmp_path / paths.MARKER).write_text((paths.project_root() / paths.MARKER).read_text())
    declared = {"plant": {"freq": "PT1H", "new_series": 5, "topics": [{"topic": "plant/+"}]}}
    (tmp_path / "sources.yaml").write_text(json.dumps(declared))
    monkeypatch.setenv("HORIZONTE_DATABASE", database_url)
    monkeypatch.setenv("HORIZONTE_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def run(project: Path) -> Run:
    """Runs a command in the project and returns what it said."""

    def command(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-c", CLI, *words]
        done = subprocess.run(argv, cwd=project, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return done

    return command


def test_a_refused_message_is_listed_exported_and_replayed(
    project: Path, run: Run, database_url: str
) -> None:
    """From the letter to the stored reading by three commands and one corrected line."""
    body = b'{"reading": 7.5, "ts": "2026-01-01T00:00:00Z"}'
    with connect(database_url) as conn:
        intake = Intake(load_sources(project / "sources.yaml").values())
        intake.commit(conn, [Message("plant/a", body, 1_767_225_600 * 10**9)])
    assert "no value" in run("dead-letters", "list").stdout
    assert "1 dead letters written" in run("dead-letters", "export", "out.csv").stdout
    text = (project / "sources.yaml").read_text()
    (project / "sources.yaml").write_text(
        text.replace('"plant/+"', '"plant/+", "value": "reading"')
    )
    assert "1 replayed (1 new" in run("dead-letters", "replay").stdout
    said = run("annotate", "plant/a", "2026-01-01T00:00Z", "2026-01-01T02:00Z").stdout
    assert "1 added" in said
    with connect(database_url) as conn:
        found = conn.execute("SELECT y_raw, quality FROM prepared.observation").fetchall()
    assert found == [(7.5, "ignored")]
    said = run("annotate", "plant/a", "2026-01-01T00:00Z", "2026-01-01T02:00Z", "--withdraw").stdout
    assert "0 added, 1 withdrawn" in said
    with connect(database_url) as conn:
        found = conn.execute("SELECT y, quality FROM prepared.observation").fetchall()
    assert found == [(7.5, "ok")]


def test_another_unit_is_noted_and_taken_back(run: Run, project: Path, database_url: str) -> None:
    """Factor and offset are options; without an end the note holds for what comes."""
    with connect(database_url) as conn:
        intake = Intake(load_sources(project / "sources.yaml").values())
        body = b'{"value": 50, "timestamp": "2026-01-01T00:00:00Z"}'
        intake.commit(conn, [Message("plant/f", body, 1_767_225_600 * 10**9)])
    unit = ("--kind", "unit_changed", "--factor", "0.5", "--offset", "-16")
    assert "1 added" in run("annotate", "plant/f", "2026-01-01T00:00Z", *unit).stdout
    query = "SELECT y, y_raw, quality FROM prepared.observation WHERE unique_id = 'plant/f'"
    with connect(database_url) as conn:
        assert conn.execute(query).fetchall() == [(9.0, 50.0, "ok")]
    refused = run("annotate", "plant/f", "2026-01-01T00:00Z", "--kind", "unit_changed", code=1)
    assert "no factor; give the factor that leads back" in refused.stderr
    back = ("--kind", "unit_changed", "--withdraw")
    assert "1 withdrawn" in run("annotate", "plant/f", "2026-01-01T00:00Z", *back).stdout
    with connect(database_url) as conn:
        assert conn.execute(query).fetchall() == [(50.0, 50.0, "ok")]


def test_a_pull_on_an_interval_serves_its_metrics(project: Path) -> None:
    """It prints an address; /metrics counts the failed pulls, /livez answers, doctor lists it."""
    port = process.free_ports(1)[0]  # nobody answers there
    endpoint = {"url": f"http://127.0.0.1:{port}/d", "value": "y", "timestamp": "t", "series": "a"}
    declared = {"api": {"freq": "PT1H", "series": {"a": {}}, "endpoint": endpoint}}
    (project / "sources.yaml").write_text(json.dumps(declared))
    argv = [sys.executable, "-u", "-c", CLI, "pull", "api", "--watch"]
    with subprocess.Popen(argv, cwd=project, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        url = child.stdout.readline().split("metrics at ")[1].strip()
        with urlopen(url, timeout=5) as answer:  # noqa: S310 (loopback)
            assert "horizonte_pull_received_total 0.0" in answer.read().decode()
        with urlopen(url.replace("metrics", "livez"), timeout=5) as answer:  # noqa: S310
            assert answer.read() == b"ok\n"
        argv = [sys.executable, "-c", CLI, "doctor"]
        done = subprocess.run(argv, cwd=project, capture_output=True, text=True, check=False)
        assert "pull api: ok" in done.stdout
        child.kill()


def test_a_note_on_an_unknown_series_is_refused_with_a_way_out(run: Run) -> None:
    """The exit code says that something was refused, the text what and why."""
    done = run("annotate", "plant/nope", "2026-01-01T00:00Z", "2026-01-01T02:00Z", code=1)
    assert "plant/nope" in done.stdout + done.stderr


def test_a_fault_of_another_form_is_refused(run: Run) -> None:
    """A fault is KIND=SHARE."""
    assert "KIND=SHARE" in run("replay", "plant", "--fault", "duplicates", code=1).stderr
