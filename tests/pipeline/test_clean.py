"""Stage ``clean``: the file and the prepared database are one."""

from __future__ import annotations

import pandas as pd
import pytest
from tests.conftest import Project

from horizonte import config
from horizonte.contracts import PREPARED
from horizonte.pipeline import clean, files
from horizonte.store import prepared
from horizonte.store.connection import connect


def test_file_equals_the_prepared_database(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of data/clean are those that the database holds at the pin."""
    monkeypatch.setenv("HORIZONTE_HOME", project.env["HORIZONTE_HOME"])
    config.settings.cache_clear()
    made = PREPARED.read(project.root / files.CLEAN)
    with connect() as conn:
        held = PREPARED.check(prepared.read(conn))
    pd.testing.assert_frame_equal(made, held)


def test_no_mast_no_labels(project: Project) -> None:
    """Where the labelled mast is not among the series, there is nothing to score."""
    series = pd.DataFrame({"unique_id": ["a/b"], "source": ["a"], "zone": ["UTC"]})
    cleaned = clean.Cleaned(PREPARED.empty(), series, None, [])  # type: ignore[arg-type]  # unread
    assert clean.labelled_faults(cleaned, root=project.root).empty


def test_executed_page_is_beside_the_notebook(project: Project) -> None:
    """The page of the executed notebook loads nothing from anywhere."""
    page = (project.root / files.executed("clean")).with_suffix(".html").read_text()
    assert "Cleaning" in page
    for start in ('src="http', "src='http", 'import("http', '<link rel="stylesheet" href="http'):
        assert start not in page
