"""A background process that answers at an address: noted in a file of the home, and found again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from horizonte.embedded import process, state
from horizonte.embedded.process import Identity


@dataclass(frozen=True)
class Running:
    """A process, told by pid and creation, and where it listens."""

    pid: int
    created: float
    url: str

    @property
    def identity(self) -> Identity:
        """Return what tells this process from a later one with the same pid."""
        return Identity(self.pid, self.created)


def note(path: Path, child: Identity, url: str) -> Running:
    """Note in ``path`` that ``child`` answers at ``url``; the file is never seen half-written."""
    found = Running(child.pid, child.created, url)
    state.replace_private(path, json.dumps(asdict(found)))
    return found


def noted(path: Path) -> Running | None:
    """Return the process noted in ``path`` if it still runs, else None."""
    try:
        found = Running(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return found if process.alive(found.identity) else None
