"""The doctor: every part asked, none of them able to stop the others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from horizonte import config, doctor, paths
from horizonte.doctor import home


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project in which nothing was ever started."""
    for name in (paths.MARKER, "sources.yaml"):
        (tmp_path / name).write_text((paths.project_root() / name).read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HORIZONTE_HOME", str(tmp_path / "home"))
    config.settings.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    config.settings.cache_clear()


def test_nothing_running_is_told_part_by_part(away: Path) -> None:
    """Each part that is down is a finding with a next step; none raises, none is started."""
    found = doctor.examine(datetime(2026, 1, 1, tzinfo=UTC))
    faulty = {row.part for row in found if row.state == "fault"}
    down = {row.part for row in found if row.state == "warning"}
    assert {"database", "issuer", "forecasts"} <= faulty
    assert {"postgres", "s3", "mqtt"} <= down  # nobody ever started them
    assert all(row.fix for row in found if row.state != "ok")
    assert not (away / "home" / "postgres").exists()


def test_a_forgotten_session_is_read_from_the_metrics() -> None:
    """What the consumer counts becomes advice about the broker."""
    found = list(home.flow_of("c", "horizonte_stream_sessions_forgotten_total 1.0\n"))
    assert [row.state for row in found] == ["fault"]
    assert "persistence" in found[0].fix
    assert list(home.flow_of("c", "horizonte_stream_sessions_forgotten_total 0.0\n")) == []
