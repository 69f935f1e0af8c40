"""Options that cannot be meant are refused in one line, before anything is asked for."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from horizonte.cli import app
from horizonte.errors import Fault


@pytest.mark.parametrize(
    "words",
    [["verdicts"], ["requests"], ["samples", "horizonte_in_flight"], ["dead-letters", "list"]],
)
@pytest.mark.parametrize("limit", ["0", "-3"])
def test_a_list_has_a_length(words: list[str], limit: str) -> None:
    """No database is asked for fewer than one row."""
    with pytest.raises(Fault, match=f"--limit: {limit} is not 1 or more"):
        CliRunner().invoke(app, [*words, "--limit", limit], catch_exceptions=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--every", "soon"], "--every: 'soon' is not a fixed step from 1 s to 7 days; write it"),
        (["--every", "PT0S"], "--every: 'PT0S' is not a fixed step"),
        (["--port", "9102"], "--port: 9102 is not taken without --every; add --every PT1H"),
    ],
)
def test_an_interval_of_monitoring_is_named_by_its_option(words: list[str], said: str) -> None:
    """The error says which option, what it held, what is allowed and what to type."""
    with pytest.raises(Fault, match=said):
        CliRunner().invoke(app, ["monitor", *words], catch_exceptions=False)
