"""Stage ``report``: pages that open anywhere, and what they say as data."""

from __future__ import annotations

import json
import re

import pytest
from tests.conftest import Project

from horizonte.pipeline import files

PAGES = (
    "index.html",
    "quality.html",
    "drift_inputs.html",
    "notebooks/clean.html",
    "notebooks/train.html",
    "notebooks/evaluate.html",
)
FOREIGN = re.compile(r"""(?:<(?:script|img|iframe)[^>]*\ssrc|<link[^>]*\shref)=["']https?://""")


def _page(project: Project, name: str) -> str:
    return (project.root / files.REPORTS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_page_loads_nothing_from_elsewhere(project: Project, name: str) -> None:
    """A page opens without the network: no script, style, image or frame comes from elsewhere."""
    page = _page(project, name)
    assert not FOREIGN.search(page)
    assert len(page) < 6_000_000


def test_index_links_what_is_there(project: Project) -> None:
    """The index links every page, each with a sentence, and every link leads somewhere."""
    page = _page(project, "index.html")
    links = re.findall(r'<h2><a href="([^"]+)"', page)
    assert set(links) <= set(PAGES)
    assert {"quality.html", "drift_inputs.html", "notebooks/evaluate.html"} <= set(links)
    assert "Better than the best naive for" in page


def test_pages_and_summary_agree(project: Project) -> None:
    """The summary says of every series whether it drifted, from which windows, or why untested."""
    found = json.loads((project.root / files.SUMMARY).read_text())
    assert {c["column"] for c in found["inputs"]} >= {"vic/demand_mw", "vic/temperature_c"}
    for line in found["inputs"] + found["residuals"]:
        assert line["status"] in ("drift", "no drift", "not testable")
        assert line["reason"]
        assert (line["threshold"] is None) == (line["status"] == "not testable")


def test_summary_is_reproducible(project: Project) -> None:
    """Making the reports again gives the same summary, byte for byte."""
    before = (project.root / files.SUMMARY).read_bytes()
    project.run("horizonte.pipeline.report")
    assert (project.root / files.SUMMARY).read_bytes() == before
