from pathlib import Path

import pytest

from horizonte.embedded import dvc
from horizonte.embedded.endpoints import S3Settings
from horizonte.errors import ConfigFault

EMBEDDED = S3Settings("horizonte", "http://127.0.0.1:15001", "key", "se%cret")


@pytest.fixture
def local(tmp_path: Path) -> Path:
    (tmp_path / ".dvc").mkdir()
    return tmp_path / ".dvc" / "config.local"


def test_the_remote_is_written_privately(tmp_path: Path, local: Path) -> None:
    """Endpoint and keys are in a file of mode 0600, in the section DVC reads."""
    dvc.point_remote(tmp_path, EMBEDDED)
    assert local.stat().st_mode & 0o777 == 0o600
    assert local.read_text().split("\n")[:5] == [
        "['remote \"storage\"']",
        "url = s3://horizonte/dvc",
        "endpointurl = http://127.0.0.1:15001",
        "access_key_id = key",
        "secret_access_key = se%cret",
    ]


def test_what_others_wrote_stays(tmp_path: Path, local: Path) -> None:
    """Other sections and options survive; keys of an endpoint that is gone do not."""
    local.write_text("[cache]\n    dir = /big\n['remote \"storage\"']\n    jobs = 4\n")
    dvc.point_remote(tmp_path, EMBEDDED)
    dvc.point_remote(tmp_path, S3Settings("mine"))
    text = local.read_text()
    assert "dir = /big" in text
    assert "jobs = 4" in text
    assert "url = s3://mine/dvc" in text
    assert "127.0.0.1" not in text
    assert "secret" not in text


def test_the_same_again_writes_nothing(tmp_path: Path, local: Path) -> None:
    """A second call leaves the very same file in place."""
    dvc.point_remote(tmp_path, EMBEDDED)
    before = local.stat().st_ino
    dvc.point_remote(tmp_path, EMBEDDED)
    assert local.stat().st_ino == before


def test_a_broken_file_is_not_overwritten(tmp_path: Path, local: Path) -> None:
    """A file that cannot be read is named and left alone."""
    local.write_text("no section\n")
    with pytest.raises(ConfigFault, match=r"config\.local"):
        dvc.point_remote(tmp_path, EMBEDDED)
    assert local.read_text() == "no section\n"
