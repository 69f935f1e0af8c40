"""A place of its own for a demonstration: a clone and a home, so that nothing of the user's is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from horizonte.errors import ServiceFault

CLI = "from horizonte.cli import main; main()"


def clone(root: Path, project: Path) -> None:
    """Clone the last commit of ``root`` to ``project``, in place of what is there."""
    shutil.rmtree(project, ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", str(root), str(project)], check=True)


def environment(home: Path) -> dict[str, str]:
    """Return the environment of commands whose services live in ``home``."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("HORIZONTE_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', '')}"
    return env | {"HORIZONTE_HOME": str(home), "HORIZONTE_PORT": "0", "PATH": path}


def command(
    words: Sequence[str], project: Path, env: dict[str, str], *, check: bool = True
) -> None:
    """Run ``horizonte`` with ``words``; raise ServiceFault when it fails and ``check`` is set."""
    run(
        [sys.executable, "-c", CLI, *words],
        project,
        env,
        named=f"horizonte {' '.join(words)}",
        check=check,
    )


def run(
    argv: Sequence[str], project: Path, env: dict[str, str], *, named: str, check: bool = True
) -> None:
    """Run a command whose output people see; raise ServiceFault, as ``named``, when it fails."""
    done = subprocess.run(argv, cwd=project, env=env, check=False)
    if check and done.returncode:
        raise ServiceFault(
            named, f"exit code {done.returncode}", "a success", "read what it says above"
        )
