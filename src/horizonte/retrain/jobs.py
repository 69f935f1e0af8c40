"""The worker as a job: once through the queue, or until it is stopped."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from threading import Event

import psycopg

from horizonte import paths
from horizonte.errors import Fault
from horizonte.retrain import worker
from horizonte.retrain.job import Done
from horizonte.store import retrainings
from horizonte.store.connection import connect

logger = logging.getLogger(__name__)
LOOK_SECONDS = 15.0  # between looks at the queue, whatever the channel says
BACK_OFF = (15.0, 600.0)  # first and longest wait after a look at the queue failed


def ask(action: retrainings.Action, *, why: str, by: str) -> int:
    """Queue a request and return its number."""
    with connect() as conn:
        return retrainings.request(conn, action, why=why, by=by)


def once(*, stopped: Callable[[], bool] = lambda: False) -> Iterator[Done]:
    """Do all that waits; yield what came of each. Raises StoreFault for what must wait longer."""
    with connect() as conn:
        yield from worker.work(conn, root=paths.project_root(), stopped=stopped)


def standing() -> str:
    """Say why there was nothing to do: an empty queue, or a worker that is at what waits."""
    with connect() as conn:
        run = retrainings.waiting(conn)
    if run is None:
        return "Nothing waits."
    return f"Another worker is at retraining {run.id}; what waits behind it is done after it."


def watch(told: Callable[[str], None]) -> None:
    """Do requests as they come until interrupted; what fails beside them is said and tried again.

    At SIGTERM the step at work is ended and noted, and no other begins: the next worker takes the
    request up from there. The longest step is the training.
    """
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    wait = BACK_OFF[0]
    while not stop.is_set():
        try:
            for done in once(stopped=stop.is_set):
                told(str(done))
            wait = BACK_OFF[0]
            _pause(stop)
        except (Fault, psycopg.Error, OSError) as why:
            logger.warning("retraining waits %.0f s: %s", wait, why)
            stop.wait(wait)
            wait = min(2 * wait, BACK_OFF[1])


def _pause(stop: Event) -> None:
    """Wait until something is asked for, or a while."""
    with connect() as conn:
        conn.execute(f"LISTEN {retrainings.CHANNEL}")
        for _ in range(int(LOOK_SECONDS)):
            if stop.is_set() or list(conn.notifies(timeout=1.0, stop_after=1)):
                return
