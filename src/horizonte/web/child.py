"""Work that is not done in the web process: in a child with limits and without secrets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

WAIT_SECONDS, MOST_WAITING = 10.0, 4  # for a place among the children
_BEGIN = """import os, resource, sys
for kind, most in (("CPU", int(sys.argv[1])), ("AS", int(sys.argv[2])), ("FSIZE", 1 << 30), ("CORE", 0)):
    resource.setrlimit(getattr(resource, "RLIMIT_" + kind), (most, most))
os.nice(5)
del sys.argv[1:3]
"""
READ = "from horizonte.web.reader import main; main()"
CLI = "from horizonte.cli import main; main()"


class Limits(NamedTuple):
    """What a child may take: seconds by the clock, seconds of processors, bytes of addresses."""

    wall: float
    cpu: int
    memory: int


class Busy(Exception):
    """No place among the children within WAIT_SECONDS, or too many who wait for one."""


class Failed(Exception):
    """A child that did not end well: killed for taking too much, or what it said last."""

    def __init__(self, why: str, *, killed: bool = False) -> None:
        super().__init__(why)
        self.why, self.killed = why, killed


class Children:
    """At most ``at_once`` children; ``stop`` ends those that run."""

    def __init__(self, at_once: int) -> None:
        """Begin without any."""
        self._places = threading.BoundedSemaphore(at_once)
        self._waiting = threading.BoundedSemaphore(MOST_WAITING + at_once)
        self._running: set[subprocess.Popen[bytes]] = set()

    def run(self, code: str, words: Sequence[str], *, folder: Path, limits: Limits) -> str:
        """Run ``code`` with ``words`` in ``folder`` and return its output; raise Busy or Failed.

        It knows neither settings nor keys of this process: no HORIZONTE_ variable is passed on.
        """
        with _place(self._waiting, 0.0), _place(self._places, WAIT_SECONDS):
            return self._run(code, words, folder, limits)

    def stop(self) -> None:
        """End every child."""
        for child in list(self._running):
            _kill(child)

    def _run(self, code: str, words: Sequence[str], folder: Path, limits: Limits) -> str:
        argv = [sys.executable, "-c", _BEGIN + code, str(limits.cpu), str(limits.memory), *words]
        child = subprocess.Popen(
            argv,
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._running.add(child)
        try:
            said, why = child.communicate(timeout=limits.wall)
        except subprocess.TimeoutExpired:
            raise Failed("time", killed=True) from None
        finally:
            _kill(child)
            child.communicate()
            self._running.discard(child)
        if child.returncode:
            last = why.decode(errors="replace").strip().splitlines()[-1:]
            raise Failed(" ".join(last)[:500], killed=child.returncode < 0 or _no_memory(why))
        return said.decode(errors="replace")


@contextmanager
def _place(places: threading.BoundedSemaphore, seconds: float) -> Iterator[None]:
    if not places.acquire(timeout=seconds):
        raise Busy
    try:
        yield
    finally:
        places.release()


def _no_memory(why: bytes) -> bool:
    return b"MemoryError" in why or b"malloc of size" in why or b"bad_alloc" in why


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End a child and what it has started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _environment(folder: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HORIZONTE_")}
    own = {
        "HORIZONTE_HOME": str(folder / "home"),
        "TMPDIR": str(folder),
        "MPLCONFIGDIR": str(folder),
    }
    return kept | own
