"""Live readings on the sample: history moved to now, devices, consumer and forecasts, all at once.

Everything happens in a clone and a home of its own, below the home: parameters, lock, branch and
database of the user's own project are never touched.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import yaml
from rich.console import Console

from horizonte import clock, paths, sandbox
from horizonte.config import settings
from horizonte.errors import ServiceFault
from horizonte.replay import recording, shift

SOURCE = "vic"
HISTORY = pd.Timedelta("P400D")
PLAYED = pd.Timedelta("P2D")
RECORDING, PAST = "recording.csv", "history.csv"
out = Console(soft_wrap=True, highlight=False)


def run(*, speed: float = 600.0, seconds: float | None = None) -> None:
    """Show it all until Ctrl-C, or for ``seconds``; then stop every process that was started.

    Needs a trained model in ``data/models/model``: ServiceFault says how to get one.
    """
    root = paths.project_root()
    place = settings().home_folder() / "live"
    project = _clone(root, place / "project")
    start = _history(root, project)
    # The issuer that is started below is to be seen at work.
    env = sandbox.environment(place / "home") | {"HORIZONTE_ISSUE": "off"}
    try:
        for says, *command in (
            ("Start database, bucket and broker of its own", "up"),
            ("Load the history", "ingest", f"data/live/{PAST}", "--source", SOURCE),
            ("Make the trained model the champion", "publish", "--why", "live demonstration"),
            ("Issue the first forecasts", "forecast", "--only", SOURCE),
            ("Start the forecast service", "serve", "--detach"),
            ("Start the web app", "web", "--detach"),
        ):
            out.print(f"[bold]▸ {says}[/bold]")
            sandbox.command(command, project, env)
        _play(project, env, start=start, speed=speed, seconds=seconds)
    finally:
        sandbox.command(["down"], project, env, check=False)


def _play(
    project: Path, env: dict[str, str], *, start: pd.Timestamp, speed: float, seconds: float | None
) -> None:
    devices = ["replay", SOURCE, "--from", start.isoformat(), "--speed", str(speed)]
    watching = ["forecast", "--only", SOURCE, "--watch"]
    out.print("[bold]▸ Consume, forecast as readings arrive, and play the devices[/bold]")
    out.print(f"  {PLAYED.days} days of readings, {speed:g} times as fast; Ctrl-C stops it all")
    deadline = None if seconds is None else time.monotonic() + seconds
    with _background([["stream"], watching, devices], project, env) as running:
        try:
            while deadline is None or time.monotonic() < deadline:
                time.sleep(0.5)
                for process in running[:2]:  # the devices may come to their end
                    if process.poll() is not None:
                        raise ServiceFault(
                            "a background process",
                            f"exit code {process.returncode}",
                            "running",
                            "read its last lines above",
                        )
        except KeyboardInterrupt:
            out.print("stopping …")


def _clone(root: Path, project: Path) -> Path:
    """Return a fresh clone of the project's last commit, with the model that was trained here."""
    model = root / "data/models/model"
    if not model.is_dir():
        raise ServiceFault(
            "data/models/model", "absent", "there", "run `make demo` or `dvc repro` first"
        )
    sandbox.clone(root, project)
    shutil.copytree(model, project / "data/models/model")
    return project


def _history(root: Path, project: Path) -> pd.Timestamp:
    """Write the recording, moved to now, into the clone; return where the devices go on."""
    found = recording.load(SOURCE, root=root)
    moved = shift.to_now(found.readings, now=pd.Timestamp(clock.now()), step=found.step)
    start: pd.Timestamp = (moved["ds"].max() - PLAYED).floor(found.step)
    found = replace(found, readings=moved)
    folder = project / "data/live"
    folder.mkdir(parents=True)
    found.write(folder / RECORDING, since=start - HISTORY)
    found.write(folder / PAST, since=start - HISTORY, until=start)
    declared = yaml.safe_load((root / "sources.yaml").read_text(encoding="utf-8"))[SOURCE]
    own = {SOURCE: declared | {"files": f"data/live/{RECORDING}"}}
    (project / "sources.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
    return start


@contextmanager
def _background(
    commands: list[list[str]], project: Path, env: dict[str, str]
) -> Iterator[list[subprocess.Popen[bytes]]]:
    running: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            argv = [sys.executable, "-c", sandbox.CLI, *command]
            # A session of its own: Ctrl-C reaches us first, and we stop them in order.
            running.append(subprocess.Popen(argv, cwd=project, env=env, start_new_session=True))
        yield running
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
