"""The web app as one background process of this home: started, awaited until it answers, stopped."""

from __future__ import annotations

import os
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path

from horizonte.config import settings
from horizonte.embedded import background, process, state
from horizonte.embedded.background import Running
from horizonte.embedded.process import Launch
from horizonte.errors import ServiceFault
from horizonte.serve.binding import asked_at
from horizonte.web import run

READY_SECONDS = 30.0
ARGV = [sys.executable, "-c", "from horizonte.cli import main; main()", "web"]


def start() -> str:
    """Return the address of the web app once it answers; start it unless it runs.

    Raises ServiceFault for an address that may not be bound, a taken port, and an app that does
    not answer (with its log).
    """
    with state.lock(_folder()):
        found = running() or _launch()
    if process.wait_until(lambda: _answers(found), seconds=READY_SECONDS):
        return found.url
    stop()
    raise ServiceFault(
        "web app",
        "no answer",
        f"an answer within {READY_SECONDS:.0f} s",
        f"read {log_file()}:\n{process.tail(log_file())}",
    )


def stop() -> bool:
    """Stop the web app; return whether one ran. Raises ServiceFault when it will not go."""
    found = running()
    if found is not None and not process.stop(
        found.identity, signals=(signal.SIGTERM, signal.SIGKILL)
    ):
        raise ServiceFault("web app", found.pid, "stopped", "end that process")
    _file().unlink(missing_ok=True)
    return found is not None


def running() -> Running | None:
    """Return the web app that runs in this home, or None."""
    return background.noted(_file())


def log_file() -> Path:
    """Return where the web app logs to."""
    return settings().home_folder() / "logs" / "web.log"


def _launch() -> Running:
    setting = settings()
    host, port = run.bound(setting), run.port(setting)
    env = {
        **os.environ,
        "HORIZONTE_HOME": str(setting.home_folder()),
        "HORIZONTE_WEB_PORT": str(port),
    }
    child = process.spawn(Launch(ARGV, Path.cwd(), log_file(), env))
    return background.note(_file(), child, f"http://{asked_at(host)}:{port}")


def _answers(found: Running) -> bool:
    try:
        with urllib.request.urlopen(f"{found.url}/livez", timeout=5):  # noqa: S310 (ours)
            return process.alive(found.identity)
    except (urllib.error.URLError, OSError):
        return False


def _folder() -> Path:
    return (settings().home_folder() / "web").resolve()


def _file() -> Path:
    return _folder() / "web.json"
