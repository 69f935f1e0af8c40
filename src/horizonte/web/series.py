"""One series as its page, its chart and its downloads need it, from the database alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.exceptions import HTTPException

from horizonte import freq
from horizonte.store import alarms, browse, charted, moments
from horizonte.store.browse import Row, Span
from horizonte.store.connection import Connection
from horizonte.web.window import Extent

DAY = timedelta(days=1)
SAID = {"yesterday": DAY, "week": 7 * DAY}
VINTAGES = 20
LONGEST_NAME = 1_000


@dataclass(frozen=True)
class Facts:
    """A series: its row, now on its source's clock, its extent, newest vintages and alarms."""

    row: Mapping[str, Any]
    extent: Extent
    vintages: list[Row]
    alarms: list[Any]

    @property
    def unique_id(self) -> str:
        """Return its name."""
        return str(self.row["unique_id"])

    @property
    def step(self) -> timedelta:
        """Return the step of its grid."""
        return freq.step(self.row["freq"]).to_pytimedelta()

    @property
    def newest(self) -> Row | None:
        """Return the newest live vintage, or None."""
        return self.vintages[0] if self.vintages else None

    @property
    def horizon(self) -> timedelta:
        """Return how far the newest vintage reaches beyond its cutoff."""
        newest = self.newest
        reach: timedelta = newest["last_ds"] - newest["cutoff"] if newest else timedelta(0)
        return reach

    @property
    def silence(self) -> timedelta | None:
        """Return how long ago the interval of the last reading ended; None without readings."""
        last = self.row["last_ds"]
        return None if last is None else max(self.extent.now - last - self.step, timedelta(0))


def named(query: Mapping[str, str]) -> str:
    """Return the name of the series that is asked for; raise 404 for what can be none."""
    name = query.get("id", "")
    if not name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise HTTPException(404)
    return name


def facts(conn: Connection, name: str, now: datetime) -> Facts:
    """Return what is known of a series; raise 404 when it is not registered."""
    found = browse.series(conn, Span(1), only=name)
    if not found:
        raise HTTPException(404)
    row = found[0]
    vintages = browse.vintages(conn, name, Span(VINTAGES), purposes=["live"])
    clock: datetime = moments.now(conn).get(row["source"], now)
    reach = charted.extent(conn, name) or (clock, clock)
    last = max([reach[1], *(v["last_ds"] for v in vintages[:1])])
    own = [a for a in alarms.raised(conn) if a.thing in (name, row["source"])]
    step = freq.step(row["freq"]).to_pytimedelta()
    return Facts(row, Extent(reach[0], clock, last + step), vintages, own)


def said(conn: Connection, known: Facts, asked: str | None) -> Row | None:
    """Return the earlier vintage asked for: ``yesterday``, ``week``, or the number of a run."""
    if asked in SAID:
        number = charted.said_by(conn, known.unique_id, known.extent.now - SAID[asked])
    else:
        plain = bool(asked) and str(asked).isascii() and str(asked).isdigit()
        number = int(str(asked)) if plain and len(str(asked)) < 18 else None
    return None if number is None else browse.vintage(conn, known.unique_id, number)
