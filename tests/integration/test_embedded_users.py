"""The embedded services as whoever starts them: root without user namespaces, an ordinary user."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from horizonte.embedded import cluster, privileges, services, state

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="changing the user needs root")


def test_without_user_namespaces_it_runs_as_nobody(
    tmp_path: Path, enter: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where root cannot unshare and the package is private, a copy outside runs as nobody."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    shutil.copytree(cluster.install(), private / "pginstall", symlinks=True)
    monkeypatch.setattr(cluster, "install", lambda: private / "pginstall")
    _stub(tmp_path / "bin" / "unshare", "exit 1", monkeypatch)
    home = enter(tmp_path / "home")
    try:
        found = services.up(["postgres"], link_project=False)
        assert cluster.place(home).parent == privileges.OUTSIDE
        assert psutil.Process(_pid(home)).uids().real == privileges.NOBODY
        os.kill(_pid(home), signal.SIGKILL)
        assert services.up(["postgres"], link_project=False) == found
        assert services.down() == ["postgres"]
    finally:
        if cluster.place(home).parent == privileges.OUTSIDE:
            shutil.rmtree(cluster.place(home))
    assert private.stat().st_mode & 0o777 == 0o700


def test_an_ordinary_user_needs_nothing() -> None:
    """A user without any privilege starts, heals and stops all in a private folder."""
    python = next((path for path in (sys.executable, "/usr/bin/python3") if _runs_here(path)), None)
    if python is None:
        pytest.skip("`nobody` cannot read this environment")
    own = Path(tempfile.mkdtemp(dir="/var/tmp"))  # pytest's own is below a folder of root's
    os.chown(own, privileges.NOBODY, -1)
    code = f"""
import os, pathlib
from horizonte.embedded import services, state
services.up(link_project=False)
os.kill(state.read(pathlib.Path("{own}"))["postgres"].pid, 9)
services.up(link_project=False)
print(*services.down())"""
    try:
        done = _as_nobody(python, code, HORIZONTE_HOME=str(own))
        assert done.stdout.split() == list(services.NAMES), done.stderr
        assert own.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(own)


def _runs_here(python: str) -> bool:
    code = "import psycopg, horizonte.embedded.services"
    # setpriv can start what the user, and so the broker's process, could not.
    again = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], check=True)"
    return _as_nobody(python, again).returncode == 0


def _as_nobody(python: str, code: str, **env: str) -> subprocess.CompletedProcess[str]:
    flags = (f"--reuid={privileges.NOBODY}", "--regid=nogroup", "--clear-groups")
    seen = os.pathsep.join([str(ROOT / "src"), *(p for p in sys.path if "site-packages" in p)])
    return subprocess.run(
        ["setpriv", *flags, python, "-c", code],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": seen, **env},
        cwd="/",
        text=True,
        capture_output=True,
        check=False,
    )


def _stub(path: Path, body: str, patch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    patch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")


def _pid(home: Path) -> int:
    pid = state.read(home)["postgres"].pid
    assert pid
    return pid
