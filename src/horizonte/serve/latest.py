"""The latest vintages in memory: swapped when new ones are issued, served when nothing else can."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from horizonte.serve import inputs, stored
from horizonte.serve.listen import Listener
from horizonte.serve.stored import Entry
from horizonte.store import clocks, forecasts
from horizonte.store import series as series_store
from horizonte.store.clocks import Clock
from horizonte.store.connection import Connection

logger = logging.getLogger(__name__)
_RECORDED = Clock(0, 0)


@dataclass(frozen=True)
class View:
    """What was on record at one moment: never changed, only replaced."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    clocks: Mapping[str, Clock] = field(default_factory=dict)

    def now(self, found: Entry, machine: int) -> int:
        """Return now on the clock of the source of ``found``, in microseconds; never before it."""
        clock = self.clocks.get(found.source, _RECORDED)
        return max(clock.now(machine), found.as_of)


class Latest:
    """Keeps ``view`` at the newest live vintages; the database down, at the last that it knew."""

    def __init__(self) -> None:
        """Begin with nothing; ``start`` follows the database."""
        self.view = View()
        self.checked: float | None = None  # monotonic seconds of the last look that succeeded
        self._listener: Listener | None = None

    def start(self, connect: Callable[[], Connection]) -> None:
        """Begin to follow, in a thread of its own."""
        self._listener = Listener(forecasts.CHANNEL, connect=connect, look=self.look)
        self._listener.start()

    def stop(self) -> None:
        """Stop following."""
        if self._listener is not None:
            self._listener.stop()

    def look(self, conn: Connection) -> None:
        """Take over what is new; raise what keeps the database from being read."""
        with inputs.one_view(conn):
            newest = forecasts.newest_live(conn)
            facts = _facts(conn)
            times = clocks.read(conn, machine=machine_time())
            old = self.view.entries
            changed = [name for name, run in newest.items() if _differs(old.get(name), run, facts)]
            found = forecasts.latest(conn, changed) if changed else {}
        made = {name: stored.entry(vintage, facts[name]) for name, vintage in found.items()}
        kept = {name: one for name, one in old.items() if name in newest}
        self.view = View({**kept, **made}, times)
        self.checked = time.monotonic()
        if made:
            logger.info("latest forecasts: %d new, %d in all", len(made), len(self.view.entries))


def machine_time() -> int:
    """Return microseconds since 1970 on this machine's clock."""
    return time.time_ns() // 1000


def _facts(conn: Connection) -> dict[str, dict[str, Any]]:
    rows = cast("list[dict[str, Any]]", series_store.read(conn).to_dict("records"))
    return {row["unique_id"]: row for row in rows}


def _differs(held: Entry | None, run: int, facts: Mapping[str, Mapping[str, Any]]) -> bool:
    if held is None or held.vintage.run_id != run:
        return True
    now = facts[held.vintage.unique_id]
    return any(held.facts[key] != now[key] for key in ("unit", "zone", "source"))
