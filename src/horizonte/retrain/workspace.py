"""The worker's own clone of the project: trained and committed there, never in a user's tree."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil
from ruamel.yaml import YAML

from horizonte import paths
from horizonte.config import settings
from horizonte.embedded import services
from horizonte.embedded.dvc import point_remote
from horizonte.errors import Fault, ServiceFault, StoreFault

AUTHOR = ("Horizonte", "horizonte@localhost")  # where the project names nobody
MARK = "HORIZONTE_WORKSPACE"  # in the environment of every process that works for one
SAID = 4_000  # characters kept of what a failed command said last


@dataclass(frozen=True)
class Workspace:
    """A clone of ``root`` at ``base``, in ``folder``; it shares the cache of ``root``."""

    root: Path
    folder: Path
    base: str

    @classmethod
    def at(cls, root: Path, number: int, base: str) -> Workspace:
        """Return the workspace of request ``number``; nothing is made yet."""
        folder = settings().home_folder() / "retrain" / str(number)
        return cls(root, folder, base)

    @property
    def model(self) -> Path:
        """Return where training leaves the model folder."""
        return self.folder / "data/models/model"

    def take_up(self) -> None:
        """Free the clone of a worker that was killed: what it left running is ended, then unlocked.

        Only who holds the turn may: nobody else works there then. The project's own locks stay.
        """
        _end_strays(self.folder)
        # Those of dvc end with its process, unless core.hardlink_lock is set.
        for left in (*self.folder.glob(".git/**/*.lock"), *self.folder.glob(".dvc/tmp/*lock")):
            left.unlink(missing_ok=True)

    def make(self) -> None:
        """Clone afresh."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        # Through the pack, not by hard links: nothing here may reach the user's repository.
        clone = ["clone", "--quiet", "--no-hardlinks", "--no-checkout", ".", str(self.folder)]
        git(self.root, *clone, env=self._mark)
        self._git("checkout", "--quiet", "--detach", self.base)
        (self.folder / ".dvc").mkdir(exist_ok=True)
        point_remote(self.folder, services.endpoints().s3)
        self._run([*_DVC, "cache", "dir", "--local", str(_cache(self.root))], ServiceFault)

    def pin(
        self, as_of: datetime, recorded: str | None, *, changed: Mapping[str, str] | None = None
    ) -> None:
        """Write the pin into ``params.yaml``; every other character of it stays."""
        path = self.folder / paths.MARKER
        yaml = YAML()
        yaml.preserve_quotes, yaml.width = True, 4096
        yaml.representer.add_representer(
            type(None), lambda to, _: to.represent_scalar("tag:yaml.org,2002:null", "null")
        )
        content = yaml.load(path.read_text(encoding="utf-8"))
        content["snapshot"] |= {"as_of": as_of.isoformat(), "recorded": recorded}
        if changed or content["snapshot"].get("changed"):
            content["snapshot"]["changed"] = dict(changed or {})
        with path.open("w", encoding="utf-8") as file:
            yaml.dump(content, file)

    def train(self) -> None:
        """Run ``dvc repro`` with the clone's own code; raise ServiceFault with its last words."""
        self._run([*_DVC, "repro"], ServiceFault)

    def push(self) -> None:
        """Put data and models into the bucket; raise StoreFault where it does not take them."""
        self._run([*_DVC, "push"], StoreFault)

    def metrics(self) -> str:
        """Return the table of metrics that changed against ``base``, as Markdown."""
        return self._run([*_DVC, "metrics", "diff", "--md", self.base], ServiceFault)

    def commit(self, message: str, *, at: datetime) -> str:
        """Commit every tracked change as of ``at`` and return its hash: the same each time."""
        self._git("reset", "--quiet", "--soft", self.base)  # committed, then killed
        self._git("add", "--update")
        date = f"{int(at.timestamp())} +0000"
        env = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        self._git(*_author(self.root), "commit", "--quiet", "--message", message, env=env)
        return self._git("rev-parse", "HEAD")

    def offer(self, branch: str) -> bool:
        """Put the commit on ``branch`` of the project; false where it cannot: checked out, moved on."""
        try:  # unmarked: ended half way, it would leave a lock in the project
            git(self.folder, "push", "--quiet", str(self.root), f"HEAD:refs/heads/{branch}")
        except ServiceFault:
            return False
        return True

    def offered(self, commit: str | None) -> bool:
        """Return whether the project has ``commit``; one made elsewhere went with its checkout."""
        try:
            git(self.root, "cat-file", "-e", f"{commit}^{{commit}}")
        except ServiceFault:
            return False
        return True

    def remove(self) -> None:
        """Delete the clone; the cache and what was committed stay."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _mark(self) -> dict[str, str]:
        return {MARK: str(self.folder)}

    def _git(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        return git(self.folder, *arguments, env={**(env or {}), **self._mark})

    def _run(self, command: Sequence[str], fault: type[Fault]) -> str:
        return run(command, self.folder, fault=fault, env=_environment(self.folder))


_DVC = (sys.executable, "-m", "dvc")


def git(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Return what ``git`` says in ``folder``; raise ServiceFault with its last words."""
    return run(["git", *arguments], folder, fault=ServiceFault, env={**os.environ, **(env or {})})


def run(command: Sequence[str], folder: Path, *, fault: type[Fault], env: Mapping[str, str]) -> str:
    """Return what ``command`` prints; raise ``fault`` with its last words when it fails."""
    done = subprocess.run(command, cwd=folder, env=env, check=False, capture_output=True, text=True)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-SAID:]
        name = " ".join(Path(part).name if "/" in part else part for part in command[:5])
        raise fault(name, f"exit code {done.returncode}", "a success", f"it said: {said}")
    return done.stdout.strip()


def _environment(folder: Path) -> dict[str, str]:
    """Return the environment in which the clone's own code runs, on the home of this process."""
    own = {
        "HORIZONTE_HOME": str(settings().home_folder()),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        # Before the installed package, which may be a work tree with changes nobody committed.
        "PYTHONPATH": str(folder / "src"),
        MARK: str(folder),
    }
    return {**os.environ, **own}


def _cache(root: Path) -> Path:
    said = run([*_DVC, "cache", "dir"], root, fault=ServiceFault, env=_environment(root))
    return (root / said).resolve()


def _author(root: Path) -> list[str]:
    known = subprocess.run(
        ["git", "config", "user.email"], cwd=root, check=False, capture_output=True
    )
    if known.returncode == 0:
        return []
    name, mail = AUTHOR
    return ["-c", f"user.name={name}", "-c", f"user.email={mail}"]


def _end_strays(folder: Path) -> None:
    """End what a killed worker started for ``folder``: it goes on with nobody waiting for it."""
    strays = [p for p in psutil.process_iter() if _works_for(p, folder)]
    for process in strays:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(strays, timeout=10)


def _works_for(process: psutil.Process, folder: Path) -> bool:
    try:
        return bool(process.environ().get(MARK) == str(folder))
    except (psutil.Error, OSError):
        return False
