"""Bring one service to the state in which it really answers, whatever it was found in."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from signal import Signals
from typing import Protocol

from horizonte.embedded import process
from horizonte.embedded.process import Launch
from horizonte.embedded.state import Record
from horizonte.errors import ServiceFault

logger = logging.getLogger(__name__)

ATTEMPTS = 5
# Crash recovery after a kill in the middle of a bulk load may take this long on a slow disk.
START_SECONDS = 120.0
# A service that was ready and still runs answers soon, or hangs.
ANSWER_SECONDS = 15.0


class Service(Protocol):
    """What the supervisor needs to know about a service."""

    @property
    def name(self) -> str:
        """Its name in the state file."""

    @property
    def program(self) -> str:
        """The name of its processes."""

    @property
    def signals(self) -> tuple[Signals, ...]:
        """What stops it, politest first."""

    @property
    def stray_signals(self) -> tuple[Signals, ...]:
        """What stops processes that a killed one left."""

    @property
    def log(self) -> Path:
        """Its log."""

    @property
    def workplace(self) -> Path:
        """The working folder of its processes, and of nobody else's."""

    def allocate(self, old: Record | None) -> Record:
        """Return a record with free ports, the old ones where possible; touches no file."""

    def settle(self, record: Record) -> Record:
        """Make the data at rest fit the record; called when no process of it runs."""

    def launch(self, record: Record) -> Launch:
        """Return how to start it once settled."""

    def probe(self, record: Record) -> None:
        """Do something real with it; raises when that fails."""

    def url(self, record: Record, *, secret: bool = True) -> str:
        """Return its URL, with the password unless ``secret`` is false."""


Save = Callable[[str, Record], None]


def ensure(service: Service, old: Record | None, *, save: Save) -> Record:
    """Return the record of a service that has just answered a real request.

    One that runs is kept; one that hangs, died, lost its port or left strays is replaced.
    ``save`` is called with every change, before anything can be lost. Raises ServiceFault
    with the last lines of the log when it cannot be brought up.
    """
    if old and process.alive(old.identity):
        if answers(service, old, seconds=ANSWER_SECONDS):
            return old
        logger.warning("%s runs (pid %s) but does not answer: restarting", service.name, old.pid)
        halt(service, old)
    record, error = old, None
    for attempt in range(ATTEMPTS):
        time.sleep(0.25 * (2**attempt - 1))
        record = _start(service, record, save=save)
        error = _wait(service, record)
        if error is None:
            return record
        logger.warning("%s: start %d of %d failed: %s", service.name, attempt + 1, ATTEMPTS, error)
    raise ServiceFault(
        service.name,
        str(error),
        "answering",
        f"look at {service.log}, which ends:\n{process.tail(service.log)}",
    )


def halt(service: Service, record: Record) -> None:
    """Stop the recorded process, and only it; raise ServiceFault when it will not go."""
    if record.identity and not process.stop(record.identity, signals=service.signals):
        raise ServiceFault(
            f"{service.name} (pid {record.pid})",
            "still running",
            "stopped",
            f"look at {service.log}, which ends:\n{process.tail(service.log)}",
        )


def answers(service: Service, record: Record, *, seconds: float) -> bool:
    """Return whether a real request succeeds within ``seconds`` while the process lives."""
    return _outcome(service, record, seconds=seconds) is None


def clear(service: Service) -> bool:
    """End the processes in the service's folder that no record names; return whether any were.

    A lost state file, a killed parent or a stepped clock leaves such.
    """
    strays = process.strays(service.program, service.workplace)
    for stray in strays:
        logger.warning("%s: ending stray process %d", service.name, stray.pid)
        process.stop(stray, signals=service.stray_signals, patience=5.0)
    return bool(strays)


def _start(service: Service, old: Record | None, *, save: Save) -> Record:
    clear(service)
    record = service.allocate(old)
    save(service.name, record)
    record = service.settle(record)
    save(service.name, record)
    identity = process.spawn(service.launch(record))
    record = replace(record, pid=identity.pid, created=identity.created)
    save(service.name, record)
    return record


def _wait(service: Service, record: Record) -> str | None:
    error = _outcome(service, record, seconds=START_SECONDS)
    if error is not None and process.alive(record.identity):
        halt(service, record)
    return error


def _outcome(service: Service, record: Record, *, seconds: float) -> str | None:
    deadline, pause = time.monotonic() + seconds, 0.02
    while True:
        try:
            service.probe(record)
        except Exception as failed:  # noqa: BLE001 (each driver has its own; all mean: not yet)
            error = str(failed) or repr(failed)
        else:
            # Somebody else's server on our port would not know our password; a dead one of ours
            # may have answered just before it died.
            return None if process.alive(record.identity) else "it ended"
        if not process.alive(record.identity) or time.monotonic() > deadline:
            return error
        time.sleep(pause)
        pause = min(pause * 1.3, 0.25)
