"""The embedded services after what happens to services: kills, hangs, thieves, lost files."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from horizonte.embedded import cluster, process, services, state, supervisor
from horizonte.embedded.endpoints import Endpoints
from horizonte.errors import ServiceFault

Kept = Callable[[Endpoints], bool]
Enter = Callable[[Path], Path]


@pytest.mark.parametrize("names", [("postgres",), ("s3",), ("mqtt",), services.NAMES])
def test_up_heals_after_a_kill(
    rented: Path, found: Endpoints, kept: Kept, names: tuple[str, ...]
) -> None:
    """After SIGKILL, up brings back the same address with everything acknowledged still there."""
    for name in names:
        os.kill(_pids(rented)[name], signal.SIGKILL)
    assert services.up(link_project=False) == found
    assert kept(found)


def test_a_zombie_postmaster_blocks_nothing(tmp_path: Path, enter: Enter) -> None:
    """A killed server whose parent never reaps it does not keep the next from starting."""
    home = enter(tmp_path / "zombie")
    code = """
import time
from horizonte.embedded import services
services.up(["postgres"], link_project=False)
print("up", flush=True)
time.sleep(99)"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        assert parent.stdout.read(2) == b"up"
        pid = _pids(home)["postgres"]
        os.kill(pid, signal.SIGKILL)
        assert process.wait_until(lambda: psutil.Process(pid).status() == "zombie", seconds=5)
        services.up(["postgres"], link_project=False)
        assert psutil.Process(pid).status() == "zombie"
        parent.kill()


def test_a_hanging_server_is_replaced(
    rented: Path, found: Endpoints, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that runs without answering is stopped and started again."""
    monkeypatch.setattr(supervisor, "ANSWER_SECONDS", 0.5)
    hanging = _pids(rented)["postgres"]
    os.kill(hanging, signal.SIGSTOP)
    assert services.up(["postgres"], link_project=False).database == found.database
    assert _pids(rented)["postgres"] != hanging
    assert kept(found)


def test_a_taken_port_is_given_up(rented: Path, found: Endpoints, kept: Kept) -> None:
    """Ports that somebody else took while we were down are replaced; the data are the same."""
    services.down()
    ports = [state.read(rented)[name].ports[0] for name in services.NAMES]
    thieves = [socket.create_server((process.LOOPBACK, port)) for port in ports]
    try:
        moved = services.up(link_project=False)
    finally:
        for thief in thieves:
            thief.close()
    assert moved.database != found.database
    assert moved.s3.endpoint != found.s3.endpoint
    assert moved.mqtt != found.mqtt
    assert kept(moved)


def test_a_lost_state_file_heals(rented: Path, found: Endpoints, kept: Kept) -> None:
    """Deleting the state file under running servers costs new credentials and no data."""
    before = state.read(rented)
    (rented / "services.json").unlink()
    renewed = services.up(link_project=False)
    assert renewed.s3.secret != found.s3.secret
    assert renewed.mqtt != found.mqtt
    assert not any(process.alive(record.identity) for record in before.values())
    assert kept(renewed)


def test_a_server_that_cannot_start_shows_its_log(
    tmp_path: Path, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged cluster is a ServiceFault that ends with what the server said."""
    home = enter(tmp_path / "broken")
    monkeypatch.setattr(supervisor, "ATTEMPTS", 2)
    services.up(["postgres"], link_project=False)
    services.down()
    (cluster.place(home) / "data" / "global" / "pg_control").write_bytes(b"")
    with pytest.raises(ServiceFault, match="pg_control"):
        services.up(["postgres"], link_project=False)


def _pids(home: Path) -> dict[str, int]:
    return {name: record.pid for name, record in state.read(home).items() if record.pid}
