"""Before the first promotion: not ready, and not silent. This module publishes nothing."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from horizonte import config
from horizonte.embedded import process
from horizonte.embedded.endpoints import S3Settings
from horizonte.serve import run
from horizonte.store.connection import Connection

pytestmark = pytest.mark.slow


def test_before_the_first_promotion_it_forecasts_and_is_not_ready(
    private: Connection, bucket: S3Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/readyz is 503 no-champion; a forecast that is asked for all the same is the best naive's."""
    dsn = private.info
    where = f"postgresql://{dsn.user}:{dsn.password}@{dsn.host}:{dsn.port}/{dsn.dbname}"
    given = {"HOME": str(tmp_path), "DATABASE": where, "S3": bucket.url(), "ISSUE": "off"}
    for name, value in given.items():
        monkeypatch.setenv(f"HORIZONTE_{name}", value)
    config.settings.cache_clear()
    folder = tmp_path / "service"
    folder.mkdir()
    try:
        found = run._launch(folder.resolve(), "127.0.0.1", process.free_ports(1)[0])
        with httpx.Client(base_url=found.url, timeout=30, trust_env=False) as client:
            assert process.wait_until(lambda: told_no_champion(client), seconds=60)
            answer = client.post("/forecast", json={"series": "site/a"}).raise_for_status().json()
            assert answer["model_version"] == "untrained"
            assert answer["forecasts"][0]["degraded"].startswith("fallback: no model in service")
            assert told_no_champion(client)
    finally:
        run.stop()
        monkeypatch.undo()
        config.settings.cache_clear()


def told_no_champion(client: httpx.Client) -> bool:
    try:
        answer = client.get("/readyz")
    except httpx.TransportError:
        return False
    return answer.status_code == 503 and answer.json()["type"] == "/problems/no-champion"
