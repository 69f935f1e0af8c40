"""JupyterLab on the project: services up, right kernel, saving that leaves no output behind."""

from __future__ import annotations

import os
import subprocess
import sys

from horizonte import paths
from horizonte.embedded import services
from horizonte.errors import ServiceFault

CONFIG = "notebooks/.jupyter"


def run() -> None:
    """Start the embedded services, then JupyterLab on loopback until Ctrl-C; raise ServiceFault."""
    root = paths.project_root()
    services.up(("postgres", "s3"))
    env = os.environ | {"JUPYTER_CONFIG_DIR": str(root / CONFIG), "JUPYTER_NO_CONFIG": ""}
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={root}",
        "--ServerApp.ip=127.0.0.1",
        "--LabApp.default_url=/lab/tree/notebooks/README.md",
        *(["--allow-root"] if os.geteuid() == 0 else []),
        "--no-browser",
    ]
    done = subprocess.run(command, cwd=root, env=env, check=False)
    if done.returncode not in (0, 130):
        raise ServiceFault(
            "JupyterLab",
            f"exit code {done.returncode}",
            "running until Ctrl-C",
            "read its message above",
        )
