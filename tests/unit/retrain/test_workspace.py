from __future__ import annotations

import difflib
from datetime import UTC, datetime
from pathlib import Path

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
