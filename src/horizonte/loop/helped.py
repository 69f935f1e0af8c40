"""Did the last promotion help? Asked with every monitoring; harm is taken back."""

from __future__ import annotations

import logging
from pathlib import Path

from horizonte import paths
from horizonte import policy as policies
from horizonte.errors import Fault
from horizonte.retrain import aftermath
from horizonte.serve import published
from horizonte.store.connection import Connection

logger = logging.getLogger(__name__)


def look(conn: Connection, root: Path) -> list[str]:
    """Shadow and measure the promotion in force; return, in words, what was taken back.

    A former champion that cannot be had, as with the bucket away, is said and stops nothing.
    """
    promotion = aftermath.watched(conn)
    if promotion is None or promotion.previous is None:
        return []
    gate = policies.load(root / paths.MARKER).gate
    try:
        former = published.obtain(promotion.previous)
        back = aftermath.follow(conn, former, policy=gate)
    except Fault as why:
        logger.warning("whether the last promotion helped is not known: %s", why)
        return []
    return [] if back is None else [f"model {back.sha256[:12]} serves again: {back.why}"]
