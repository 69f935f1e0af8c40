"""The web app while what it reads is away."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest
from tests.integration.web.conftest import running

from horizonte.embedded import process, services
from horizonte.store.connection import connect

PARTS = {"s3": "Bucket", "mqtt": "Broker", "postgres": "Database"}
PAGES = ("/", "/reports", "/health")


def test_without_a_database_pages_say_so(tmp_path: Path) -> None:
    """Overview and series answer 503, name what is missing and why, and keep the frame; none breaks."""
    away = "postgresql://nobody@127.0.0.1:1/none"
    with running(tmp_path, HORIZONTE_DATABASE=away, HORIZONTE_MQTT="mqtt://127.0.0.1:1") as client:
        for path in ("/", "/series?id=plant/load", "/series/data?id=plant/load"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert "The database does not answer" in answer.text
            assert "Reason: " in answer.text
            assert "Overview</a>" in answer.text
        assert client.get("/livez").status_code == 200


def test_no_login_is_offered_where_it_would_not_be_kept(tmp_path: Path) -> None:
    """Under a name of the network without TLS browsers drop the cookie, and the page says what is wanting."""
    given = {"WEB_ORIGIN": "http://web.example", "WEB_SERVICE": "http://127.0.0.1:1"}
    env = {f"HORIZONTE_{name}": value for name, value in given.items()}
    with running(tmp_path, HORIZONTE_MQTT="mqtt://127.0.0.1:1", **env) as client:
        away = client.get("/login", headers={"host": "web.example"}).text
        assert "needs an encrypted connection" in away
        assert 'name="key"' not in away
        assert 'name="key"' in client.get("/login").text  # on loopback it is kept


def state(client: httpx.Client, part: str) -> str:
    """What the health page says of a part."""
    text = client.get("/health").text
    found = re.search(rf">{part}</th><td><span[^>]*>(\w+)<", text)
    return found[1] if found else text


def kill(name: str) -> None:
    """End an embedded service of this home as a power cut would."""
    (pid,) = [row.pid for row in services.status() if row.name == name]
    ours = psutil.Process(pid)
    for one in [ours, *ours.children(recursive=True)]:
        one.kill()


@pytest.mark.slow
def test_each_server_killed_is_named_and_the_rest_is_shown(
    enter: Callable[[Path], Path], tmp_path: Path
) -> None:
    """Bucket, broker and database in turn: pages answer, health says which; up again, all is well."""
    home = enter(tmp_path / "home")
    services.up(link_project=False)
    connect().close()  # an empty database
    with running(tmp_path / "home", HORIZONTE_HOME=str(home)) as client:
        assert process.wait_until(lambda: state(client, "Broker") == "well", seconds=30)
        assert "Nothing was monitored yet" in client.get("/reports").text
        assert "No target is registered yet" in client.get("/").text
        for name, part in PARTS.items():
            assert state(client, part) == "well"
            kill(name)
            assert process.wait_until(lambda part=part: state(client, part) == "broken", seconds=30)
            for path in PAGES:
                gone = name == "postgres" and path == "/"
                assert client.get(path).status_code == (503 if gone else 200)
            assert "Reason: " in client.get("/reports").text or name == "mqtt"
        services.up(link_project=False)
        for part in PARTS.values():
            assert process.wait_until(lambda part=part: state(client, part) == "well", seconds=30)
        assert client.get("/").status_code == 200
