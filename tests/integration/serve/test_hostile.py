"""What hostile clients and a tampered bucket make the service do: nothing but answer."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from tests.integration.serve import hostile

from horizonte import config
from horizonte.embedded.endpoints import S3Settings
from horizonte.serve import folder as model_folder
from horizonte.serve import run
from horizonte.store.connection import connect

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the service writes down what its interpreter did, once ``armed`` is there."""
    return tmp_path_factory.mktemp("audit")


@pytest.fixture(scope="module")
def home(
    loaded: str, bucket: S3Settings, heard: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A home whose service is listened to from its first line on."""
    folder = tmp_path_factory.mktemp("serving")
    given = {
        "HOME": str(folder),
        "DATABASE": loaded,
        "S3": bucket.url(),
        "PORT": "0",
        "ISSUE": "off",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            patch.setenv(f"HORIZONTE_{name}", value)
        patch.setenv("HORIZONTE_TEST_AUDIT", str(heard))
        patch.setenv("PYTHONPATH", str(HERE / "listening"))
        config.settings.cache_clear()
        yield folder
        run.stop()
    config.settings.cache_clear()


@pytest.fixture
def armed(heard: Path) -> Path:
    """The same, listening from now on, with nothing heard so far."""
    (heard / "armed").touch()
    (heard / "heard").unlink(missing_ok=True)
    return heard


def _events(heard: Path) -> list[str]:
    file = heard / "heard"
    return file.read_text().splitlines() if file.exists() else []


def _strange(heard: Path, home: Path, *known: str) -> list[str]:
    """The events that are not a connection to a known place or a file in the home."""
    ports = [f", {urlsplit(where).port})" for where in known]
    return [
        event
        for event in _events(heard)
        if not (event.startswith("socket.connect") and any(port in event for port in ports))
        and not (event.startswith("open") and str(home) in event)
    ]


def test_the_ear_hears(url: str, armed: Path) -> None:
    """The service's process carries the hook, and the hook writes down an unpickling."""
    found = run.running()
    assert found is not None
    assert (armed / str(found.pid)).exists()
    code = "import os, pickle, sitecustomize; pickle.loads(pickle.dumps(os.path.join))"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert any(event.startswith("pickle.find_class") for event in _events(armed))


def test_hostile_requests_make_it_do_nothing(
    client: httpx.Client, armed: Path, home: Path, loaded: str, bucket: S3Settings
) -> None:
    """Pickles, addresses, bombs: no answer above 499, nothing unpickled, run, written or asked."""
    for path in ("/forecast", "/observations", "/annotations"):
        for headers, body in hostile.requests():
            answer = client.post(path, content=body, headers=headers)
            told = (path, headers, body[:80], answer.text[:300])
            assert answer.status_code < 500, told
            assert answer.headers["content-type"].startswith("application/"), told
            answer.json()
    for text in hostile.INSIDE:
        assert client.get(f"/forecasts/{text}").status_code < 500
        assert client.get("/annotations", params={"unique_id": text}).status_code < 500
    assert _strange(armed, home, loaded, bucket.endpoint or "") == []
    assert not list(home.rglob("sprung"))


SCALAR = some.none() | some.booleans() | some.integers() | some.floats() | some.text()
VALUE = some.recursive(
    SCALAR, lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner), max_leaves=12
)
SERIES = some.sampled_from(["site/a", "plant/load", "none"])
NEARLY = some.fixed_dictionaries(
    {"series": SERIES | some.lists(SERIES, max_size=3) | VALUE},
    optional={
        "horizon": some.integers() | some.sampled_from(["PT6H", "P1Y", "PT0S", "-PT1H"]) | VALUE,
        "levels": some.lists(some.sampled_from([50, 80, 90, 95])) | VALUE,
        "at": VALUE,
    },
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=NEARLY | VALUE)
def test_any_json_is_answered(client: httpx.Client, body: object) -> None:
    """Whatever JSON asks for a forecast, the answer is a forecast or a problem, never a failure."""
    sent = json.dumps(body).encode()
    answer = client.post("/forecast", content=sent, headers={"content-type": "application/json"})
    assert answer.status_code < 500, answer.text
    found = answer.json()
    if answer.status_code != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert found["fix"]


