"""Where a retraining is committed: on the branch that it came from, if nobody stands there, else on its own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.integration.retrain.conftest import git

from horizonte.retrain.workspace import Workspace


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    """The worker's clone of a project at the head of ``main``, with what a retraining changes."""
    root, clone = tmp_path / "project", tmp_path / "clone"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch", "main")
    (root / "params.yaml").write_text("snapshot: {as_of: 2026-01-01}\n")
    git(root, "add", "params.yaml")
    git(root, "commit", "--quiet", "-m", "first")
    git(tmp_path, "clone", "--quiet", str(root), str(clone))
    (clone / "params.yaml").write_text("snapshot: {as_of: 2026-02-01}\n")
    return Workspace(root, clone, git(root, "rev-parse", "HEAD"))


def committed(place: Workspace) -> str:
    """The commit of the clone."""
    return place.commit("Retrain", at=datetime(2026, 2, 1, tzinfo=UTC))


def test_main_moves_on_where_nobody_stands_on_it(place: Workspace) -> None:
    """From a project whose researcher works on another branch; what lies in the tree stays."""
    git(place.root, "switch", "--quiet", "-c", "idea")
    (place.root / "params.yaml").write_text("half a thought\n")
    commit = committed(place)
    assert place.offer("main")
    assert git(place.root, "rev-parse", "main") == commit
    assert place.offered(commit)
    assert (place.root / "params.yaml").read_text() == "half a thought\n"
    assert git(place.root, "branch", "--show-current") == "idea"


def test_main_that_is_checked_out_or_has_moved_on_is_left(place: Workspace) -> None:
    """A tree is never changed beneath its user, nor is a commit of theirs lost; a branch of its own takes it."""
    commit, before = committed(place), git(place.root, "rev-parse", "main")
    assert not place.offer("main")
    git(place.root, "commit", "--quiet", "--allow-empty", "-m", "second")
    git(place.root, "switch", "--quiet", "-c", "idea")
    assert not place.offer("main")
    assert git(place.root, "rev-parse", "main^") == before
    assert place.offer("retrain/1")
    assert git(place.root, "rev-parse", "retrain/1") == commit
