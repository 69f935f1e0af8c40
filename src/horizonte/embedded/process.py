"""Detached processes that are known by (pid, creation time), so a reused pid is never ours."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import Signals as Signal

import psutil

LOOPBACK = "127.0.0.1"
# Below the usual ephemeral range, so that no outgoing connection takes a port while we are down.
PORTS = range(15_000, 32_000)
LOG_BYTES = 10_000_000
# The kernel's boot time, on which creation times rest, is in whole seconds and can flip.
CLOCK_JITTER = 2.0

# What we started and have not reaped: a long-lived parent leaves no zombies of its services.
_children: set[int] = set()


@dataclass(frozen=True)
class Launch:
    """What to run: arguments, working folder (also the mark by which strays are found), log."""

    argv: Sequence[str]
    folder: Path
    log: Path
    env: dict[str, str]


@dataclass(frozen=True)
class Identity:
    """One process: the pid and when it was created, in seconds since 1970."""

    pid: int
    created: float


def spawn(launch: Launch) -> Identity:
    """Start a process that outlives this one, its output appended to the log."""
    launch.log.parent.mkdir(parents=True, exist_ok=True)
    _rotate(launch.log)
    with launch.log.open("ab") as log:
        child = subprocess.Popen(
            launch.argv,
            cwd=launch.folder,
            env=launch.env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
        )
    child.returncode = 0  # it is to outlive us: that its handle goes first is nothing to warn of
    _children.add(child.pid)
    return Identity(child.pid, psutil.Process(child.pid).create_time())


def alive(identity: Identity | None) -> bool:
    """Return whether this very process still runs; a zombie or a reused pid does not count."""
    if identity is None:
        return False
    ours = _runs(identity.pid)
    try:
        found = psutil.Process(identity.pid)
        same = abs(found.create_time() - identity.created) < CLOCK_JITTER
        return same and (ours or found.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD))
    except psutil.NoSuchProcess:
        return False


def stop(identity: Identity, *, signals: Sequence[Signal], patience: float = 20.0) -> bool:
    """Send each signal in turn until the process is gone; return whether it is.

    ``patience`` seconds pass between signals. SIGKILL is the last resort and never implied.
    """
    for number in signals:
        if not alive(identity):
            return True
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(identity.pid).send_signal(number)
            # A suspended process would keep the signal for later.
            psutil.Process(identity.pid).resume()
        if wait_until(lambda: not alive(identity), seconds=patience):
            return True
    return not alive(identity)


def strays(program: str, folder: Path) -> list[Identity]:
    """Return the processes called ``program`` whose working folder is ``folder``.

    They are what a lost state file or a killed postmaster leaves behind: only services
    started here work inside a home's own folders.
    """
    return [
        Identity(p.pid, p.create_time())
        for p in psutil.process_iter()
        if _works_in(p, program, folder)
    ]


def wait_until(condition: Callable[[], bool], *, seconds: float, pause: float = 0.02) -> bool:
    """Poll ``condition()`` with growing pauses until it is true or the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.3, 0.25)
    return True


def is_free(port: int) -> bool:
    """Return whether nobody listens on the loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def come_free(ports: Sequence[int], *, seconds: float = 3.0) -> bool:
    """Return whether all ``ports`` are free, waiting for a killed owner to let go of them."""
    deadline = time.monotonic() + seconds
    while not all(map(is_free, ports)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def free_ports(count: int, *, wanted: Sequence[int] = ()) -> tuple[int, ...]:
    """Return ``count`` distinct free loopback ports: ``wanted`` when all of them are free."""
    if len(wanted) == count and come_free(wanted):
        return tuple(wanted)
    candidates = (port for port in _shuffled(PORTS) if is_free(port))
    return tuple(next(candidates) for _ in range(count))


def tail(log: Path, *, lines: int = 12) -> str:
    """Return the last lines of a log, or a note that there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return f"(no log at {log})"


def _runs(pid: int) -> bool:
    """Tell whether a child of ours runs under ``pid``; one that has ended is reaped."""
    if pid in _children:
        try:
            ended = os.waitpid(pid, os.WNOHANG)[0] == pid
        except ChildProcessError:  # reaped by another thread
            ended = True
        if ended:
            _children.discard(pid)
    return pid in _children


def _works_in(found: psutil.Process, program: str, folder: Path) -> bool:
    try:
        return found.name() == program and Path(found.cwd()) == folder
    except (psutil.Error, OSError):
        return False


def _shuffled(ports: Sequence[int]) -> Iterator[int]:
    # Not seeded by anything a caller controls: two homes starting at once must differ.
    yield from random.SystemRandom().sample(ports, len(ports))


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