@pytest.mark.parametrize("path", ["PT1H/model.pkl", "PT1H/model.joblib", "../../outside.json"])
def test_a_tampered_model_is_refused_unread(
    client: httpx.Client, armed: Path, loaded: str, bucket: S3Settings, path: str
) -> None:
    """A promoted folder with a pickle, or with a way out of itself, is refused; the old one serves."""
    before = client.get("/models/current").json()["model_version"]
    listed = {path: model_folder.sha256(hostile.TRAP)}
    card = json.dumps({"files": listed, "params": {"clean": {}}}).encode()
    version = model_folder.identity({**listed, model_folder.CARD: model_folder.sha256(card)})
    _promote(bucket, loaded, version, {"card.json": card, path: hostile.TRAP})
    _until_refused(client, path)
    assert client.get("/models/current").json()["model_version"] == before
    home = config.settings().home_folder()
    assert _strange(armed, home, loaded, bucket.endpoint or "") == []
    assert not list(home.rglob("sprung"))
    assert not (home / "outside.json").exists()


def test_an_array_of_objects_is_refused_unread(
    client: httpx.Client, armed: Path, loaded: str, bucket: S3Settings, variant: Any
) -> None:
    """A model whose array is a pickle, with every hash right, is refused and never unpickled."""
    current = client.get("/models/current").json()
    before, earlier = current["model_version"], current["refused"]
    folder = variant("tampered")
    arrays = [*folder.rglob("*.npz"), *folder.rglob("*.npy")]
    assert arrays
    for file in arrays:
        file.write_bytes(hostile.array(packed=file.suffix == ".npz"))
    files = {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }
    hashes = {name: model_folder.sha256(content) for name, content in files.items()}
    del hashes[model_folder.CARD]
    card = json.loads(files[model_folder.CARD]) | {"files": hashes}
    files[model_folder.CARD] = json.dumps(card).encode()
    version = model_folder.identity(model_folder.listed(files[model_folder.CARD]))
    _promote(bucket, loaded, version, files)
    assert "is not a saved linear model" in _until_refused(client, "", after=earlier)
    assert client.get("/models/current").json()["model_version"] == before
    home = config.settings().home_folder()
    assert _strange(armed, home, loaded, bucket.endpoint or "") == []
    assert not list(home.rglob("sprung"))


def _until_refused(client: httpx.Client, said: str, *, after: str | None = None) -> str:
    began = time.monotonic()
    while True:
        refused = client.get("/models/current").json()["refused"]
        if refused is not None and said in refused and refused != after:
            return str(refused)
        assert time.monotonic() - began < 60, refused
        time.sleep(0.1)


def _promote(bucket: S3Settings, where: str, version: str, files: dict[str, bytes]) -> None:
    _upload(bucket, version, files)
    with connect(where) as conn:
        conn.execute(
            "INSERT INTO model_version (sha256, uri, card) VALUES (%s, 's3://x', '{}')", (version,)
        )
        conn.execute(
            "INSERT INTO promotion (sha256, kind, why, promoted_by, evidence) "
            "VALUES (%s, 'promote', 'tampered', 'test', '{}')",
            (version,),
        )
        conn.execute("SELECT pg_notify('horizonte_promotion', %s)", (version,))


def _upload(bucket: S3Settings, version: str, files: dict[str, bytes]) -> None:
    keys = {"aws_access_key_id": bucket.key, "aws_secret_access_key": bucket.secret}
    s3 = boto3.client("s3", endpoint_url=bucket.endpoint, region_name=bucket.region, **keys)
    for path, content in files.items():
        name = path.replace("../", "%2e%2e/") if ".." in path else path
        s3.put_object(Bucket=bucket.bucket, Key=f"models/{version}/{name}", Body=content)
