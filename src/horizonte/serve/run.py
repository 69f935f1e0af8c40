"""The forecast service as one background process: started, awaited until ready, stopped."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from horizonte.config import Settings, settings
from horizonte.embedded import background, process, state
from horizonte.embedded.background import Running
from horizonte.embedded.process import Launch
from horizonte.errors import ServiceFault
from horizonte.serve.binding import asked_at, bound

logger = logging.getLogger(__name__)
MODULE = "horizonte.serve.main"
READY_SECONDS = 120.0
QUIET = {
    "BENTOML_DO_NOT_TRACK": "true",
    "ITERATIVE_DO_NOT_TRACK": "1",
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
}


def start(*, host: str | None = None, port: int | None = None) -> str:
    """Return the URL of the service once it has really forecast; start it unless it runs.

    ``host`` and ``port`` default to the settings; a port that nobody asked for by name gives
    way to a free one when it is taken. Raises ServiceFault for an address other machines can
    reach while nobody needs a key, a taken port, and a service that does not become ready (with its reason).
    """
    folder, address = _folder(), bound(host or settings().host)
    while True:
        with state.lock(folder):
            found = running()
            ours = found is None
            if found is None:
                _stop_strays(folder)
                found = _launch(folder, address, _port(settings(), port))
        if _becomes_ready(found):
            logger.info("forecast service is ready at %s", found.url)
            return found.url
        if ours:
            stop()
            raise ServiceFault(
                "forecast service",
                "ended on its own",
                "running",
                f"read {log_file()}:\n{process.tail(log_file())}",
            )


def serve(*, detach: bool = False) -> str:
    """Start the service and, unless ``detach``, keep it until Ctrl-C; return its URL."""
    url = start()
    if not detach:
        wait()
    return url


def wait() -> None:
    """Return when the service has ended; Ctrl-C ends it."""
    try:
        while running() is not None:
            time.sleep(0.5)
    except KeyboardInterrupt:
        stop()


def stop() -> bool:
    """Stop the service, letting running requests finish; return whether one ran.

    Raises ServiceFault when it will not go.
    """
    from horizonte.serve import issuer_process  # models are not needed to start or look

    folder = _folder()
    found = running()
    if found is not None and not process.stop(
        found.identity, signals=(signal.SIGTERM, signal.SIGKILL)
    ):
        raise ServiceFault("forecast service", found.pid, "stopped", "end that process")
    _stop_strays(folder)
    _file(folder).unlink(missing_ok=True)
    issuer_process.stop()  # where the service was killed, nobody else did
    return found is not None


def running() -> Running | None:
    """Return the service that runs in this home, or None."""
    return background.noted(_file(_folder()))


def log_file() -> Path:
    """Return where the service logs to."""
    return settings().home_folder() / "logs" / "service.log"


def _folder() -> Path:
    return (settings().home_folder() / "service").resolve()


def _file(folder: Path) -> Path:
    return folder / "service.json"


def _launch(folder: Path, host: str, port: int) -> Running:
    env = {
        **os.environ,
        **QUIET,
        "HORIZONTE_HOME": str(settings().home_folder()),
        "BENTOML_HOME": str(folder / "bentoml"),
    }
    env.setdefault("OMP_NUM_THREADS", "1")  # one request is small; threads only get in its way
    argv = [sys.executable, "-m", MODULE, "--host", host, "--port", str(port)]
    child = process.spawn(Launch(argv, folder, log_file(), env))
    return background.note(_file(folder), child, f"http://{asked_at(host)}:{port}")


def _becomes_ready(found: Running) -> bool:
    """Wait for the service; return False when its process ended meanwhile.

    Raises ServiceFault, with the service stopped, when it says that it cannot or time is up.
    """
    deadline, reason = time.monotonic() + READY_SECONDS, "no answer yet"
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{found.url}/readyz", timeout=5):  # noqa: S310 (ours)
                return process.alive(found.identity)  # a worker may outlive its killed server
        except urllib.error.HTTPError as answer:
            kind, reason = _told(answer)
            if kind == "/problems/no-champion":
                break
        except OSError:
            pass
        if not process.alive(found.identity):
            return False
        time.sleep(0.1)
    stop()
    raise ServiceFault(
        "forecast service",
        reason,
        f"ready within {READY_SECONDS:.0f} s",
        "publish a model first (horizonte publish), or read the service's log",
    )


def _told(answer: urllib.error.HTTPError) -> tuple[str, str]:
    """Return kind and detail of a problem; of any other answer its status."""
    try:
        problem = json.load(answer)
        return str(problem["type"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return "", f"HTTP {answer.code} from another program"


def _port(setting: Settings, port: int | None) -> int:
    asked = setting.port if port is None else port
    if asked and process.is_free(asked):
        return asked
    if (port is None and "port" not in setting.model_fields_set) or asked == 0:
        return process.free_ports(1)[0]
    raise ServiceFault("HORIZONTE_PORT", asked, "a free port", "choose another, or 0 for any")


def _stop_strays(folder: Path) -> None:
    """End the worker that a killed server left behind: only ours work inside this folder."""
    names = {Path(sys.executable).name, "python", "python3", f"python3.{sys.version_info.minor}"}
    for stray in (found for name in names for found in process.strays(name, folder)):
        if stray.pid != os.getpid():
            process.stop(stray, signals=(signal.SIGTERM, signal.SIGKILL))
