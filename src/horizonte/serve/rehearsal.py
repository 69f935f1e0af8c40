"""What models at hand would say now, made before they are promoted: then only storing is left."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psycopg

from horizonte.serve import predict, vintages
from horizonte.serve.champion import Champion
from horizonte.serve.vintages import Made
from horizonte.store import changes
from horizonte.store.connection import Connection

logger = logging.getLogger(__name__)
EVERY_SECONDS = 30.0  # at most, that a model at hand is asked again when more has become known


@dataclass(frozen=True)
class _Rehearsed:
    made: Mapping[str, Made]
    at: float  # monotonic seconds


class Rehearsals:
    """Keeps the live forecasts of models that do not serve; what is known since makes them void."""

    def __init__(self, only: str | None = None) -> None:
        """Begin with none; ``only`` limits them to one source."""
        self._only = only
        self._held: dict[str, _Rehearsed] = {}

    def of(self, version: str) -> Mapping[str, Made]:
        """Return what was made of ``version``, by series."""
        found = self._held.get(version)
        return found.made if found else {}

    def make(self, conn: Connection, champions: Iterable[Champion]) -> None:
        """Forecast with each of ``champions`` whose rehearsal is void, and forget all others.

        Raises psycopg.Error when the database goes away; a source that fails is logged.
        """
        kept = {}
        for champion in champions:
            held = self._held.get(champion.version)
            if held is None or self._void(conn, held):
                held = _Rehearsed(self._all(conn, champion), time.monotonic())
            kept[champion.version] = held
        self._held = kept

    def _void(self, conn: Connection, held: _Rehearsed) -> bool:
        if time.monotonic() - held.at < EVERY_SECONDS:
            return False
        return len(vintages.holding(conn, held.made)) < len(held.made)

    def _all(self, conn: Connection, champion: Champion) -> dict[str, Made]:
        by_source: dict[str, list[str]] = {}
        for one in changes.standings(conn, predict.served(champion)):
            if self._only in (None, one.source):
                by_source.setdefault(one.source, []).append(one.unique_id)
        made: dict[str, Made] = {}
        for source, names in by_source.items():
            try:
                made |= vintages.make(conn, champion, names, source=source)
            except (psycopg.OperationalError, OSError):
                raise
            except Exception as why:  # noqa: BLE001 (tried again, and said, when it serves)
                logger.info("model %s: source %s not rehearsed: %s", champion.version, source, why)
        return made
