"""The index says its verdicts in one sentence each."""

from __future__ import annotations

from pathlib import Path

from horizonte.report import index

TARGETS = [
    {
        "unique_id": "a/x",
        "mase": 0.5,
        "naive_mase": 1.0,
        "sql": 0.1,
        "naive_sql": 0.2,
        "coverage_80": 0.8,
        "coverage_90": 0.9,
        "naive": "naive_day",
    },
    {
        "unique_id": "a/<y>",
        "mase": 1.1,
        "naive_mase": 1.0,
        "sql": 0.3,
        "naive_sql": 0.2,
        "coverage_80": 0.7,
        "coverage_90": 0.8,
        "naive": "naive_week",
    },
]


def test_quality_names_where_the_naive_was_better() -> None:
    """The sentence counts the targets that beat their naive and names the others."""
    said = index.quality_verdict(TARGETS)
    assert said.startswith("Better than the best naive for 1 of 2 targets; not for a/<y>")
    assert "20 % smaller" in said


def test_drift_counts_only_what_was_tested() -> None:
    """Drifted, tested and untestable columns are told apart."""
    lines = [
        {"column": "a", "status": "drift"},
        {"column": "b", "status": "no drift"},
        {"column": "c", "status": "not testable"},
    ]
    assert index.drift_verdict(lines, what="inputs") == (
        "1 of 2 inputs left their usual range: a; not testable: c."
    )
    assert index.drift_verdict(lines[1:2], what="inputs") == (
        "None of 1 inputs left their usual range."
    )


def test_cleaning_names_the_worst() -> None:
    """The sentence gives the mean share and the worst series."""
    assert "most in b (4.0 %)" in index.cleaning_verdict({"a": 0.0, "b": 4.0})
    assert index.cleaning_verdict({}) == "No row was flagged."


def test_page_escapes_and_links(tmp_path: Path) -> None:
    """Names are escaped, and what has no page has no link."""
    summary = {
        "data_as_of": "2020-01-01",
        "horizon_hours": 48.0,
        "test_days": 56,
        "targets": TARGETS,
    }
    entries = [index.Entry("Quality", "Good.", "q.html"), index.Entry("Gone", "Not made.", None)]
    index.write(tmp_path / "index.html", summary, entries)
    page = (tmp_path / "index.html").read_text()
    assert "a/&lt;y&gt;" in page
    assert '<a href="q.html">Quality</a>' in page
    assert "<h2>Gone</h2>" in page
    assert "http" not in page
