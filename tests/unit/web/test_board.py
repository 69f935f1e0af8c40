"""The leaderboard: who is what, and who comes first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from horizonte.web import board

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def row(version: str, **facts: Any) -> dict[str, Any]:
    plain = {"champion": False, "last_promoted_at": None, "scores": None}
    return plain | {"sha256": version} | facts


def gate(challenger: str, number: int, *, passed: bool) -> dict[str, Any]:
    return {"challenger": challenger, "id": number, "passed": passed}


def live(version: str, mase: float, naive: float, rows: int = 10) -> dict[str, Any]:
    facts = {"mase": mase, "naive_mase": naive, "coverage_80": 0.8, "rows": rows}
    return facts | {"model_version": version, "starts_at": NOW, "ends_at": NOW}


def test_the_best_comes_first_and_the_unknown_last() -> None:
    """Live scores outrank training ones, whatever they are; without any a version is last."""
    registered = [
        row("unscored"),
        row("trained", scores={"a": {"mase": 0.1, "naive_mase": 1.0}}),
        row("good", champion=True, last_promoted_at=NOW),
        row("worse than naive", last_promoted_at=NOW),
    ]
    scores = [live("good", 0.5, 1.0), live("worse than naive", 1.2, 1.0)]
    gates = [gate("lost", 2, passed=False), gate("lost", 1, passed=False)]
    found = board.lines(registered, scores=scores, gates=gates)
    assert [(line.version, line.state) for line in found] == [
        ("good", "champion"),
        ("worse than naive", "former"),
        ("trained", "challenger"),
        ("unscored", "challenger"),
        ("lost", "lost"),
    ]
    assert found[-1].gate == gates[0]


def test_a_challenger_that_passed_and_was_not_promoted_did_not_lose() -> None:
    """Of those that were never published the newest gate says which; registered ones are what they are."""
    gates = [
        gate("passed", 4, passed=True),
        gate("refused at last", 3, passed=False),
        gate("refused at last", 2, passed=True),
        gate("registered", 1, passed=True),
    ]
    found = board.lines([row("registered")], scores=[], gates=gates)
    assert {line.version: line.state for line in found} == {
        "registered": "challenger",
        "passed": "passed",
        "refused at last": "lost",
    }


def test_every_series_weighs_the_same() -> None:
    """However many values a series has, it counts once; the naive beside is of the same series."""
    found = board.live([live("m", 0.2, 0.4, rows=1000), live("m", 0.6, 0.8, rows=10)])
    assert found is not None
    assert (round(found.error, 9), round(found.naive, 9), found.rows) == (0.4, 0.6, 1010)
    assert found.saved is not None
    assert round(found.saved, 9) == round(1 / 3, 9)


def test_a_naive_that_never_errs_saves_nothing_to_tell() -> None:
    """Nothing is divided by nought, and scores without a naive are no scores."""
    assert board.Score(0.1, 0.0).saved is None
    assert board.trained({"a": {"mase": 0.5}}) is None
    assert board.live([]) is None
