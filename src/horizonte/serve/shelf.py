"""Champions at hand: loaded and warm before they are needed, so that a swap is one assignment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from horizonte.serve.champion import Champion
from horizonte.store.connection import Connection


class Shelf:
    """Holds champions by version; each is made once, whichever thread asks first."""

    def __init__(self, make: Callable[[Connection, str], Champion]) -> None:
        """Take what loads and warms a version."""
        self._make = make
        self._held: dict[str, Champion] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, conn: Connection, version: str) -> Champion:
        """Return ``version``, made now unless it stands here; raises what making it raises.

        Who asks for a version that is being made waits for it; other versions do not wait.
        """
        with self._guard:
            turn = self._turns.setdefault(version, threading.Lock())
        with turn:
            if version not in self._held:
                self._held[version] = self._make(conn, version)
            return self._held[version]

    def keep(self, versions: Iterable[str]) -> None:
        """Let go of all but ``versions``."""
        wanted = set(versions)
        with self._guard:
            self._held = {name: one for name, one in self._held.items() if name in wanted}
            self._turns = {name: one for name, one in self._turns.items() if name in wanted}

    def held(self) -> list[Champion]:
        """Return what stands here, in order of version."""
        return [one for _, one in sorted(self._held.items())]

    def versions(self) -> set[str]:
        """Return what stands here."""
        return set(self._held)
