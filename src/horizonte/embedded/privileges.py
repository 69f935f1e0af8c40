"""Which user PostgreSQL runs as: it refuses root, and its files should stay the caller's."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from horizonte.errors import ServiceFault

NOBODY = 65534
UNSHARE = ("unshare", "--user", f"--map-user={NOBODY}")
# Open to nobody, closed to strangers' plantings, and kept over a reboot.
OUTSIDE = Path("/var/lib/horizonte")


@dataclass(frozen=True)
class Runner:
    """How to run PostgreSQL's programs: a command prefix, and the owner its files need."""

    prefix: tuple[str, ...] = ()
    owner: int | None = None

    def argv(self, *command: str | Path) -> list[str]:
        """Return the command behind the prefix."""
        return [*self.prefix, *map(str, command)]

    def reaches(self, path: Path) -> bool:
        """Return whether that user can read and enter or execute ``path``."""
        return _succeeds(self.argv("sh", "-c", 'test -r "$0" && test -x "$0"', path))

    def give(self, path: Path) -> Path:
        """Hand ``path`` to the user PostgreSQL runs as, where that is not the caller."""
        if self.owner is not None:
            os.chown(path, self.owner, -1)
        return path


def runner_for(data: Path) -> Runner:
    """Return the runner for a data folder that exists: its owner decides.

    A folder of root's is reached by mapping root to an unprivileged id, one of another user's
    (made by a fallback, or by that user before root came) by becoming that user.
    """
    owner = data.stat().st_uid
    if owner == os.geteuid():
        return Runner(UNSHARE) if _needs_mapping() else Runner()
    return _becoming(owner)


def choose(home: Path, programs: Path) -> tuple[Runner, Path]:
    """Return the runner and the folder for a new cluster.

    In place whenever user namespaces are open or the caller is an ordinary user. Otherwise
    outside private folders, because no parent's mode is ever changed. Raises ServiceFault
    when root can become nobody by neither way.
    """
    if not _needs_mapping():
        return Runner(), home / "postgres"
    mapped = Runner(UNSHARE)
    if mapped.reaches(programs / "postgres") and mapped.reaches(home):
        return mapped, home / "postgres"
    runner = _becoming(NOBODY)
    if not _succeeds(runner.argv("true")):
        raise ServiceFault(
            "PostgreSQL as root",
            "no user namespaces, no setpriv",
            "possible here",
            "run as an ordinary user, or set HORIZONTE_DATABASE",
        )
    return runner, _outside(runner)


def readable_install(install: Path, runner: Runner, folder: Path) -> Path:
    """Return an installation the runner can execute: the package's own, or a copy of it."""
    if runner.reaches(install / "bin" / "postgres"):
        return install
    copy = folder / "install"
    if not copy.exists():
        draft = folder / f"install.{secrets.token_hex(4)}"
        shutil.copytree(install, draft, symlinks=True)
        for path in (draft, *draft.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        draft.rename(copy)
    return copy


def _outside(runner: Runner) -> Path:
    folder = OUTSIDE / secrets.token_hex(8)
    with contextlib.suppress(OSError):
        for new in (OUTSIDE, folder):
            if not new.exists():
                new.mkdir()
                new.chmod(0o755)  # whatever the caller's umask
    if runner.reaches(folder):
        return runner.give(folder)
    raise ServiceFault(
        "PostgreSQL's folder",
        str(OUTSIDE),
        "writable, and open to `nobody`",
        "run as an ordinary user, or set HORIZONTE_DATABASE",
    )


def _becoming(uid: int) -> Runner:
    try:
        group = pwd.getpwuid(uid).pw_gid
    except KeyError:
        group = uid
    flags = (f"--reuid={uid}", f"--regid={group}", "--clear-groups")
    return Runner(("setpriv", *flags), owner=uid)


def _needs_mapping() -> bool:
    # initdb also refuses a user id without a name, as containers often have.
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return True
    return os.geteuid() == 0


def _succeeds(argv: list[str]) -> bool:
    try:
        return subprocess.run(argv, capture_output=True, check=False, cwd="/").returncode == 0
    except FileNotFoundError:
        return False
