"""The state file of a home: ports, credentials and processes, readable by its owner only."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from horizonte.embedded.process import Identity
from horizonte.errors import ServiceFault

LOCK_SECONDS = 180.0


@dataclass(frozen=True)
class Record:
    """What is kept about one service; ``ports[0]`` is the one that clients use.

    ``target`` is the database or bucket; ``settled`` says that the data at rest know the
    credentials.
    """

    ports: tuple[int, ...]
    user: str
    secret: str = field(repr=False)
    target: str
    settled: bool = False
    pid: int | None = None
    created: float | None = None

    @property
    def identity(self) -> Identity | None:
        """The process that was started last, or None after a clean stop."""
        if self.pid is None or self.created is None:
            return None
        return Identity(self.pid, self.created)


def read(home: Path) -> dict[str, Record]:
    """Return the records by service name, none when nothing was ever started.

    Raises ServiceFault when the file cannot be read or understood.
    """
    path = home / "services.json"
    try:
        return {
            name: Record(**{**row, "ports": tuple(row["ports"])})
            for name, row in json.loads(path.read_text()).items()
        }
    except FileNotFoundError:
        return {}
    except PermissionError:
        raise ServiceFault(
            "services.json",
            str(path),
            "readable by this user",
            "run as the user who started the services, or set HORIZONTE_HOME",
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ServiceFault(
            "services.json",
            str(path),
            "a state file of this version",
            "delete it and run `horizonte up`: data are kept",
        ) from None


def write(home: Path, records: Mapping[str, Record]) -> None:
    """Replace the state file in one step; it is never seen half-written or world-readable."""
    rows = {name: asdict(record) for name, record in records.items()}
    replace_private(home / "services.json", json.dumps(rows, indent=1))


def replace_private(path: Path, text: str) -> None:
    """Replace a file in one step by one that only its owner can read."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600, exist_ok=False)
    draft.write_text(text)
    draft.replace(path)


@contextlib.contextmanager
def lock(home: Path, *, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the home alone; the kernel lets go of it when the holder dies.

    Raises ServiceFault when the home cannot be made or another process keeps it too long.
    """
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(home / "services.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ServiceFault(
            "home folder",
            str(home),
            f"a folder to write in ({error.strerror})",
            "set HORIZONTE_HOME to a folder of your own",
        ) from None
    try:
        _acquire(handle, home, time.monotonic() + seconds)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, home: Path, deadline: float) -> None:
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ServiceFault(
                    "home folder",
                    str(home),
                    "free (another start holds it)",
                    "wait for it, or end that process",
                ) from None
            time.sleep(0.05)
