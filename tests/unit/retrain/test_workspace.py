from __future__ import annotations

import difflib
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from horizonte import params
from horizonte.retrain.workspace import MARK, Workspace, git

PARAMS = Path(__file__).parents[3] / "params.yaml"
AT = datetime(2026, 3, 2, 5, tzinfo=UTC)


def _workspace(folder: Path) -> Workspace:
    """Return a clone, with a change, of a repository of one commit."""
    root, clone = folder / "root", folder / "clone"
    git(folder, "init", "--quiet", str(root))
    (root / "params.yaml").write_text("a: 1\n")
    git(root, "add", "params.yaml")
    named = ["-c", "user.name=t", "-c", "user.email=t@t"]
    git(root, *named, "commit", "--quiet", "--message", "first")
    git(folder, "clone", "--quiet", str(root), str(clone))
    (clone / "params.yaml").write_text("a: 2\n")
    return Workspace(root, clone, git(root, "rev-parse", "HEAD"))


def test_a_commit_made_again_is_the_same(tmp_path: Path) -> None:
    """A worker killed after the commit, before it said so, makes the same one again."""
    place = _workspace(tmp_path)
    assert place.commit("second", at=AT) == place.commit("second", at=AT)


def test_locks_of_a_killed_git_hold_up_nothing(tmp_path: Path) -> None:
    """Killed as git wrote: the next worker unlocks its clone and makes the commit, no other lock."""
    place = _workspace(tmp_path)
    wanted = place.commit("second", at=AT)
    git(place.folder, "reset", "--quiet", "--soft", place.base)
    (place.folder / ".dvc/tmp").mkdir(parents=True)
    locks = (".git/index.lock", ".git/HEAD.lock", ".git/refs/heads/main.lock", ".dvc/tmp/lock")
    for lock in locks:
        (place.folder / lock).touch()
    theirs = place.root / ".git/index.lock"
    theirs.touch()
    place.take_up()
    assert place.commit("second", at=AT) == wanted
    assert theirs.exists()
    assert not any((place.folder / lock).exists() for lock in locks)


def test_what_a_killed_worker_left_running_is_ended(tmp_path: Path) -> None:
    """Its git or dvc would go on writing beside the next worker's."""
    place = _workspace(tmp_path)
    stray = subprocess.Popen(["sleep", "600"], env={**os.environ, MARK: str(place.folder)})
    place.take_up()
    assert stray.poll() is not None


def test_a_commit_is_offered_once_the_project_has_it(tmp_path: Path) -> None:
    """No commit, and one that only a clone has, are not in the project; one on a branch of it is."""
    place = _workspace(tmp_path)
    made = place.commit("second", at=AT)
    assert not place.offered(None)
    assert not place.offered(made)
    assert place.offer("retrain/1")
    assert place.offered(made)


def test_a_pin_changes_two_lines_and_no_other_character(tmp_path: Path) -> None:
    """Comments, quotes, nulls and their places stay as they were written."""
    (tmp_path / "params.yaml").write_text(PARAMS.read_text())
    at = datetime(2026, 3, 2, 5, tzinfo=UTC)
    Workspace(tmp_path, tmp_path, "base").pin(at, "7/1:2:")
    old, new = PARAMS.read_text().splitlines(), (tmp_path / "params.yaml").read_text().splitlines()
    changed = [line for line in difflib.ndiff(old, new) if line[0] in "+-"]
    assert [line.split()[1] for line in changed] == ["as_of:", "as_of:", "recorded:", "recorded:"]
    assert any("2026-03-02T05:00:00+00:00" in line for line in changed)


def test_a_pin_says_what_changed_and_forgets_what_no_longer_holds(tmp_path: Path) -> None:
    """A series whose course is another stands in the pin; the next pin without it has none."""
    path, at = tmp_path / "params.yaml", datetime(2026, 3, 2, 5, tzinfo=UTC)
    path.write_text(PARAMS.read_text())
    place = Workspace(tmp_path, tmp_path, "base")
    place.pin(at, None, changed={"vic/demand_mw": "2026-02-20T00:00:00+00:00"})
    assert params.load(path).snapshot.changed == {
        "vic/demand_mw": datetime(2026, 2, 20, tzinfo=UTC)
    }
    place.pin(at, None)
    assert params.load(path).snapshot.changed == {}
