"""The service over HTTP: a real server process on a free port, a real database, a real bucket."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import psutil
import pytest

from horizonte import config, jobs
from horizonte.embedded import process
from horizonte.embedded.endpoints import S3Settings
from horizonte.errors import ServiceFault
from horizonte.retrain.publish import publish
from horizonte.serve import run
from horizonte.store import forecasts
from horizonte.store.connection import connect

pytestmark = pytest.mark.slow
JSON = {"content-type": "application/json"}
PICKLE = {"content-type": "application/vnd.bentoml+pickle"}


def asked(client: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = client.post("/forecast", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def problem(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == answer.status_code
    assert found["fix"]
    return found


def test_ready_means_that_it_has_forecast(client: httpx.Client) -> None:
    """Health, readiness and metrics answer once the service is started."""
    lively = re.compile(r'requests_total{method="GET",route="/livez",status="200"} (\S+)')
    assert [client.get(p).status_code for p in ("/livez", "/readyz", "/healthz")] == [200] * 3
    before = lively.findall(client.get("/metrics").text)
    client.get("/livez")
    after = lively.findall(client.get("/metrics").text)
    assert [float(a) - float(b) for a, b in zip(after, before, strict=True)] == [1.0]


def test_a_forecast_is_computed_once_and_then_served_as_stored(
    client: httpx.Client, model: Path, world: Any
) -> None:
    """The second answer is the vintage of the first: same rows, and it says so."""
    first = asked(client, series="site/a", horizon="PT6H", levels=[90, 80])
    second = asked(client, series="site/a", horizon=6, levels=[80, 90])
    one, two = first["forecasts"][0], second["forecasts"][0]
    assert (one["origin"], two["origin"]) == ("computed", "stored")
    assert one["rows"] == two["rows"]
    assert list(one["rows"][0]) == ["ds", "mean", "lo_80", "hi_80", "lo_90", "hi_90"]
    assert len(one["rows"]) == one["horizon"] == 6
    assert pd.Timestamp(one["cutoff"]) == world.end - pd.Timedelta(days=1)
    assert one["rows"][0]["ds"] == "2025-03-09T01:00:00Z"
    assert (one["unit"], one["zone"], one["freq"]) == ("people", "Australia/Melbourne", "PT1H")
    assert one["degraded"] is None
    assert one["age_seconds"] == 0
    assert one["model_version"] == first["model_version"] == two["model_version"]


def test_many_series_come_in_order_with_all_quantiles(client: httpx.Client) -> None:
    """A list is answered in its order; without levels the stored quantiles come."""
    found = asked(client, series=["plant/load", "site/b"])["forecasts"]
    assert [f["unique_id"] for f in found] == ["plant/load", "site/b"]
    assert [f["horizon"] for f in found] == [24, 12]
    assert list(found[0]["rows"][0]) == [
        "ds",
        "mean",
        "q05",
        "q10",
        "q25",
        "q50",
        "q75",
        "q90",
        "q95",
    ]


def test_the_request_id_is_echoed_and_stored(
    client: httpx.Client, loaded: str, load: Any, world: Any
) -> None:
    """X-Request-ID comes back, is in the answer, in the log and on the stored run."""
    with connect(loaded) as conn:
        load(
            conn,
            pd.DataFrame(
                {"unique_id": ["site/b"], "ds": [world.end - pd.Timedelta(days=9)], "y": [99.5]}
            ),
        )
        answer = client.post(
            "/forecast", json={"series": "site/b"}, headers={"X-Request-ID": "find-me"}
        )
        assert answer.headers["x-request-id"] == answer.json()["request_id"] == "find-me"
        assert answer.json()["forecasts"][0]["origin"] == "computed"
        assert forecasts.latest(conn, ["site/b"])["site/b"].request_id == "find-me"
    lines = [
        json.loads(line) for line in run.log_file().read_text().splitlines() if "find-me" in line
    ]
    assert [(x["method"], x["path"], x["status"]) for x in lines] == [("POST", "/forecast", 200)]


def test_forecasts_of_the_job_are_served(
    client: httpx.Client, loaded: str, load: Any, world: Any
) -> None:
    """What the forecast job issues, the service finds fresh."""
    with connect(loaded) as conn:
        load(
            conn,
            pd.DataFrame(
                {"unique_id": ["plant/load"], "ds": [world.end - pd.Timedelta(days=8)], "y": [99.0]}
            ),
        )
    assert "\nplant/load: " in jobs.forecast()
    found = asked(client, series=["site/a", "site/b", "plant/load"])["forecasts"]
    assert {f["origin"] for f in found} == {"stored"}


@pytest.mark.parametrize(("body", "field", "kind"), [
    ({"series": "site/A"}, "series", "unknown-series"),
    ({"series": "site/a", "horizon": 13}, "horizon", "invalid-field"),
    ({"series": "site/a", "horizon": "P9D"}, "horizon", "invalid-field"),
    ({"series": "site/a", "horizon": "soon"}, "horizon", "invalid-field"),
    ({"series": "site/a", "horizon": -1}, "horizon", "invalid-field"),
    ({"series": "site/a", "horizon": 1.5}, "horizon", "invalid-field"),
    ({"series": "site/a", "levels": [70]}, "levels.0", "invalid-field"),
    ({"series": []}, "series", "invalid-field"),
    ({"series": 7}, "series", "invalid-field"),
    ({"series": "x" * 201}, "series", "invalid-field"),
    ({"series": "site/a", "level": [80]}, "level", "invalid-field"),
    ({"horizon": 3}, "series", "invalid-field"),
    ([], "body", "invalid-field"),
])  # fmt: skip
def test_a_bad_request_names_field_value_and_fix(
    client: httpx.Client, body: Any, field: str, kind: str
) -> None:
    """Each refusal is a problem with the field as the client wrote it, and its page opens."""
    found = problem(client.post("/forecast", json=body))
    assert (found["field"], found["type"]) == (field, f"/problems/{kind}")
    assert client.get(found["type"]).status_code == 200


def test_an_unknown_series_names_the_nearest(client: httpx.Client) -> None:
    """404 says what was probably meant."""
    found = problem(client.post("/forecast", json={"series": ["site/a", "plant/loat"]}))
    assert found["status"] == 404
    assert found["value"] == "plant/loat"
    assert "plant/load" in found["fix"]


@pytest.mark.parametrize(("method", "path", "status", "given"), [
    ("GET", "/nowhere", 404, {}), ("GET", "/problems/none", 404, {}), ("GET", "/forecast", 405, {}),
    ("POST", "/version", 405, {"json": {}}),
    ("POST", "/forecast", 400, {"content": b"{", "headers": JSON}),
    ("POST", "/forecast", 413, {"content": b" " * (1 << 21), "headers": JSON}),
    ("POST", "/forecast", 415, {"data": {"series": "site/a"}}),
    ("POST", "/forecast", 415, {"content": b"x", "headers": PICKLE}),
    ("POST", "/forecast", 415, {"files": {"series": b"x"}}),
])  # fmt: skip
def test_every_other_error_is_a_problem_too(
    client: httpx.Client, method: str, path: str, status: int, given: dict[str, Any]
) -> None:
    """Unknown paths, methods, media types, sizes and broken JSON answer in the one shape."""
    assert problem(client.request(method, path, **given))["status"] == status


def test_the_read_routes(client: httpx.Client, model: Path) -> None:
    """Series, champion and version tell what serves and why."""
    listed = client.get("/series").json()
    assert [s["unique_id"] for s in listed["series"]] == ["plant/load", "site/a", "site/b"]
    assert listed["series"][1]["horizon_duration"] == "PT12H"
    current = client.get("/models/current").json()
    assert current["why"] == "the test's champion"
    assert current["refused"] is None
    assert set(current["card"]) == {"files", "params"}
    version = client.get("/version").json()
    assert version["model_version"] == current["model_version"] == listed["model_version"]


def test_the_docs_open_offline(client: httpx.Client) -> None:
    """The page, its script and style come from this service, and the document names every route."""
    page = client.get("/docs")
    assert page.status_code == 200
    assert "https://" not in page.text
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-light-32x32.png"):
        assert asset in page.text
        assert client.get(f"/static_content/{asset}").status_code == 200
    document = client.get("/docs.json").json()
    assert document["openapi"] == "3.1.0"
    assert {"/forecast", "/series", "/models/current", "/version", "/readyz"} <= set(
        document["paths"]
    )
    asks = document["paths"]["/forecast"]["post"]["requestBody"]["content"]["application/json"]
    assert asks["example"]["series"]
    text = json.dumps(document)
    refs = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert refs <= set(document["components"]["schemas"])
    assert client.get("/", follow_redirects=True).url.path == "/docs"


def test_only_loopback_listens(url: str) -> None:
    """No socket of the service is open to other machines, and asking for one is refused."""
    found = run.running()
    assert found is not None
    server = psutil.Process(found.pid)
    listening = [
        c
        for p in (server, *server.children(recursive=True))
        for c in p.net_connections("inet")
        if c.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert {c.laddr.ip for c in listening} == {"127.0.0.1"}
    with pytest.raises(ServiceFault, match="loopback"):
        run.start(host="0.0.0.0")  # noqa: S104


def test_the_service_knows_neither_dvc_nor_evidently() -> None:
    """The process that serves imports no DVC, Evidently, notebook, plot or Prophet it does not need."""
    heavy = ("dvc", "papermill", "evidently", "prophet", "matplotlib", "plotly", "IPython",
             "jupyter_client", "nbformat", "nbconvert", "duckdb", "openpyxl", "paho")  # fmt: skip
    code = f"import sys, horizonte.serve.main; print([n for n in {heavy} if n in sys.modules])"
    import subprocess

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_promotion_is_followed_and_a_bad_one_refused(
    client: httpx.Client,
    loaded: str,
    bucket: S3Settings,
    variant: Callable[[str], Path],
    home: Path,
) -> None:
    """A new champion is swapped in within seconds; one that cannot be had leaves it serving."""
    with connect(loaded) as conn:
        version = publish(conn, variant("next"), s3=bucket, why="better")
        assert _until(client, lambda c: c["model_version"] == version) < 5
        assert asked(client, series="site/a")["model_version"] == version
        conn.execute(
            "INSERT INTO model_version (sha256, uri, card) VALUES ('0bad', 's3://x', '{}')"
        )
        conn.execute(
            "INSERT INTO promotion (sha256, kind, why, promoted_by, evidence) "
            "VALUES ('0bad', 'promote', 'bad', 'test', '{}')"
        )
        conn.execute("SELECT pg_notify('horizonte_promotion', '0bad')")
        _until(client, lambda c: c["refused"] is not None)
        assert asked(client, series="site/a")["model_version"] == version
        last = publish(conn, variant("last"), s3=bucket, why="repaired")
        _until(client, lambda c: c["model_version"] == last and c["refused"] is None)


def _until(client: httpx.Client, condition: Callable[[dict[str, Any]], bool]) -> float:
    began = time.monotonic()
    while not condition(client.get("/models/current").json()):
        assert time.monotonic() - began < 30
        time.sleep(0.05)
    return time.monotonic() - began


def test_it_restarts_after_a_kill_from_its_cache_without_the_bucket(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed, its worker left behind, it starts again on the same champion with S3 down."""
    before = httpx.get(f"{url}/version", trust_env=False).json()["model_version"]
    found = run.running()
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)
    assert process.wait_until(lambda: not process.alive(found.identity), seconds=30)
    monkeypatch.setenv("HORIZONTE_S3", "http://key:secret@127.0.0.1:9/gone")
    config.settings.cache_clear()
    try:
        again = run.start()
        assert run.start() == again
        assert httpx.get(f"{again}/version", trust_env=False).json()["model_version"] == before
        assert run.stop()
        assert not run.stop()
        assert run.running() is None
    finally:
        monkeypatch.undo()
        config.settings.cache_clear()


def test_without_a_champion_it_says_what_to_publish(
    server_url: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started before the first promotion, the launcher stops it again and names the command."""
    from urllib.parse import urlsplit

    import psycopg

    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute("CREATE DATABASE no_champion")
        where = urlsplit(database_url)._replace(path="/no_champion").geturl()
        for name, value in (("HOME", str(tmp_path)), ("DATABASE", where), ("PORT", "0")):
            monkeypatch.setenv(f"HORIZONTE_{name}", value)
        config.settings.cache_clear()
        try:
            with pytest.raises(ServiceFault, match="horizonte publish"):
                run.start()
            assert run.running() is None
        finally:
            monkeypatch.undo()
            config.settings.cache_clear()
            server.execute("DROP DATABASE no_champion WITH (FORCE)")
