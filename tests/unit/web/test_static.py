"""Files of the pages, ours and uPlot's."""

from __future__ import annotations

import hashlib

import pytest

from horizonte.web import static


def test_uplot_is_the_one_that_was_looked_at() -> None:
    """The carrier ships uPlot 1.6.31 as its authors published it; another one is looked at first."""
    marks = {
        "uplot.js": "2d27e8ad3d228164525ce213f9dc716f39b4e3aee0cc773fb3491c96cf4921a2",
        "uplot.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    }
    for name, mark in marks.items():
        found = static.file(name)
        assert found is not None
        assert hashlib.sha256(found.body).hexdigest() == mark


@pytest.mark.parametrize("name", [*static.OURS, *static.THEIRS])
def test_every_file_is_there_under_its_hash(name: str) -> None:
    """A file's address changes with its content."""
    found = static.file(name)
    assert found is not None
    assert static.address(name).endswith(found.mark)


def test_no_other_file_is_served() -> None:
    """Only names that are listed: no path leads elsewhere."""
    assert static.file("../app.py") is None
