"""What CI runs to retrain, on fresh clones of a bare origin: all of it but setup and GitHub's own command."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from tests.conftest import ROOT
from tests.integration.retrain.conftest import Place, git

JOB = yaml.safe_load((ROOT / ".github/workflows/retrain.yml").read_text())["jobs"]["retrain"]
SHELL = {None: ["bash", "-e"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}
LEFT_OUT = "make setup"  # the environment that runs this is what it makes


@dataclass(frozen=True)
class Runner:
    """A clone of an origin, and the environment of a job on it."""

    checkout: Path
    env: dict[str, str]

    @classmethod
    def of(cls, place: Place, origin: Path, folder: Path, *, branch: str) -> Runner:
        """Return ``branch`` of ``origin``, cloned below ``folder``; git knows no name there."""
        checkout, tools = folder / "checkout", folder / "tools"
        tools.mkdir(parents=True)
        (tools / "gh").write_text("#!/bin/sh\n")  # GitHub cannot be had here
        (tools / "gh").chmod(0o755)
        git(folder, "clone", "--quiet", "--branch", branch, str(origin), str(checkout))
        (checkout / ".venv").symlink_to(sys.prefix)
        kept = {k: v for k, v in place.env.items() if not k.startswith(("HORIZONTE_", "GIT_"))}
        own = {
            "HOME": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "PATH": f"{tools}{os.pathsep}{place.env['PATH']}",
            "HORIZONTE_DATABASE": place.database(),
            "HORIZONTE_S3": place.bucket(),
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        }
        return cls(checkout, kept | own)

    def job(self, why: str) -> str:
        """Run every step as CI does and return the summary; fail with the step that fails."""
        for step in JOB["steps"]:
            if step.get("run", LEFT_OUT) != LEFT_OUT:
                done = subprocess.run(
                    [*SHELL[step.get("shell")], "-c", step["run"]],
                    cwd=self.checkout,
                    env=self.env | {"WHY": why},
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert done.returncode == 0, done.stdout + done.stderr
        return Path(self.env["GITHUB_STEP_SUMMARY"]).read_text()


@pytest.fixture
def origin(place: Place, tmp_path: Path) -> Path:
    """A bare repository with the project's branch."""
    bare = tmp_path / "origin.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch", "main", str(bare))
    git(place.root, "push", "--quiet", str(bare), "main")
    return bare


@pytest.mark.slow
def test_only_what_this_run_promoted_is_proposed(
    place: Place, origin: Path, tmp_path: Path
) -> None:
    """A promotion is pushed by the ledger's commit, with its table; a refusal pushes nothing, old or new."""
    won = Runner.of(place, origin, tmp_path / "won", branch="main")
    summary = won.job('"new" boiler; `true`')
    (branch,) = _branches(origin) - {"main"}
    detail = place.last("committed")
    assert git(origin, "rev-parse", branch) == detail["commit"]
    assert yaml.safe_load(git(origin, "show", f"{branch}:params.yaml"))["snapshot"]["recorded"]
    body = (won.checkout / "body.md").read_text()
    assert all(reason in body for reason in place.last("gated")["reasons"])
    assert detail["metrics"] in body
    assert '"new" boiler; `true`' in body
    assert summary.endswith(body)

    lost = Runner.of(place, origin, tmp_path / "lost", branch=branch)
    _longer_gate(lost.checkout)
    before = git(origin, "for-each-ref")
    assert "The champion stays" in lost.job("once more")
    assert place.last("refused")["why"].startswith("the champion has seen everything until")
    assert git(origin, "for-each-ref") == before


def _branches(origin: Path) -> set[str]:
    return set(git(origin, "for-each-ref", "--format=%(refname:short)", "refs/heads").split())


def _longer_gate(checkout: Path) -> None:
    """Ask for days that the champion has seen, in a commit that would be pushed with its branch."""
    path = checkout / "params.yaml"
    params = yaml.safe_load(path.read_text())
    params["loop"]["gate"]["days"] += 7
    path.write_text(yaml.safe_dump(params))
    git(checkout, "commit", "--quiet", "--all", "--message", "a longer gate")
