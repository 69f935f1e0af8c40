"""What is missing from sequences: counted when it is passed over, taken back when it comes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from horizonte.ingest.gaps import Gaps


def seen(*numbers: object, topic: str = "t") -> int:
    gaps = Gaps()
    for number in numbers:
        gaps.see(topic, number)
    return gaps.missing


@given(st.permutations(range(1, 30)), st.sets(st.integers(2, 28)))
def test_in_any_order_what_never_came_is_what_is_missing(order: list[int], lost: set[int]) -> None:
    """After a first and a last number, with repeats, the count is that of the numbers lost."""
    came = [n for n in order if n not in lost]
    assert seen(0, *came, *came, 30) == len(lost)


def test_a_jump_beyond_memory_stays_counted() -> None:
    """A device that skips millions costs no memory, and what fills the near end is taken back."""
    assert seen(1, 5_000_001, 5_000_000) == 4_999_998


def test_what_is_no_number_and_a_restart_count_nothing() -> None:
    """Texts, booleans and none are no sequence; 0 starts anew; topics are apart."""
    assert seen(7, "9", True, None, 12.5, 0, 1) == 0
    gaps = Gaps()
    for topic, number in (("a", 1), ("b", 9), ("a", 2)):
        gaps.see(topic, number)
    assert gaps.missing == 0
