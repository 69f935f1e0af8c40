"""Names of reports, how a page is put into its frame, and the order of what is listed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from horizonte.config import Settings
from horizonte.web.reports import Entry, Reports, is_name
from horizonte.web.reports_page import LOOKS, Said, first, framed, groups, monitorings

AT = datetime(2026, 1, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("monitoring/2026-01-14/index.html", True),
        ("monitoring/2026-01-14/12/index.html", True),
        ("monitoring/2026-01-14/x/index.html", False),
        ("monitoring/2026-01-14/1/2/index.html", False),
        ("training/here/notebooks/train.html", True),
        ("gates/2026-01-14-34e569a7bb04.html", True),
        ("monitoring/index.html", False),
        ("monitoring/2026-01-14/../secret.html", False),
        ("monitoring/2026-01-14/a..b.html", False),
        ("training/here/other/train.html", False),
        ("/monitoring/2026-01-14/index.html", False),
        ("monitoring/2026-01-14/index.html\n", False),
        ("monitoring/2026-01-14/.hidden.html", False),
        ("monitoring/٢٠٢٦/index.html", False),
        ("models/a/card.json", False),
    ],
)
def test_only_whole_names_are_reports(name: str, known: bool) -> None:
    """Three shapes, plain characters, no dots that lead anywhere."""
    assert is_name(name) is known


def test_a_framed_page_opens_its_neighbours_in_the_window() -> None:
    """Links to other pages leave the frame; those inside the page, and of its own scripts, stay."""
    page = b'<head></head><a href="inputs.html">a</a><a href="#b">b</a><a href="https://c/d.html">c</a>'
    got = framed(page)
    assert got.startswith(b"<head><script>")
    assert b'<a target="_top" href="inputs.html">' in got
    assert got.count(b"_top") == 1


def test_a_page_without_a_head_is_framed_too() -> None:
    """What is in front of everything then is the storage that forgets."""
    assert framed(b"<p>x").startswith(b"<script>")


def said(number: int) -> Said:
    """What verdict ``number`` came to."""
    return Said(number, "m", AT, f"verdict {number}")


def test_looks_without_pages_keep_their_sentence() -> None:
    """With the bucket away, what the database says of a look is listed, and its summary is linked."""
    entries = [Entry("monitoring/2026-01-13/inputs.html", AT)]
    found = monitorings(entries, {"2026-01-14/1": said(2), "2026-01-13": said(1)})
    assert [(one.name, one.said) for one in found] == [
        ("2026-01-14/1", said(2)),
        ("2026-01-13", said(1)),
    ]
    assert found[0].pages == {"index": "monitoring/2026-01-14/1/index.html"}
    assert found[1].pages == {"inputs": "monitoring/2026-01-13/inputs.html"}


def test_looks_of_a_date_stand_by_number() -> None:
    """Ten comes before nine; the list of a date is no look, the page of one from before is."""
    names = ("2026-01-14/9", "2026-01-14/10", "2026-01-14", "2026-01-13/1", "2026-01-13")
    entries = [Entry(f"monitoring/{name}/index.html", AT) for name in names]
    found = [one.name for one in monitorings(entries, {"2026-01-13": said(1)})]
    assert found == ["2026-01-14/10", "2026-01-14/9", "2026-01-13/1", "2026-01-13"]


def test_pages_of_a_training_stand_in_their_order() -> None:
    """Summary first, then quality and drift, then the notebooks, wherever they were found."""
    files = ("notebooks/train", "drift_inputs", "quality", "index")
    (found,) = groups([Entry(f"training/v/{file}.html", AT) for file in files], "training")
    assert list(found.pages) == ["index", "quality", "drift_inputs", "train"]


def test_only_dates_that_are_shown_are_walked() -> None:
    """None is left out before as many looks are known as are shown; then those before the oldest."""
    many = {f"2026-01-14/{n}": said(n) for n in range(1, LOOKS)}
    assert first({}) == first(many) == ""
    assert first(many | {"2026-01-09/3": said(0)}) == "2026-01-09"


def test_on_this_host_only_what_is_asked_for_is_found(tmp_path: Path) -> None:
    """Looks from a date on, the pages of one look, trainings and gates: each alone."""
    old, look, training, gate = (
        "monitoring/2026-01-13/1/index.html",
        "monitoring/2026-01-14/1/index.html",
        "notebooks/train.html",
        "gates/2026-01-14-34e569a7bb04.html",
    )
    for name in (old, look, "monitoring/2026-01-14/10/index.html", training, gate):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")

    def found(start: str, since: str = "") -> list[str]:
        return [one.name for one in Reports(Settings(), tmp_path).here(start, since=since)]

    assert found("monitoring/", "2026-01-14") == [look, "monitoring/2026-01-14/10/index.html"]
    assert len(found("monitoring/")) == 3
    assert found("monitoring/2026-01-14/1") == [look]
    assert found("training/") == [f"training/here/{training}"]
    assert found("gates/2026-01-14-34e569a7bb04") == [gate]
    assert Reports(Settings(), tmp_path / "none").here("monitoring/") == []
