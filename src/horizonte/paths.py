"""Where things live in the work tree and under ``HORIZONTE_HOME``."""

from __future__ import annotations

import subprocess
from pathlib import Path

from horizonte.errors import ConfigFault

MARKER = "params.yaml"


def project_root(start: Path | None = None) -> Path:
    """Return the nearest folder at or above ``start`` that holds ``params.yaml``.

    Raises ConfigFault when there is none, naming where the search began.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / MARKER).is_file():
            return folder
    raise ConfigFault(
        "project folder",
        str(here),
        f"inside a folder with {MARKER}",
        "change into your Horizonte project",
    )


def main_work_tree(root: Path) -> Path:
    """Return the main work tree of ``root``'s repository, or ``root`` outside git.

    Linked work trees share one home; separate clones do not.
    """
    answer = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--path-format=absolute", "--git-common-dir"],
        capture_output=True,
        text=True,
        check=False,
    )
    common = Path(answer.stdout.strip()) if answer.returncode == 0 else None
    return common.parent if common and common.name == ".git" else root
