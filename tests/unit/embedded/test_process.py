import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from horizonte.embedded import process
from horizonte.embedded.process import Identity, Launch

DEAF = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)"
)


def _launch(folder: Path, code: str) -> Launch:
    return Launch([sys.executable, "-c", code], folder, folder / "logs" / "x.log", dict(os.environ))


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Identity]:
    found = process.spawn(_launch(tmp_path, DEAF + "; time.sleep(60)"))
    yield found
    process.stop(found, signals=(signal.SIGKILL,))


def test_a_process_lives_until_it_is_stopped(tmp_path: Path, sleeper: Identity) -> None:
    """One that ignores the polite signal goes by the next, and is then not alive."""
    assert process.wait_until(lambda: "deaf" in process.tail(tmp_path / "logs/x.log"), seconds=10)
    assert process.alive(sleeper)
    assert not process.stop(sleeper, signals=(signal.SIGTERM,), patience=0.2)
    assert process.stop(sleeper, signals=(signal.SIGKILL,))
    assert not process.alive(sleeper)


def test_a_reused_pid_is_not_ours(sleeper: Identity) -> None:
    """The same pid created at another time is neither alive to us nor stopped by us."""
    stranger = replace(sleeper, created=sleeper.created - 60)
    assert not process.alive(stranger)
    assert process.stop(stranger, signals=(signal.SIGKILL,))
    assert process.alive(sleeper)


def test_a_suspended_process_still_stops(tmp_path: Path) -> None:
    """A signal reaches a process that is suspended."""
    found = process.spawn(_launch(tmp_path, "import time; time.sleep(60)"))
    os.kill(found.pid, signal.SIGSTOP)
    assert process.stop(found, signals=(signal.SIGTERM,), patience=5)


def test_what_was_stopped_is_reaped(sleeper: Identity) -> None:
    """No zombie is left of a child that is found to have ended."""
    os.kill(sleeper.pid, signal.SIGKILL)
    assert process.wait_until(lambda: not process.alive(sleeper), seconds=10)
    assert not psutil.pid_exists(sleeper.pid)


def test_it_may_outlive_who_started_it(tmp_path: Path) -> None:
    """Who starts a process and ends before it is not warned of a child that still runs."""
    code = """
import sys
from pathlib import Path
from horizonte.embedded.process import Launch, spawn
argv, folder = [sys.executable, "-c", "import time; time.sleep(60)"], Path(sys.argv[1])
found = spawn(Launch(argv, folder, folder / "x.log", {}))
print(found.pid, found.created)"""
    argv = [sys.executable, "-W", "error", "-c", code, str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    pid, created = done.stdout.split()
    assert process.stop(Identity(int(pid), float(created)), signals=(signal.SIGKILL,))
    assert done.stderr == ""


def test_strays_are_known_by_their_folder(tmp_path: Path, sleeper: Identity) -> None:
    """Only processes of that name in that very folder are strays."""
    name = psutil.Process(sleeper.pid).name()
    assert [found.pid for found in process.strays(name, tmp_path)] == [sleeper.pid]
    assert process.strays(name, tmp_path.parent) == []
    assert process.strays("weed", tmp_path) == []


def test_taken_ports_are_replaced() -> None:
    """Wanted ports are kept when all are free; otherwise others are given, all distinct."""
    wanted = process.free_ports(2)
    assert process.free_ports(2, wanted=wanted) == wanted
    with socket.create_server((process.LOOPBACK, wanted[1])):
        assert not process.is_free(wanted[1])
        others = process.free_ports(2, wanted=wanted)
    assert wanted[1] not in others
    assert len(set(others)) == 2


def test_the_tail_of_a_log_is_bounded(tmp_path: Path) -> None:
    """Only the last lines are returned, and a missing log is said, not raised."""
    log = tmp_path / "x.log"
    assert "no log" in process.tail(log)
    log.write_text("\n".join(map(str, range(100_000))))
    assert process.tail(log, lines=2) == "99998\n99999"
