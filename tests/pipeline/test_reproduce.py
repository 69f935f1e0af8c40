"""The pipeline as DVC sees it: nothing to do twice, equal when forced, back from the bucket."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from tests.conftest import Project

from horizonte.pipeline import files

UP = "from horizonte.embedded import services; services.up()"


def test_second_run_has_nothing_to_do(project: Project) -> None:
    """After a run every stage is up to date."""
    assert "up to date" in project.run("dvc", "status")
    assert "Running stage" not in project.run("dvc", "repro")


@pytest.mark.slow
def test_forced_run_gives_an_equal_lock(project: Project) -> None:
    """Running every stage again gives the same dvc.lock, byte for byte."""
    before = (project.root / "dvc.lock").read_bytes()
    project.run("dvc", "repro", "--force")
    assert (project.root / "dvc.lock").read_bytes() == before


@pytest.mark.slow
def test_everything_comes_back_from_the_bucket(project: Project) -> None:
    """After push, without cache and outs, pull brings back every out."""
    subprocess.run([sys.executable, "-c", UP], cwd=project.root, env=project.env, check=True)
    project.run("dvc", "push")
    shutil.rmtree(project.root / ".dvc/cache")
    for folder in ("raw", "clean", "features", "evaluation"):
        for path in (project.root / "data" / folder).iterdir():
            if path.name not in (".gitignore", "metrics.json"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(project.root / files.MODEL)
    project.run("dvc", "pull")
    assert "up to date" in project.run("dvc", "status")


def test_plots_open_without_the_network(project: Project) -> None:
    """``dvc plots show`` writes a page with three plots that loads nothing from elsewhere."""
    project.run("dvc", "plots", "show", "-o", "shown")
    page = (project.root / "shown/index.html").read_text()
    assert page.count("vegaEmbed(") >= 3
    assert "cdn.jsdelivr.net/npm/vega@" not in page
    shutil.rmtree(project.root / "shown")


def test_metrics_are_shown(project: Project) -> None:
    """``dvc metrics show`` names our error and the naive's."""
    shown = project.run("dvc", "metrics", "show", "--json")
    assert "naive_mase" in shown
