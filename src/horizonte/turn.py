"""One whole turn of the loop on the sample, in minutes: a change is planted, named, learnt and promoted.

Time is that of the recording: weeks pass as fast as they are played. All happens in a clone and a
home of its own, below the home.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml
from rich.console import Console

from horizonte import paths, stage
from horizonte.config import settings
from horizonte.replay import recording

SOURCE, TARGET = "vic", "vic/demand_mw"
START = pd.Timestamp("2014-08-01", tz="UTC")  # the first model knows what came before
CHANGE = START + pd.Timedelta(days=14)
HISTORY = pd.Timedelta(days=700)
END = START + pd.Timedelta(days=70)
MOVED = pd.Timedelta(hours=3)  # what is planted: the meter's clock is set wrong by so much
WEEK = pd.Timedelta(days=7)
SAMPLE = "data/sample/vic_demand_30min.csv"
READINGS = "data/turn.csv"
SMALL = {
    "features": {"test_days": 14, "selection_days": 56, "refit_every": "P56D", "tail": "P28D"},
    "train": {"families": ["naive", "linear"]},
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
    env = stage.environment(place / "home")
    stage.clone(paths.project_root(), project)
    _shrink(project)
    try:
        _first_model(project, env)
        _weeks(project, env)
        _look(project, env)
        if serve:
            stage.command(["serve"], project, env, check=False)
    finally:
        stage.command(["down"], project, env, check=False)


def _shrink(project: Path) -> None:
    """Make the clone small and quick: one source, two families; its past ends at START."""
    params = yaml.safe_load((project / paths.MARKER).read_text(encoding="utf-8"))
    params["snapshot"]["as_of"] = START.isoformat()
    for section, changes in SMALL.items():
        params[section] |= changes
    for part, changes in QUICK.items():
        params["loop"][part] |= changes
    (project / paths.MARKER).write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    found = recording.load(SOURCE, root=project)
    declared = yaml.safe_load((project / "sources.yaml").read_text(encoding="utf-8"))[SOURCE]
    (project / "sources.yaml").write_text(yaml.safe_dump({SOURCE: declared}), encoding="utf-8")
    names = {found.source.unique_id(key): key for key in found.source.series}
    wide = found.readings.pivot(index="ds", columns="unique_id", values="y")
    wide = wide[(wide.index >= START - HISTORY) & (wide.index < END)]
    late = wide.index >= CHANGE
    wide.loc[late, TARGET] = wide[TARGET].shift(freq=MOVED).reindex(wide.index)[late]
    _write(
        wide[wide.index < START].rename(columns=names), project / SAMPLE, found.source.timestamp[0]
    )
    _write(
        wide[wide.index >= START].rename(columns=names),
        project / READINGS,
        found.source.timestamp[0],
    )


def _write(wide: pd.DataFrame, path: Path, column: str) -> None:
    texts = pd.DatetimeIndex(wide.index).strftime("%Y-%m-%dT%H:%M:%SZ")
    wide.set_axis(pd.Index(texts, name=column), axis="index").to_csv(path)


def _first_model(project: Path, env: dict[str, str]) -> None:
    _says(f"Train a first model on {HISTORY.days} days of demand until {START:%d %B %Y}")
    stage.command(["up"], project, env)
    stage.run([sys.executable, "-m", "dvc", "repro", "--quiet"], project, env, named="dvc repro")
    name = ["-c", "user.name=Horizonte", "-c", "user.email=horizonte@localhost"]
    subprocess.run(
        ["git", *name, "commit", "--quiet", "--all", "-m", "First model"], cwd=project, check=True
    )
    stage.command(["publish", "--why", "first model"], project, env)


def _weeks(project: Path, env: dict[str, str]) -> None:
    hours = int(MOVED / pd.Timedelta(hours=1))
    _says(f"Weeks pass. On {CHANGE:%d %B} the meter's clock is set wrong by {hours} hours")
    at = START
    while at < END:
        upto = min(at + WEEK, END)
        out.print(f"[bold]  {at:%d %B} to {upto:%d %B}[/bold]: readings, and a forecast a day")
        module = [sys.executable, "-m", "horizonte.replay.days", READINGS, SOURCE]
        stage.run([*module, at.isoformat(), upto.isoformat()], project, env, named="a week of days")
        stage.command(["monitor"], project, env)
        stage.command(["retrain"], project, env)
        at = upto


def _look(project: Path, env: dict[str, str]) -> None:
    _says("What the ledger says")
    stage.command(["retrainings"], project, env)
    stage.command(["models", "history"], project, env)
    out.print(f"  reports   {(project / 'data/reports/monitoring/index.html').as_uri()}")
    out.print("  API       GET /verdicts, GET /retrainings, GET /models, at the address below")


def _says(text: str) -> None:
    out.print(f"\n[bold]▸ {text}[/bold]")
