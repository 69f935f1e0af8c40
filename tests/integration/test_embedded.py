"""The embedded services as commands find them: started, shared, described, stopped."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from horizonte import config
from horizonte.embedded import process, services, state
from horizonte.embedded.endpoints import Endpoints

ROOT = Path(__file__).parents[2]
UP = "from horizonte.embedded import services; services.up(link_project=False)"


def test_ready_means_a_real_query_and_a_real_object(
    found: Endpoints, kept: Callable[[Endpoints], bool]
) -> None:
    """Up returns servers that store and give back, with everything durable switched on."""
    assert kept(found)
    with psycopg.connect(found.database) as conn:
        durable = [
            conn.execute(f"show {name}").fetchone()
            for name in ("fsync", "synchronous_commit", "full_page_writes")
        ]
    assert durable == [("on",)] * 3
    assert [row.state for row in services.status()] == ["running"] * 3
    assert not any(str(found.s3.secret) in str(row) for row in services.status())


def test_every_port_is_on_loopback(rented: Path, found: Endpoints) -> None:
    """No process of the home listens on any other address, and none on a default port."""
    listening = [
        connection.laddr
        for record in state.read(rented).values()
        for connection in psutil.Process(record.pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert all(address.port in process.PORTS for address in listening)


def test_only_the_owner_reads_credentials(rented: Path, found: Endpoints) -> None:
    """Whatever file holds a password is of mode 0600, and strangers are refused."""
    secrets = [record.secret for record in state.read(rented).values()]
    files = [path for path in rented.rglob("*") if path.is_file()]
    texts = [path.read_bytes() for path in files if path.stat().st_mode & 0o077]
    assert not any(secret.encode() in text for text in texts for secret in secrets)
    port = state.read(rented)["postgres"].ports[0]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://horizonte:guess@127.0.0.1:{port}/horizonte")


def test_up_again_and_at_once_changes_nothing(rented: Path, found: Endpoints) -> None:
    """Two more starts at the same time keep the very same processes."""
    before = state.read(rented)
    starts = [_python(UP) for _ in range(2)]
    assert [start.wait(120) for start in starts] == [0, 0]
    assert services.up(link_project=False) == found
    assert state.read(rented) == before


def test_concurrent_first_starts_make_one_of_each(
    tmp_path: Path, enter: Callable[[Path], Path]
) -> None:
    """Two commands that start a new home together end with one server of each, for both."""
    home = enter(tmp_path / "new")
    starts = [_python(UP) for _ in range(2)]
    assert [start.wait(120) for start in starts] == [0, 0]
    recorded = {record.pid for record in state.read(home).values()}
    assert set(_servers(home)) == recorded
    assert services.down() == ["postgres", "s3", "mqtt"]
    assert services.down() == []
    assert _servers(home) == []


def test_two_homes_live_side_by_side(
    found: Endpoints,
    kept: Callable[[Endpoints], bool],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A second home has servers of its own, and taking it down leaves the first alone."""
    with monkeypatch.context() as patch:
        patch.setenv("HORIZONTE_HOME", str(tmp_path / "second"))
        config.settings.cache_clear()
        assert services.up(link_project=False).database != found.database
        assert services.down() == ["postgres", "s3", "mqtt"]
    config.settings.cache_clear()
    assert kept(found)


def test_a_set_url_is_used_and_nothing_started(
    tmp_path: Path, enter: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With URLs in the settings up starts nothing, and down has nothing to stop."""
    home = enter(tmp_path / "none")
    monkeypatch.setenv("HORIZONTE_DATABASE", "postgresql://u:p@db.example.org/x")
    monkeypatch.setenv("HORIZONTE_S3", "http://k:s@s3.example.org/b")
    monkeypatch.setenv("HORIZONTE_MQTT", "mqtt://u:p@mqtt.example.org")
    config.settings.cache_clear()
    found = services.up(link_project=False)
    assert (found.database, found.s3.bucket) == ("postgresql://u:p@db.example.org/x", "b")
    assert [(row.state, ":p@" in row.url) for row in services.status()] == [("external", False)] * 3
    assert services.down() == []
    assert not home.exists()


@pytest.mark.slow
def test_dvc_pushes_to_the_bucket_and_pulls_back(
    found: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the committed configuration and what up writes, DVC works without another word."""
    (tmp_path / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc" / "config", tmp_path / ".dvc")
    (tmp_path / "params.yaml").touch()
    (tmp_path / "data.txt").write_text("x\n")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    services.up()
    for arguments in ("add -q data.txt", "push -q"):
        _dvc(arguments)
    shutil.rmtree(tmp_path / ".dvc" / "cache")
    (tmp_path / "data.txt").unlink()
    _dvc("pull -q")
    assert (tmp_path / "data.txt").read_text() == "x\n"
    assert (tmp_path / ".dvc" / "config.local").stat().st_mode & 0o777 == 0o600


def _python(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code], cwd="/", stdout=subprocess.DEVNULL)


def _dvc(arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments.split()], check=True)


def _servers(home: Path) -> list[int]:
    """The pids of the home's weeds and brokers and of its postgres processes but their own."""
    weeds = [found.pid for found in process.strays("weed", home / "s3")]
    posts = [found.pid for found in process.strays("postgres", home / "postgres" / "data")]
    brokers = [found.pid for found in process.strays("python", home / "mqtt")]
    return weeds + brokers + [pid for pid in posts if psutil.Process(pid).ppid() not in posts]
