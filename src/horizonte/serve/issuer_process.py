"""The issuer as a process beside the service: started, watched by its id, stopped with it."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from prometheus_client import start_http_server

from horizonte import clock, log
from horizonte.config import Settings, settings
from horizonte.embedded import background, process, services, state
from horizonte.embedded.background import Running
from horizonte.embedded.endpoints import S3Settings
from horizonte.embedded.process import Launch
from horizonte.errors import ConfigFault
from horizonte.serve import champion, freshness, predict, scoring
from horizonte.serve.alarms import Watchman
from horizonte.serve.bucket import Bucket
from horizonte.serve.champion import Champion
from horizonte.serve.follow import Doors, Follower
from horizonte.serve.issuing import Issuer
from horizonte.store import series
from horizonte.store.connection import Connection, connect

logger = logging.getLogger(__name__)
MODULE = "horizonte.serve.issuer_process"
WATCH_SECONDS = 2.0


def start() -> Running:
    """Return the issuer of this home, started unless it runs."""
    folder = _folder()
    with state.lock(folder):
        found = running()
        return _launch(folder) if found is None else found


def stop() -> bool:
    """Stop the issuer of this home, letting it finish its pass; return whether one ran."""
    found = running()
    if found is not None:
        process.stop(found.identity, signals=(signal.SIGTERM, signal.SIGKILL))
    _file(_folder()).unlink(missing_ok=True)
    return found is not None


def running() -> Running | None:
    """Return the issuer that runs in this home, or None."""
    return background.noted(_file(_folder()))


class Keeper:
    """Starts the issuer and, while the service lives, starts it again whenever it has ended."""

    def __init__(self) -> None:
        """Begin with nothing; ``start`` runs the thread."""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="issuer", daemon=True)

    def start(self) -> None:
        """Begin to watch, unless HORIZONTE_ISSUE is off."""
        if settings().issue == "on":
            self._thread.start()

    def stop(self) -> None:
        """Stop watching, and the issuer with it."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
            stop()

    def _run(self) -> None:
        known: Running | None = None
        while not self._stopped.is_set():
            try:
                found = start()
                if known is not None and found != known:
                    logger.error("the issuer %d ended; %d takes over", known.pid, found.pid)
                known = found
            except Exception:  # the service goes on without, and tries again
                logger.exception("cannot start the issuer")
            self._stopped.wait(WATCH_SECONDS)


def run(
    stop_: threading.Event,
    *,
    only: str | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> None:
    """Issue live forecasts until ``stop_`` is set; ``only`` limits it to one source's targets.

    Raises ConfigFault for a source without targets.
    """
    setting = settings()
    where = setting.database or services.endpoints().database
    if only is not None:
        _refuse_unknown(where, only)
    follower = Follower(
        Doors(
            connect=lambda: connect(where),
            obtain=lambda version: _obtain(setting, version),
            warm=predict.warm,
            now=clock.now,
        )
    )
    shown = (freshness.Gauges(), scoring.Gauges())

    def also(conn: Connection, model: Champion) -> None:
        for gauges in shown:
            try:
                gauges.update(conn, model)
            except Exception:  # what is measured must not stop what is issued
                if conn.closed:
                    raise
                logger.exception("cannot measure")

    watchman = Watchman(lambda: connect(where), now=clock.now)
    follower.start()
    watchman.start()
    try:
        Issuer(lambda: connect(where), follower, only=only, also=also, told=told).run(stop_)
    finally:
        watchman.stop()
        follower.stop()


def main(argv: list[str] | None = None) -> None:
    """Issue until SIGTERM or SIGINT, with ``/metrics`` at the given port of loopback."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--port", type=int, required=True)
    given = asked.parse_args(argv)
    log.configure(level=settings().log_level, as_json=True)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server, thread = start_http_server(given.port, addr=process.LOOPBACK)
    try:
        run(ended)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def log_file() -> Path:
    """Return where the issuer logs to."""
    return settings().home_folder() / "logs" / "issuer.log"


def _refuse_unknown(where: str, source: str) -> None:
    with connect(where) as conn:
        known = series.read(conn)
    targets = known[known["role"] == "target"]
    if source not in set(targets["source"]):
        have = sorted(set(targets["source"]))
        raise ConfigFault("--only", source, f"a source with targets: {have}", "correct the name")


def _obtain(setting: Settings, version: str) -> Champion:
    s3 = S3Settings.parse(setting.s3) if setting.s3 else services.endpoints().s3
    return champion.obtain(version, home=setting.home_folder(), bucket=Bucket.of(s3))


def _folder() -> Path:
    return (settings().home_folder() / "issuer").resolve()


def _file(folder: Path) -> Path:
    return folder / "issuer.json"


def _launch(folder: Path) -> Running:
    port = process.free_ports(1)[0]
    env = {**os.environ, "HORIZONTE_HOME": str(settings().home_folder()), "DO_NOT_TRACK": "1"}
    env.setdefault("OMP_NUM_THREADS", "1")
    argv = [sys.executable, "-m", MODULE, "--port", str(port)]
    child = process.spawn(Launch(argv, folder, log_file(), env))
    return background.note(_file(folder), child, f"http://{process.LOOPBACK}:{port}")


if __name__ == "__main__":
    main()
