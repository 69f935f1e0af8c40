"""What models at hand would say now, made before they are promoted: then only storing is left."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import psycopg

from horizonte.serve import predict, vintages
from horizonte.serve.champion import Champion
from horizonte.serve.vintages import Made
from horizonte.store import changes
from horizonte.store.changes import Standing
from horizonte.store.connection import Connection

logger = logging.getLogger(__name__)
TURN = 50  # targets of a model between which what is due gets its turn
EVERY_SECONDS = 30.0  # at most, that a model is rehearsed again when more has become known


@dataclass
class _Rehearsal:
    waiting: list[Standing]  # targets, by source
    at: float  # monotonic seconds
    made: dict[str, Made] = field(default_factory=dict)


class Rehearsals:
    """Keeps live forecasts of models at hand; what becomes known later makes them void."""

    def __init__(self, only: str | None = None) -> None:
        """Begin with none; ``only`` limits them to one source."""
        self._only = only
        self._held: dict[str, _Rehearsal] = {}

    def of(self, version: str) -> Mapping[str, Made]:
        """Return what was made of ``version``, by series."""
        return self._held[version].made if version in self._held else {}

    def turn(self, conn: Connection, champions: Sequence[Champion], *, serving: str) -> None:
        """Rehearse some more of each of ``champions``; forget all but those and ``serving``.

        Raises psycopg.OperationalError when the database goes away; a source that fails is logged.
        """
        kept = {serving, *(champion.version for champion in champions)}
        self._held = {name: one for name, one in self._held.items() if name in kept}
        for champion in champions:
            held = self._held.get(champion.version)
            if held is None or self._void(conn, held):
                held = self._held[champion.version] = self._begun(conn, champion)
            batch, held.waiting = held.waiting[:TURN], held.waiting[TURN:]
            for source, targets in groupby(batch, key=lambda one: one.source):
                names = [one.unique_id for one in targets]
                held.made |= _made(conn, champion, source, names)

    def _begun(self, conn: Connection, champion: Champion) -> _Rehearsal:
        found = changes.standings(conn, predict.served(champion))
        mine = [one for one in found if self._only in (None, one.source)]
        return _Rehearsal(sorted(mine, key=lambda one: one.source), time.monotonic())

    def _void(self, conn: Connection, held: _Rehearsal) -> bool:
        if held.waiting or time.monotonic() - held.at < EVERY_SECONDS:
            return False
        return len(vintages.holding(conn, held.made)) < len(held.made)


def _made(
    conn: Connection, champion: Champion, source: str, names: Sequence[str]
) -> dict[str, Made]:
    try:
        return vintages.make(conn, champion, names, source=source)
    except (psycopg.OperationalError, OSError):
        raise
    except Exception as why:  # noqa: BLE001 (tried again, and said, when the model serves)
        logger.info("model %s: source %s is not rehearsed: %s", champion.version, source, why)
        return {}
