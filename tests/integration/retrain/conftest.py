"""A small project under git with a champion, in services of its own, that retrains in seconds."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest
import yaml
from tests.conftest import ROOT, Project, environment, fill, stopped

CLI = "from horizonte.cli import main; main()"
PIN = "2014-11-05T00:00:00Z"  # of the champion
END = "2014-12-08"  # of the readings: before days that are like no other


def git(root: Path, *arguments: str) -> str:
    """Return what git says in ``root``."""
    done = subprocess.run(
        ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@t", *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@cache
def _endpoint(root: Path, env: tuple[tuple[str, str], ...], part: str) -> str:
    said = f"from horizonte.embedded import services; print(services.endpoints().{part})"
    argv = [sys.executable, "-c", said]
    return subprocess.run(
        argv, cwd=root, env=dict(env), capture_output=True, text=True, check=True
    ).stdout.strip()


class Place(Project):
    """The project, and commands of its command line."""

    def command(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run ``horizonte`` with ``words``."""
        done = subprocess.run(
            [sys.executable, "-c", CLI, *words],
            cwd=self.root,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def start(self, *words: str, alone: bool = False) -> subprocess.Popen[bytes]:
        """Start ``horizonte`` with ``words``; ``alone`` in a process group of its own."""
        argv = [sys.executable, "-c", CLI, *words]
        return subprocess.Popen(argv, cwd=self.root, env=self.env, start_new_session=alone)

    def connect(self) -> psycopg.Connection:
        """Return a connection to the project's database."""
        return psycopg.connect(self.database(), autocommit=True)

    def database(self) -> str:
        """Return the address of the project's database."""
        return _endpoint(self.root, tuple(sorted(self.env.items())), "database")

    def bucket(self) -> str:
        """Return the address of the project's bucket, with its keys."""
        return _endpoint(self.root, tuple(sorted(self.env.items())), "s3.url()")

    def champion(self) -> str:
        """Return the version that serves."""
        with self.connect() as conn:
            row = conn.execute("SELECT sha256 FROM promotion ORDER BY id DESC LIMIT 1").fetchone()
        assert row is not None
        return str(row[0])

    def steps(self, run: int) -> list[str]:
        """Return the steps of a request, in order."""
        with self.connect() as conn:
            rows = conn.execute(
                "SELECT step FROM retrain_step WHERE run_id = %s ORDER BY id", (run,)
            ).fetchall()
        return [step for (step,) in rows]

    def last(self, step: str) -> dict[str, Any]:
        """Return the newest detail of ``step``, of whatever request."""
        with self.connect() as conn:
            row = conn.execute(
                "SELECT detail FROM retrain_step WHERE step = %s ORDER BY id DESC LIMIT 1", (step,)
            ).fetchone()
        assert row is not None
        return dict(row[0])

    def ask(self, why: str) -> int:
        """Queue a retraining."""
        with self.connect() as conn:
            row = conn.execute(
                """INSERT INTO retrain_run (action, why, requested_by)
                   VALUES ('retrain', %s, 'test') RETURNING id""",
                (why,),
            ).fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A project whose champion knows only the naives, and whose next commit knows more."""
    root = tmp_path_factory.mktemp("retrained")
    made = Place(root, environment(root, site=tmp_path_factory.mktemp("site")))
    fill(root)
    (root / "data/reports").mkdir(exist_ok=True)
    shutil.copy(ROOT / "data/reports/.gitignore", root / "data/reports/.gitignore")
    _only_demand(root)
    _params(root, as_of=PIN, families=["naive"])
    git(root, "init", "--quiet", "--initial-branch", "main")
    with stopped(made):
        made.command("up")
        made.run("dvc", "repro")
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--message", "first")
        made.command("publish", "--why", "first model")
        _params(root, as_of=PIN, families=["naive", "linear"])
        git(root, "commit", "--quiet", "--all", "--message", "more families")
        yield made


def _only_demand(root: Path) -> None:
    declared = yaml.safe_load((root / "sources.yaml").read_text())
    (root / "sources.yaml").write_text(yaml.safe_dump({"vic": declared["vic"]}))
    sample = root / "data/sample/vic_demand_30min.csv"
    rows = pd.read_csv(sample, dtype=str)
    rows[rows["timestamp"] < END].to_csv(sample, index=False)


def _params(root: Path, *, as_of: str, families: list[str]) -> None:
    path = root / "params.yaml"
    params = yaml.safe_load(path.read_text())
    params["snapshot"]["as_of"] = as_of
    params["train"]["families"] = families
    params["loop"]["gate"] |= {"days": 21, "gain": 0.0, "alpha": 0.45, "coverage": 0.3}
    path.write_text(yaml.safe_dump(params, sort_keys=False))
