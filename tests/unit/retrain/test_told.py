"""Until when a challenger is trained, and what it is told, by what was named."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from horizonte.monitor.evidence import Named
from horizonte.policy import Gate
from horizonte.retrain.told import DAY, known, pin, told

GATE = Gate(days=28, gain=0.01, alpha=0.025, coverage=0.12, answer_seconds=10)
NOW = pd.Timestamp("2026-03-02T05:00:00Z")
BARE: dict[str, Any] = {"params": {"snapshot": {"as_of": "2026-01-01T00:00:00+00:00"}}}


def named(name: str, days: int, unique_id: str = "a") -> Named:
    return Named(unique_id, name, (NOW.floor("D") - days * DAY).isoformat())


def card(**days: int) -> dict[str, Any]:
    """The card of a champion that was told of changes, each so many days before NOW."""
    since = {u: (NOW.floor("D") - n * DAY).isoformat() for u, n in days.items()}
    return {"params": {"snapshot": {"as_of": NOW.isoformat(), "changed": since}}}


@pytest.mark.parametrize(
    ("found", "champion", "days"),
    [
        ([], BARE, 28),
        ([], {}, 28),  # a card of old
        ([named("stuck sensor", 3)], BARE, 28),  # nothing to learn
        ([named("trend break", 21)], BARE, 14),  # the least
        ([named("trend break", 40)], BARE, 20),  # half of them
        ([named("trend break", 90)], BARE, 28),
        ([named("phase shift", 14)], BARE, 10.2),  # four days train
        ([named("phase shift", 10)], BARE, 10),  # the least
        ([named("phase shift", 18)], BARE, 14.2),
        ([named("phase shift", 30)], BARE, 21),  # the others train
        ([named("phase shift", 50)], BARE, 25),  # half of them
        ([named("phase shift", 90)], BARE, 28),
        ([named("phase shift", 30)], card(a=30), 15),  # the champion knows it already
        ([], card(a=40), 20),
        ([], card(a=400), 28),
        ([named("phase shift", 30, "b")], card(a=200), 21),
        ([named("trend break", 40), named("trend break", 30, "b")], BARE, 15),  # the newest
        # a course that is not known is learnt, whatever was named later
        ([named("phase shift", 14), named("trend break", 3, "b")], BARE, 10.2),
        ([named("phase shift", 14), named("variance change", 11)], BARE, 10.2),
        ([named("phase shift", 14)], card(b=3), 10.2),
    ],
)
def test_the_pin(found: list[Named], champion: dict[str, Any], days: float) -> None:
    """Each set of changes keeps its days for the gate."""
    pinned = pin(GATE, now=NOW, named=found, card=champion)
    assert (NOW - pinned) / DAY == pytest.approx(days, abs=0.01)


def test_asked_again_a_challenger_of_another_course_is_the_same() -> None:
    """Six days later the same days train, and six more judge."""
    since = [named("phase shift", 14)]
    first = pin(GATE, now=NOW, named=since, card=BARE)
    assert pin(GATE, now=NOW + 6 * DAY, named=since, card=BARE) == first


def test_a_challenger_is_told_of_courses_alone() -> None:
    """A shifted day is told, another trend is not; what the champion knew is told again."""
    found = told([named("phase shift", 14), named("trend break", 10, "b")], card(c=90), until=NOW)
    assert found == {"a": NOW.floor("D") - 14 * DAY, "c": NOW.floor("D") - 90 * DAY}


def test_a_later_finding_takes_no_course_from_a_challenger() -> None:
    """What was named after the shift of another series leaves days of it to train, and it is told."""
    found = [named("phase shift", 12), named("trend break", 3, "b")]
    pinned = pin(GATE, now=NOW, named=found, card=BARE)
    assert told(found, BARE, until=pinned) == {"a": NOW.floor("D") - 12 * DAY}


def test_a_card_of_old_knows_of_no_change() -> None:
    """Models from before changes were told can be challenged."""
    assert known({"data_as_of": "2026-01-01T00:00:00+00:00"}) == {}


def test_a_second_shift_is_another_and_the_first_is_told_until_it_trains() -> None:
    """Named long after what the champion knows it is pinned as a first one; named close to it, it is that one."""
    again, echo = [named("phase shift", 14)], [named("phase shift", 40)]
    pinned = pin(GATE, now=NOW, named=again, card=card(a=300))
    assert (NOW - pinned) / DAY == pytest.approx(10.2, abs=0.01)
    assert told(again, card(a=300), until=pinned) == {"a": NOW.floor("D") - 14 * DAY}
    assert told(again, card(a=300), until=NOW - 20 * DAY) == {"a": NOW.floor("D") - 300 * DAY}
    assert told(echo, card(a=60), until=NOW) == {"a": NOW.floor("D") - 60 * DAY}
