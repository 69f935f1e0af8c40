"""A small project on which the whole pipeline really ran, for the tests that look at its results."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml

from horizonte import config
from horizonte.embedded import services

ROOT = Path(__file__).parents[1]
DAYS = 150
SMALL = {
    "features": {"test_days": 6, "selection_days": 24, "refit_every": "P30D", "tail": "P28D"},
    "train": {"families": ["naive", "linear"]},
    "report": {"drift_window": "P7D"},
}


@dataclass(frozen=True)
class Project:
    """A folder with a pipeline, and the environment that its commands run in."""

    root: Path
    env: Mapping[str, str]

    def run(self, *command: str) -> str:
        """Return the output of a command run in the project; fail with it when it fails."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.root,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A small project, reproduced once for the session; look at it, do not change it."""
    root = tmp_path_factory.mktemp("project")
    made = Project(root, environment(root, site=root / ".site"))
    fill(root)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    with stopped(made):
        made.run("dvc", "repro")
        yield made


def environment(root: Path, *, site: Path) -> dict[str, str]:
    """Return the environment of a project at ``root`` with services and caches of its own."""
    env = {k: v for k, v in os.environ.items() if k not in ("HORIZONTE_DATABASE", "HORIZONTE_S3")}
    return env | {
        "HORIZONTE_HOME": str(root / ".horizonte"),
        "DVC_SITE_CACHE_DIR": str(site),
        "DVC_NO_ANALYTICS": "1",
        "DO_NOT_TRACK": "1",
        "ITERATIVE_DO_NOT_TRACK": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


@contextmanager
def stopped(project: Project) -> Iterator[None]:
    """Stop the services of ``project`` at the end."""
    try:
        yield
    finally:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HORIZONTE_HOME", project.env["HORIZONTE_HOME"])
            config.settings.cache_clear()
            services.down()
        config.settings.cache_clear()


def fill(root: Path) -> None:
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, root / name)
    for name in ("src", "notebooks"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc/config", root / ".dvc/config")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    for section, changes in SMALL.items():
        params[section] |= changes
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    sources = yaml.safe_load((ROOT / "sources.yaml").read_text())
    del sources["mast"]
    (root / "sources.yaml").write_text(yaml.safe_dump(sources))
    _sample(root / "data/sample")


def _sample(folder: Path) -> None:
    """Write the last months of two of the sample's sources, and what else ``deps`` names."""
    folder.mkdir(parents=True)
    sample = ROOT / "data/sample"
    demand = pd.read_csv(sample / "vic_demand_30min.csv", dtype=str)
    demand.tail(DAYS * 48).to_csv(folder / "vic_demand_30min.csv", index=False)
    people = pd.read_excel(sample / "pedestrian_hourly.xlsx", dtype=object)
    people.tail(DAYS * 24).to_excel(folder / "pedestrian_hourly.xlsx", index=False)
    for name in ("mast_10min.csv.gz", "mast_fault_labels.csv"):
        shutil.copy(sample / name, folder / name)
