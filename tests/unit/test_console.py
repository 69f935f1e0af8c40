"""Tables of the command line."""

from __future__ import annotations

import pytest
from rich.console import Console

from horizonte import console

LONG = "a/name/of " + 30 * "many-words-"


def test_in_a_pipe_nothing_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """Each row is one line with all that it says, as it was written, and no blanks after it."""
    console.table(["name", "why"], [[LONG, "[bold] :smile:"], ["b", LONG]])
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "why"]
    assert rows == [
        f" {LONG}  [bold] :smile:",
        f" {'b':<{len(LONG)}}  {LONG}",
    ]


def test_at_a_terminal_it_is_folded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within its width, and still with every word."""
    monkeypatch.setattr(
        console, "out", Console(soft_wrap=True, width=80, force_terminal=True, color_system=None)
    )
    console.table(["name", "why"], [["a", LONG]])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "".join(lines[1:]).replace(" ", "").endswith(LONG.replace(" ", ""))
    assert "…" not in "".join(lines)
