"""A service that asks for keys, over HTTP, with real keys in a real database."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from horizonte import config, demo
from horizonte.embedded.endpoints import S3Settings
from horizonte.errors import ServiceFault
from horizonte.retrain.publish import publish
from horizonte.serve import run
from horizonte.store import keys
from horizonte.store.connection import connect

pytestmark = pytest.mark.slow
MQTT = "mqtt://device:mqtt-password-never-shown@127.0.0.1:9"


@pytest.fixture(scope="module")
def home(
    loaded: str, bucket: S3Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A home whose service asks for keys."""
    folder = tmp_path_factory.mktemp("keyed")
    given = {
        "HOME": str(folder),
        "DATABASE": loaded,
        "S3": bucket.url(),
        "PORT": "0",
        "ISSUE": "off",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (given | {"AUTH": "keys", "MQTT": MQTT}).items():
            patch.setenv(f"HORIZONTE_{name}", value)
        config.settings.cache_clear()
        yield folder
        run.stop()
    config.settings.cache_clear()


@pytest.fixture(scope="module")
def tokens(loaded: str) -> dict[str, str]:
    """One key of each scope."""
    with connect(loaded) as conn:
        return {s: keys.create(conn, [s], note=f"test {s}") for s in keys.SCOPES}


@pytest.fixture(scope="module")
def url(home: Path, loaded: str, bucket: S3Settings, model: Path, tokens: dict[str, str]) -> str:
    """The address of a service that listens on every address of this machine."""
    with connect(loaded) as conn:
        publish(conn, model, s3=bucket, why="the test's champion")
    return run.start(host="0.0.0.0")  # noqa: S104 (the test of it)


def asked(
    url: str, token: str | None, method: str = "GET", path: str = "/series"
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = {"series": "site/a"} if path == "/forecast" else None
    with httpx.Client(trust_env=False, timeout=30) as client:
        return client.request(method, url + path, headers=headers, json=body)


def test_probes_and_help_are_open(url: str) -> None:
    """Without a key the probes, the docs and the pages of problems answer, and nothing else."""
    for path in ("/livez", "/readyz", "/healthz", "/problems/forbidden", "/docs", "/docs.json"):
        assert asked(url, None, path=path).status_code == 200, path
    for path in ("/series", "/metrics", "/version", "/forecasts/site/a", "/models/current"):
        answer = asked(url, None, path=path)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), path
        assert answer.json()["type"] == "/problems/unauthenticated"


def test_a_key_reaches_as_far_as_its_scope(url: str, tokens: dict[str, str]) -> None:
    """Reading needs read, writing needs write and says so, and an unknown path is a 404 to read."""
    assert asked(url, tokens["read"]).status_code == 200
    assert asked(url, tokens["read"], "POST", "/forecast").status_code == 200
    assert asked(url, tokens["read"], path="/metrics").status_code == 200
    assert asked(url, tokens["read"], path="/nowhere").status_code == 404
    said = asked(url, tokens["read"], "POST", "/observations").json()
    assert (said["type"], said["allowed"]) == ("/problems/forbidden", "write")
    assert asked(url, tokens["write"], "POST", "/retrain").json()["allowed"] == "admin"
    assert asked(url, tokens["write"], "POST", "/observations").status_code == 415
    assert asked(url, tokens["admin"]).status_code == 200


def test_a_key_is_told_what_it_is(url: str, tokens: dict[str, str]) -> None:
    """Its id, its note and every scope that its own includes; a wrong one is told nothing."""
    told = asked(url, tokens["write"], path="/keys/current").json()
    assert told == {
        "id": tokens["write"].split("_")[1],
        "scopes": ["read", "write"],
        "note": "test write",
        "expires_at": None,
    }
    assert asked(url, tokens["read"][:-4] + "oops", path="/keys/current").status_code == 401
    assert asked(url, None, path="/keys/current").status_code == 401


@pytest.mark.parametrize("path", ["/models/rollback", "/models/3f0c3f0c/promote"])
def test_the_pointer_is_moved_by_admins_alone(url: str, tokens: dict[str, str], path: str) -> None:
    """A key of scope write is told that it needs admin."""
    said = asked(url, tokens["write"], "POST", path)
    assert (said.status_code, said.json()["allowed"]) == (403, "admin")


def test_a_new_key_works_and_a_revoked_one_ends_without_a_restart(url: str, loaded: str) -> None:
    """The service learns of both by itself."""
    with connect(loaded) as conn:
        token = keys.create(conn, ["read"], note="short")
        _until(url, token, 200)
        keys.revoke(conn, token.split("_")[1], why="test")
    _until(url, token, 401)


def _until(url: str, token: str, status: int) -> None:
    began = time.monotonic()
    while asked(url, token).status_code != status:
        assert time.monotonic() - began < 30
        time.sleep(0.05)


def test_other_machines_are_answered_with_a_key(url: str, tokens: dict[str, str]) -> None:
    """On an address of the network a key is enough, and no key is not."""
    there = f"http://{_outside()}:{urlsplit(url).port}"
    assert asked(there, tokens["read"]).status_code == 200
    assert asked(there, None).status_code == 401


def _outside() -> str:
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no other address")
        return str(probe.getsockname()[0])


def test_no_open_address_without_keys(
    server_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Binding for other machines is refused without HORIZONTE_AUTH=keys, and without a key."""
    monkeypatch.setenv("HORIZONTE_HOME", str(tmp_path))
    monkeypatch.setenv(
        "HORIZONTE_DATABASE", urlsplit(server_url)._replace(path="/postgres").geturl()
    )
    for auth, says in (("off", "set HORIZONTE_AUTH=keys"), ("keys", "horizonte keys create")):
        monkeypatch.setenv("HORIZONTE_AUTH", auth)
        config.settings.cache_clear()
        with pytest.raises(ServiceFault, match=says):
            run.start(host="0.0.0.0")  # noqa: S104 (the test of it)
    monkeypatch.undo()
    config.settings.cache_clear()


def test_no_secret_is_logged(
    url: str, loaded: str, bucket: S3Settings, tokens: dict[str, str]
) -> None:
    """After failures of key, database and bucket the log names the key and holds no secret."""
    wrong = tokens["read"][:-4] + "oops"
    said = [asked(url, wrong).text, asked(url, tokens["read"], "POST", "/observations").text]
    with connect(loaded) as conn:
        conn.execute(
            "INSERT INTO model_version (sha256, uri, card) VALUES ('0gone', 's3://x', '{}')"
        )
        conn.execute(
            "INSERT INTO promotion (sha256, kind, why, promoted_by, evidence) "
            "VALUES ('0gone', 'promote', 'bad', 'test', '{}')"
        )
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    _until(url, tokens["read"], 200)
    began = time.monotonic()
    while "0gone" not in run.log_file().read_text():
        assert time.monotonic() - began < 60
        time.sleep(0.2)
    log = run.log_file().read_text() + "".join(said)
    assert tokens["read"].split("_")[1] in log  # the key's id, which is no secret
    assert "cannot look" in log
    password = urlsplit(loaded).password
    assert password
    secrets = [*tokens.values(), wrong, password, bucket.secret, "mqtt-password-never-shown"]
    for secret in secrets:
        assert secret not in log
    for token in (*tokens.values(), wrong):
        assert token.split("_", 2)[2] not in log


def test_the_demo_asks_with_a_key_of_its_own(url: str, loaded: str) -> None:
    """It is answered, and the key that it made is revoked; what is refused is said."""
    answer = demo.ask(url, {"series": "site/a", "horizon": 1})
    assert answer["model_version"]
    with connect(loaded) as conn:
        made = [key for key in keys.listed(conn) if key.note == "the demo's own question"]
    assert [key.scopes for key in made] == [["read"]]
    assert all(key.revoked_at for key in made)
    with pytest.raises(ServiceFault, match="HTTP 404"):
        demo.ask(url, {"series": "site/nothing", "horizon": 1})
