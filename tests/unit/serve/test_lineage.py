from __future__ import annotations

import pytest

from horizonte.serve.lineage import Move, before


def _moves(text: str) -> list[Move]:
    """``A B <A`` reads: promote A, promote B, roll back to A."""
    return [Move(m.lstrip("<"), "rollback" if m[0] == "<" else "promote") for m in text.split()]


@pytest.mark.parametrize(
    ("history", "target"),
    [
        ("", None),
        ("A", None),
        ("A B", "A"),
        ("A B C", "B"),
        ("A B C <B", "A"),
        ("A B <A", None),
        ("A B C <B <A", None),
        ("A B <A C", "A"),
        ("A B <A B", "A"),
        ("A B C <A", None),
        ("A B A", "B"),
    ],
)
def test_a_rollback_goes_to_the_champion_before(history: str, target: str | None) -> None:
    """The version below on the pile; what was taken back is not a place to go back to."""
    assert before(_moves(history)) == target
