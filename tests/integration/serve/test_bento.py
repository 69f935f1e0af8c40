"""The packed service: built without a network, served elsewhere by settings alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml

from horizonte.embedded import process
from horizonte.embedded.endpoints import S3Settings
from horizonte.retrain.publish import publish
from horizonte.serve.run import QUIET
from horizonte.store.connection import connect

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.slow
# A proxy that nobody answers: whoever asks the network fails.
OFFLINE = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")


def _environment(home: Path, **more: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, **QUIET, **OFFLINE, "NO_PROXY": "127.0.0.1", "UV_OFFLINE": "1",
            "PATH": path, "BENTOML_HOME": str(home), **more}  # fmt: skip


@pytest.fixture(scope="module")
def bento(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bento, built offline and copied away from where it was built."""
    home = tmp_path_factory.mktemp("bentoml")
    build = [sys.executable, "-m", "bentoml", "build", "--output", "tag"]
    done = subprocess.run(
        build, env=_environment(home), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = (p for p in (home / "bentos/horizonte").iterdir() if p.is_dir())
    return Path(shutil.copytree(built, tmp_path_factory.mktemp("elsewhere") / "bento"))


def test_it_holds_the_package_and_the_locked_requirements(bento: Path) -> None:
    """The package lies where the bento imports from, with its SQL; it asks for what serving imports."""
    source = bento / "src"
    assert {p.name for p in source.iterdir()} == {"horizonte", "README.md", "bentofile.yaml"}
    assert list((source / "horizonte/store/sql").glob("*.sql"))
    assert not list(source.rglob("*.pyc"))
    wanted = (bento / "env/python/requirements.txt").read_text()
    locked = (ROOT / "requirements/serve.txt").read_text()
    hashes = re.compile(r"sha256:[0-9a-f]{64}")
    assert set(hashes.findall(wanted)) == set(hashes.findall(locked))
    assert yaml.safe_load((bento / "bento.yaml").read_text())["models"] == []
    assert " libgomp1" in (bento / "env/docker/Dockerfile").read_text()  # LightGBM's threads


def test_it_serves_in_another_folder_with_settings_only(
    bento: Path, home: Path, bucket: S3Settings, model: Path, tmp_path: Path
) -> None:
    """Its own code answers by settings alone, with the edge and the front that we serve with."""
    with connect() as conn:
        publish(conn, model, s3=bucket, why="the bento's champion")
    code = bento / "src/horizonte/__init__.py"
    code.write_text(code.read_text().replace('"0.', '"99.'))  # tells the packed code from ours
    (port,) = process.free_ports(1)
    serve = [sys.executable, "-m", "bentoml", "serve", str(bento), "--host", "127.0.0.1"]
    log = tmp_path / "log"
    env = _environment(tmp_path / "bentoml", HORIZONTE_HOME=str(tmp_path / "home"))
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [*serve, "--port", str(port)], cwd=tmp_path, env=env, stdout=out, stderr=out
        ) as server,
    ):
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
                _await(client, log)
                assert client.get("/version").json()["version"].startswith("99.")
                answer = client.post("/forecast", json={"series": "plant/load"}, timeout=30)
                assert len(answer.json()["forecasts"][0]["rows"]) == 24
                stored = client.get("/forecasts/plant/load")
                assert len(stored.headers.get_list("x-request-id")) == 1
                assert stored.json()["rows"] == answer.json()["forecasts"][0]["rows"]
                assert 'horizonte_requests_total{method="POST",route="/forecast"' in (
                    client.get("/metrics").text
                )
        finally:
            server.terminate()
            server.wait(timeout=30)


def _await(client: httpx.Client, log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(log.read_text()[-4000:])
