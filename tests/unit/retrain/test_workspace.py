from __future__ import annotations

import difflib
from datetime import UTC, datetime
from pathlib import Path

from horizonte import params
from horizonte.retrain.workspace import Workspace

PARAMS = Path(__file__).parents[3] / "params.yaml"


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
