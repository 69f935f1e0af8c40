"""The web app in the background: one a home, found again, replaced after a kill, stopped with the rest."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from horizonte import config
from horizonte.embedded import process
from horizonte.errors import ServiceFault
from horizonte.web import detached


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of its own, without database and broker."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HORIZONTE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HORIZONTE_DATABASE", "postgresql://127.0.0.1:1/none")
    monkeypatch.setenv("HORIZONTE_MQTT", "mqtt://127.0.0.1:1")
    config.settings.cache_clear()
    yield tmp_path
    detached.stop()
    monkeypatch.undo()
    config.settings.cache_clear()


def test_one_a_home(home: Path) -> None:
    """A second start finds the first; killed, it is started anew; stopped, nothing answers."""
    url = detached.start()
    assert detached.start() == url
    found = detached.running()
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)
    assert process.wait_until(lambda: not process.alive(found.identity), seconds=10)
    again = detached.start()
    assert httpx.get(f"{again}/livez", trust_env=False).text == "ok\n"
    assert detached.stop()
    assert detached.running() is None
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{again}/livez", trust_env=False)


def test_what_keeps_it_from_answering_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A taken port that was asked for by name is refused before anything is started."""
    url = detached.start()
    monkeypatch.setenv("HORIZONTE_WEB_PORT", url.rpartition(":")[2])
    monkeypatch.setenv("HORIZONTE_HOME", str(home / "another"))
    config.settings.cache_clear()
    with pytest.raises(ServiceFault, match="HORIZONTE_WEB_PORT"):
        detached.start()
    monkeypatch.setenv("HORIZONTE_HOME", str(home / "home"))
    config.settings.cache_clear()
