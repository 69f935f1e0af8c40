"""Names of looks: one folder each, numbered within a date."""

from __future__ import annotations

import pytest

from horizonte.monitor.looks import Look, following, of


@pytest.mark.parametrize("look", [Look("2026-03-02", 3), Look("2026-03-02", 0)])
def test_a_look_is_known_by_its_page(look: Look) -> None:
    """Also one of before looks had folders of their own."""
    assert of(look.page) == look


@pytest.mark.parametrize(
    "page",
    ["reports/monitoring/index.html", "reports/monitoring/d/1/inputs.html", "d/1/index.html"],
)
def test_other_pages_are_of_no_look(page: str) -> None:
    """Lists, charts and what lies elsewhere."""
    assert of(page) is None


def test_looks_of_a_date_are_counted() -> None:
    """From one on, past the highest, whatever other dates hold."""
    pages = [Look("2026-03-02", n).page for n in (2, 10)] + [Look("2026-03-03", 11).page]
    assert following([], "2026-03-02") == Look("2026-03-02", 1)
    assert following([Look("2026-03-02", 0).page], "2026-03-02") == Look("2026-03-02", 1)
    assert following(pages, "2026-03-02") == Look("2026-03-02", 11)
