"""One whole turn of the loop on the sample, in minutes: a change is planted, named, learnt and promoted.

Time is that of the recording: weeks pass as fast as they are played. All happens in a clone and a
home of its own, below the home.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import yaml
from rich.console import Console

from horizonte import paths, sandbox
from horizonte.config import settings
from horizonte.replay import recording

SOURCE, SERIES = "pedestrian", "Southern Cross Station"
START = pd.Timestamp("2016-08-01", tz="UTC")  # the first model knows what came before
CHANGE = START + pd.Timedelta(days=14)
HISTORY = pd.Timedelta(days=560)
END = START + pd.Timedelta(days=63)
MOVED = pd.Timedelta(hours=-4)  # what is planted: the counter's clock is set back by so much
WEEK = pd.Timedelta(days=7)
SAMPLE = "data/sample/pedestrian_hourly.csv.gz"
READINGS = "data/turn.csv"
SMALL = {
    "features": {"test_days": 14, "selection_days": 56, "refit_every": "P56D", "tail": "P28D"},
    "train": {"families": ["naive", "linear", "statistical"]},
    "report": {"drift_window": "P14D"},
}
QUICK = {
    "brakes": {"min_age": "P7D", "cool_down": "P7D"},
    "gate": {"days": 14},
}
out = Console(soft_wrap=True, highlight=False)


def run(*, serve: bool = True) -> None:
    """Show it all; the service then answers until Ctrl-C. Everything stops at the end."""
    place = settings().home_folder() / "turn"
    project = place / "project"
    env = sandbox.environment(place / "home")
    _clear(place, env)
    sandbox.clone(paths.project_root(), project)
    _shrink(project)
    try:
        _first_model(project, env)
        _weeks(project, env)
        _look(project, env)
        if serve:
            sandbox.command(["serve"], project, env, check=False)
    finally:
        sandbox.command(["down"], project, env, check=False)


def _clear(place: Path, env: dict[str, str]) -> None:
    """Begin from nothing: what an earlier turn stored lies in the future of this one."""
    if (place / "project").exists():
        sandbox.command(["down"], place / "project", env, check=False)
    shutil.rmtree(place / "home", ignore_errors=True)


def _shrink(project: Path) -> None:
    """Make the clone small and quick: one series, three families; its past ends at START."""
    params = yaml.safe_load((project / paths.MARKER).read_text(encoding="utf-8"))
    params["snapshot"]["as_of"] = START.isoformat()
    for section, changes in SMALL.items():
        params[section] |= changes
    for part, changes in QUICK.items():
        params["loop"][part] |= changes
    (project / paths.MARKER).write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    found = recording.load(SOURCE, root=project)
    declared = yaml.safe_load((project / "sources.yaml").read_text(encoding="utf-8"))[SOURCE]
    declared |= {"files": SAMPLE, "series": {SERIES: declared["series"][SERIES]}}
    (project / "sources.yaml").write_text(yaml.safe_dump({SOURCE: declared}), encoding="utf-8")
    own = found.readings["unique_id"] == found.source.unique_id(SERIES)
    found = replace(found, readings=_planted(found.readings[own]))
    found.write(project / SAMPLE, since=START - HISTORY, until=START)
    found.write(project / READINGS, since=START, until=END)


def _planted(readings: pd.DataFrame) -> pd.DataFrame:
    """Return ``readings`` with the times after CHANGE moved on by MOVED."""
    before = readings["ds"] < CHANGE
    moved = readings.assign(ds=lambda rows: rows["ds"] + MOVED)
    return pd.concat([readings[before], moved[moved["ds"] >= CHANGE]], ignore_index=True)


def _first_model(project: Path, env: dict[str, str]) -> None:
    _says(
        f"Train a first model on {HISTORY.days} days of people counted at a station until {START:%d %B %Y}"
    )
    sandbox.command(["up"], project, env)
    sandbox.run([sys.executable, "-m", "dvc", "repro", "--quiet"], project, env, named="dvc repro")
    name = ["-c", "user.name=Horizonte", "-c", "user.email=horizonte@localhost"]
    subprocess.run(
        ["git", *name, "commit", "--quiet", "--all", "-m", "First model"], cwd=project, check=True
    )
    sandbox.command(["publish", "--why", "first model"], project, env)


def _weeks(project: Path, env: dict[str, str]) -> None:
    hours = int(-MOVED / pd.Timedelta(hours=1))
    _says(f"Weeks pass. On {CHANGE:%d %B} the counter's clock is set back by {hours} hours")
    at = START
    while at < END:
        upto = min(at + WEEK, END)
        out.print(f"[bold]  {at:%d %B} to {upto:%d %B}[/bold]: readings, and a forecast a day")
        module = [sys.executable, "-m", "horizonte.replay.days", READINGS, SOURCE]
        sandbox.run(
            [*module, at.isoformat(), upto.isoformat()], project, env, named="a week of days"
        )
        sandbox.command(["monitor"], project, env)
        sandbox.command(["retrain"], project, env)
        at = upto


def _look(project: Path, env: dict[str, str]) -> None:
    _says("What the ledger says")
    sandbox.command(["retrainings"], project, env)
    sandbox.command(["models", "history"], project, env)
    out.print(f"  reports   {(project / 'data/reports/monitoring/index.html').as_uri()}")
    out.print("  API       GET /verdicts, GET /retrainings, GET /models, at the address below")


def _says(text: str) -> None:
    out.print(f"\n[bold]▸ {text}[/bold]")
