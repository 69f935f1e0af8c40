"""The workflow that retrains in CI: what it runs exists, by the names and options that it uses."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from horizonte.cli import app

ROOT = Path(__file__).parents[2]
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/retrain.yml").read_text())
STEPS: list[dict[str, Any]] = [
    step for step in WORKFLOW["jobs"]["retrain"]["steps"] if "run" in step
]
TEXT = "\n".join(step["run"] for step in STEPS)
CALLS = re.findall(r"\.venv/bin/horizonte ([^|>)\n]+)", TEXT)


@pytest.mark.parametrize("text", [step["run"] for step in STEPS])
def test_every_script_is_bash(text: str) -> None:
    """Each step's script is one that bash reads without a complaint."""
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("call", CALLS)
def test_the_command_line_takes_every_call(call: str) -> None:
    """Each ``horizonte`` command of the workflow exists, and takes the words that it is given."""
    name, *words = (re.sub(r"^\$number$", "7", word) for word in shlex.split(call))
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    with command.commands[name].make_context(name, words):
        pass


def test_it_retrains_and_tells() -> None:
    """The calls looked at above are those that ask, and that read the ledger."""
    assert {call.split()[0] for call in CALLS} == {"retrain", "retrainings"}


def test_make_has_every_target() -> None:
    """Each target that the workflow makes stands in the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    wanted = set(re.findall(r"^make (\w+)", TEXT, flags=re.MULTILINE))
    assert wanted
    assert wanted <= targets
