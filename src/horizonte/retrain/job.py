"""A request at work: its steps as they are noted, and how it is left or ended."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from horizonte.policy import Policy
from horizonte.store import retrainings
from horizonte.store.connection import Connection
from horizonte.store.retrainings import ENDS, Run, Step

logger = logging.getLogger(__name__)


class Stopped(Exception):
    """The worker is to stop, and the request is left where it stands."""


@dataclass(frozen=True)
class Done:
    """What a worker did of a request: the step that ended it, None where it was left."""

    run_id: int
    end: Step | None
    why: str

    def __str__(self) -> str:
        """Return it as a line for people."""
        return f"retraining {self.run_id}: {self.end or 'waiting'}: {self.why}"


@dataclass(frozen=True)
class Job:
    """A request at work: where, by which policy, what it has come to, and whether to stop."""

    conn: Connection
    run: Run
    root: Path
    policy: Policy
    done: dict[str, dict[str, Any]]
    stopped: Callable[[], bool]

    def note(self, step: Step, **detail: Any) -> None:
        """Record ``step`` as done; raise Stopped where the next one is not to begin."""
        retrainings.record(self.conn, self.run.id, step, detail)
        self.done[step] = detail
        logger.info("retraining %s %s: %s", self.run.id, step, detail)
        if step not in ENDS and self.stopped():
            raise Stopped
