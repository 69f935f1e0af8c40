"""Monitoring as a process: on an interval, measured, ended by SIGTERM."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys

import httpx
import pytest
from tests.integration.loop.world import World, eventually

from horizonte.embedded.endpoints import S3Settings
from horizonte.store import evaluations, verdicts

RUN = [sys.executable, "-W", "ignore", "-c", "from horizonte.cli import main; main()"]
pytestmark = pytest.mark.slow


@pytest.fixture
def env(world: World, database_url: str, bucket: S3Settings) -> dict[str, str]:
    """The environment of a process that monitors the world."""
    return os.environ | {
        "HORIZONTE_HOME": str(world.root / "home"),
        "HORIZONTE_DATABASE": database_url,
        "HORIZONTE_S3": bucket.url(),
        "DO_NOT_TRACK": "1",
    }


def test_killed_anywhere_the_next_run_does_it_whole(world: World, env: dict[str, str]) -> None:
    """After kills at many moments there is one verdict, one request and each score once."""
    world.live(28)
    world.live(28, shift=30.0)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for tenths in range(20, 140, 20):
        with subprocess.Popen([*RUN, "monitor"], cwd=world.root, env=env, **quiet) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=tenths / 10)
            process.kill()
    done = [*RUN, "monitor"]
    eventually(
        lambda: subprocess.run(done, cwd=world.root, env=env, check=False, **quiet).returncode == 0
    )
    assert (world.count("verdict"), world.count("retrain_run")) == (1, 1)
    scores = evaluations.read(world.conn, world.version)
    assert len(scores) > 0
    assert not scores.duplicated(["model", "unique_id", "bucket", "starts_at"]).any()


def test_on_an_interval_until_sigterm(world: World, env: dict[str, str]) -> None:
    """It monitors at once, serves metrics and liveness, and ends in order when it is told to."""
    world.live(10)
    command = [*RUN, "monitor", "--every", "PT1H"]
    with subprocess.Popen(
        command,
        cwd=world.root,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        found = re.search(r"(http://127\.0\.0\.1:\d+)/metrics", first)
        assert found, first
        assert process.stdout.readline().startswith("verdict 1: keep")
        for line in process.stdout:
            if line.startswith("pages:"):
                break
        assert httpx.get(f"{found[1]}/livez").text == "ok\n"
        assert "horizonte_monitor_runs_total 1.0" in httpx.get(f"{found[1]}/metrics").text
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert verdicts.latest(world.conn, world.version) is not None
