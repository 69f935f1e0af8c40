"""The command of a stage: logs set up, and a fault told in one line."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from horizonte import log
from horizonte.config import settings
from horizonte.errors import Fault

logger = logging.getLogger(__name__)


def run(stage: Callable[[], object]) -> None:
    """Run ``stage``; a Fault is logged as one line and ends the process with exit code 1."""
    log.configure(level=settings().log_level)
    for chatty in ("papermill", "traitlets"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    try:
        stage()
    except Fault as fault:
        logger.error("%s", fault)  # noqa: TRY400 (its trace says nothing more)
        sys.exit(1)
