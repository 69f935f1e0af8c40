"""The web app while what it reads is away."""

from __future__ import annotations

from pathlib import Path

from tests.integration.web.conftest import running


def test_without_a_database_pages_say_so(tmp_path: Path) -> None:
    """Overview and series answer 503, name what is missing and why, and keep the frame; none breaks."""
    away = "postgresql://nobody@127.0.0.1:1/none"
    with running(tmp_path, HORIZONTE_DATABASE=away, HORIZONTE_MQTT="mqtt://127.0.0.1:1") as client:
        for path in ("/", "/series?id=plant/load"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert "The database does not answer" in answer.text
            assert "Reason: " in answer.text
            assert "Overview</a>" in answer.text
        assert client.get("/livez").status_code == 200
