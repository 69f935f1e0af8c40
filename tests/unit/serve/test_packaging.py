"""What the bento installs: a part of the lock, and all that the service imports."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[3]
PINNED = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==(\S+)", re.MULTILINE)
# Everything is imported while packages that a bento does not install are hidden.
SERVED = """
import importlib, importlib.abc, pkgutil, sys

class Hide(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(name)

HIDDEN = set(sys.argv[1:])
sys.meta_path.insert(0, Hide())
import horizonte.model, horizonte.serve
for package in (horizonte.serve, horizonte.model):
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(found.name)
"""


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _pinned(name: str) -> dict[str, str]:
    found = PINNED.findall((ROOT / f"requirements/{name}.txt").read_text())
    return {_plain(package): version for package, version in found}


def test_what_serves_is_a_part_of_the_lock() -> None:
    """Every package that a bento installs has the version that was tested here."""
    assert _pinned("serve").items() <= _pinned("lock").items()


def test_the_service_needs_nothing_else() -> None:
    """Every module of the service and of the model families imports from that part alone."""
    served = _pinned("serve").keys() | {"horizonte"}
    hidden = [
        module
        for module, owners in packages_distributions().items()
        if module != "_distutils_hack" and not served & {_plain(owner) for owner in owners}
    ]
    assert {"dvc", "evidently", "papermill", "jupyterlab"} <= set(hidden)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SERVED, *hidden],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
