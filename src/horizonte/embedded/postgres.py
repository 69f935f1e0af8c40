"""PostgreSQL from its wheel: loopback TCP, passwords only, nothing acknowledged lost."""

from __future__ import annotations

import secrets
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from horizonte.embedded import cluster, privileges, process
from horizonte.embedded.process import Launch
from horizonte.embedded.state import Record

PROBE_SECONDS = 3


@dataclass(frozen=True)
class Postgres:
    """The embedded database of one home."""

    home: Path
    name: str = "postgres"
    program: str = "postgres"
    # Fast shutdown, then immediate (the next start recovers), then the kernel's.
    signals: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
    # A killed postmaster's children know no fast shutdown.
    stray_signals: tuple[signal.Signals, ...] = (signal.SIGQUIT, signal.SIGKILL)

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.home / "logs" / "postgres.log"

    @property
    def workplace(self) -> Path:
        """The folder in which the server's processes run: the cluster's data."""
        return cluster.place(self.home) / "data"

    def allocate(self, old: Record | None) -> Record:
        """Return a record with a free port, the old one where possible; touches no file."""
        ports = process.free_ports(1, wanted=old.ports if old else ())
        if old:
            return replace(old, ports=ports, pid=None, created=None)
        return Record(ports, user="horizonte", secret=secrets.token_urlsafe(24), target="horizonte")

    def settle(self, record: Record) -> Record:
        """Make the cluster where there is none, clear what a killed one left, tune it.

        A password that the cluster may not know (first start, lost state file) is set anew.
        """
        known = self.workplace.exists() and record.settled
        data = cluster.make(self.home)
        cluster.unlock(data)
        cluster.configure(data, port=record.ports[0])
        if not known:
            cluster.set_password(
                data, user=record.user, password=record.secret, database=record.target
            )
        return replace(record, settled=True)

    def launch(self, record: Record) -> Launch:  # noqa: ARG002 (the port is in the settings)
        """Return how to start the settled cluster."""
        data = self.workplace
        runner = privileges.runner_for(data)
        argv = runner.argv(cluster.programs(runner, data.parent) / "postgres", "-D", data)
        return Launch(argv, data, self.log, cluster.environment())

    def probe(self, record: Record) -> None:
        """Run a query as the record's user; raises OSError when that fails."""
        from psycopg import pq  # status and down need no driver

        url = f"{self.url(record)}?connect_timeout={PROBE_SECONDS}"
        # Closed by hand: what psycopg.connect gives up on stays half-open until a garbage
        # collection, and a server that shuts down waits for it.
        conn = pq.PGconn.connect(url.encode())
        try:
            if conn.exec_(b"select 1").status != pq.ExecStatus.TUPLES_OK:
                raise OSError(conn.get_error_message())
        finally:
            conn.finish()

    def url(self, record: Record, *, secret: bool = True) -> str:
        """Return the database URL, with the password unless ``secret`` is false."""
        user = f"{record.user}:{quote(record.secret, safe='')}" if secret else record.user
        return f"postgresql://{user}@{process.LOOPBACK}:{record.ports[0]}/{record.target}"
