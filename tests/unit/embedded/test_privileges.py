import os
from pathlib import Path

import pytest

from horizonte.embedded import privileges
from horizonte.embedded.privileges import Runner


def test_an_ordinary_user_runs_it_plainly_and_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without root there is no prefix, and the cluster is in the home."""
    monkeypatch.setattr(privileges, "_needs_mapping", lambda: False)
    assert privileges.choose(tmp_path, tmp_path) == (Runner(), tmp_path / "postgres")
    assert privileges.runner_for(tmp_path) == Runner()


def test_the_owner_of_existing_data_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data of the mapped caller's are reached by mapping, another user's by becoming that user."""
    monkeypatch.setattr(privileges, "_needs_mapping", lambda: True)
    assert privileges.runner_for(tmp_path) == Runner(privileges.UNSHARE)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    found = privileges.runner_for(tmp_path)
    assert found.prefix[0] == "setpriv"
    assert found.owner == tmp_path.stat().st_uid


def test_an_installation_out_of_reach_is_copied_once(tmp_path: Path) -> None:
    """What the user cannot execute is copied, readable by everyone; the original keeps its mode."""
    blind = Runner(("false",))
    program = tmp_path / "private" / "bin" / "postgres"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o700)
    copy = privileges.readable_install(tmp_path / "private", blind, tmp_path)
    assert (copy / "bin" / "postgres").stat().st_mode & 0o777 == 0o755
    assert program.stat().st_mode & 0o777 == 0o700
    assert privileges.readable_install(tmp_path / "private", blind, tmp_path) == copy
