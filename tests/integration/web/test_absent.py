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


def test_no_login_is_offered_where_it_would_not_be_kept(tmp_path: Path) -> None:
    """Under a name of the network without TLS browsers drop the cookie, and the page says what is wanting."""
    given = {"WEB_ORIGIN": "http://web.example", "WEB_SERVICE": "http://127.0.0.1:1"}
    env = {f"HORIZONTE_{name}": value for name, value in given.items()}
    with running(tmp_path, HORIZONTE_MQTT="mqtt://127.0.0.1:1", **env) as client:
        away = client.get("/login", headers={"host": "web.example"}).text
        assert "needs an encrypted connection" in away
        assert 'name="key"' not in away
        assert 'name="key"' in client.get("/login").text  # on loopback it is kept
