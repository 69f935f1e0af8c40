"""What time it is on the clock of each source, so that an age can be told without a query."""

from __future__ import annotations

from typing import NamedTuple

from horizonte.store.connection import Connection


class Clock(NamedTuple):
    """The clock of one source; all in microseconds since 1970 but ``step``, a length."""

    newest: int  # available_at of what it has brought
    step: int  # 0: a recording, whose now is its newest
    ahead: int = 0  # of the database's clock before this machine's

    def now(self, machine: int) -> int:
        """Return now on this clock when this machine's clock shows ``machine``.

        A wall clock moves in whole steps, as what a forecast is made from does.
        """
        if not self.step:
            return self.newest
        wall = machine + self.ahead
        return max(self.newest, wall - wall % self.step)


def read(conn: Connection, *, machine: int) -> dict[str, Clock]:
    """Return the clock of every source of a target that has brought rows.

    ``machine`` is what this machine's clock shows, in microseconds since 1970.
    """
    found = conn.execute(_CLOCKS).fetchall()
    return {
        name: Clock(newest, int(step * 1e6), wall - machine) for name, newest, step, wall in found
    }


# Of ``newest`` and the ``source`` c. A wall clock moves in whole steps: within one, the same rows
# mean the same forecast.
NOW = """CASE WHEN c.clock = 'wall' THEN greatest(newest,
            date_bin(make_interval(secs => c.step_seconds), clock_timestamp(), 'epoch'))
        ELSE newest END"""
_CLOCKS = """SELECT s.source, (extract(epoch FROM newest) * 1000000)::int8,
        CASE WHEN c.clock = 'wall' THEN c.step_seconds ELSE 0 END,
        (extract(epoch FROM clock_timestamp()) * 1000000)::int8
    FROM (SELECT DISTINCT source FROM series WHERE role = 'target') AS s
    LEFT JOIN source AS c ON c.name = s.source,
    LATERAL (SELECT max(newest_available_at) AS newest FROM ingest_batch
             WHERE source = s.source) AS b
    WHERE newest IS NOT NULL"""
