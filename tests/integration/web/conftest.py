"""The web app as the process that people start, on a small database of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from tests.series import declared

from horizonte.contracts import QUANTILE_COLUMNS
from horizonte.embedded import process
from horizonte.params import Rules
from horizonte.store import forecasts, prepared, promotions
from horizonte.store.connection import Connection

ROOT = Path(__file__).parents[3]
MAIN = "from horizonte.cli import main; main()"
END = pd.Timestamp("2026-01-15", tz="UTC")  # of the readings, exclusive
RULES = Rules(impute_up_to="PT2H", flatline_after=None, spike_window="P3D", spike_mads=None)
MODEL = "m" * 64
SOURCES = """\
plant:
  freq: PT1H
  zone: America/Sao_Paulo
  topics: [{topic: plant/+}]
  series: {load: {unit: MW}}
"""


def hours(name: str, days: float, *, end: pd.Timestamp = END) -> pd.DataFrame:
    """Hourly readings of ``name`` up to ``end``: the hour's number of its day, plus 100."""
    ds = pd.date_range(end=end - pd.Timedelta(hours=1), periods=int(24 * days), freq="h")
    return pd.DataFrame({"unique_id": name, "ds": ds, "y": 100.0 + ds.hour})


def say(conn: Connection, name: str, cutoff: pd.Timestamp, steps: int, **facts: Any) -> int:
    """Store a live vintage of ``steps`` hours: mean 50, quantiles 10 apart around it."""
    ds = [cutoff + pd.Timedelta(hours=n + 1) for n in range(steps)]
    frame = pd.DataFrame({"unique_id": name, "ds": ds, "mean": facts.pop("mean", 50.0)})
    for place, column in enumerate(QUANTILE_COLUMNS):
        frame[column] = frame["mean"] + 10.0 * (place - 3)
    issued = (cutoff + pd.Timedelta(hours=1)).to_pydatetime()
    plain: dict[str, Any] = {"purpose": "live", "model_version": MODEL, "issued_at": issued}
    run = forecasts.Run(
        as_of=cutoff + pd.Timedelta(hours=1), cutoffs={name: cutoff}, **plain | facts
    )
    return forecasts.issue(conn, run, frame)


def follow(conn: Connection) -> None:
    """Clean what was loaded."""
    assert not prepared.follow(conn, RULES).failed


def serve_model(conn: Connection) -> None:
    """Register and promote a model version that says nothing."""
    promotions.register_model(conn, MODEL, uri="s3://none", card={"data_as_of": END.isoformat()})
    promotions.promote(conn, MODEL, why="the test's champion", by="test")


def facts(*names: str, **changed: Any) -> pd.DataFrame:
    """The rows of hourly targets of the plant."""
    return declared(*names, **{"source": "plant"} | changed)


@contextmanager
def beside(folder: Path, *, database: str, service: str) -> Iterator[httpx.Client]:
    """Run the web app beside a forecast service; its broker is away."""
    env = {"DATABASE": database, "WEB_SERVICE": service, "MQTT": "mqtt://127.0.0.1:1"}
    with running(folder, **{f"HORIZONTE_{name}": value for name, value in env.items()}) as client:
        yield client


@contextmanager
def running(folder: Path, **env: str) -> Iterator[httpx.Client]:
    """Run ``horizonte web`` in ``folder``; a client of it, until the process has ended."""
    (port,) = process.free_ports(1)
    (folder / "sources.yaml").write_text(SOURCES)
    (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    whole = {**os.environ, "HORIZONTE_HOME": str(folder / "home"), "HORIZONTE_WEB_PORT": str(port)}
    with (folder / "web.log").open("wb") as log:
        argv = [sys.executable, "-c", MAIN, "web"]
        child = subprocess.Popen(argv, cwd=folder, env=whole | env, stdout=log, stderr=log)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
        try:
            assert process.wait_until(lambda: _alive(client), seconds=40), _log(folder)
            yield client
        finally:
            child.send_signal(signal.SIGTERM)
            assert child.wait(30) in (0, -signal.SIGTERM), _log(folder)


@pytest.fixture(scope="module")
def web(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The web app on the module's database; its broker is away."""
    folder = tmp_path_factory.mktemp("web")
    broker = "mqtt://127.0.0.1:1"
    with running(folder, HORIZONTE_DATABASE=database_url, HORIZONTE_MQTT=broker) as client:
        yield client


@pytest.fixture(autouse=True)
def _forgetful(web: httpx.Client) -> None:
    """Every test begins as a browser without cookies."""
    web.cookies.clear()


@pytest.fixture
def page(web: httpx.Client) -> Callable[..., str]:
    """Get a page, which must be there, as text."""

    def get(path: str, **headers: str) -> str:
        answer = web.get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.text

    return get


def _alive(client: httpx.Client) -> bool:
    try:
        return client.get("/livez").status_code == 200
    except httpx.TransportError:
        return False


def _log(folder: Path) -> str:
    return (folder / "web.log").read_text(errors="replace")
