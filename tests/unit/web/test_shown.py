"""Numbers, instants and ages by language and zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from babel import Locale

from horizonte.web.shown import NOTHING, Shown, known

PT, EN = Shown(Locale("pt", "BR")), Shown(Locale("en"))


@pytest.mark.parametrize(
    ("value", "portuguese", "english"),
    [
        (1234567.8, "1.234.568", "1,234,568"),
        (123.45, "123,4", "123.4"),
        (0.0123, "0,0123", "0.0123"),
        (-5.5, "-5,5", "-5.5"),
        (0.0, "0", "0"),
        (None, NOTHING, NOTHING),
        (float("nan"), NOTHING, NOTHING),
    ],
)
def test_numbers(value: float, portuguese: str, english: str) -> None:
    """Marks are those of the language; what is no number is a dash."""
    assert (PT.number(value), EN.number(value)) == (portuguese, english)


def test_changes_carry_their_sign() -> None:
    """A gain has a plus, a loss a minus, both a tenth of a per cent."""
    found = [EN.change(v) for v in (0.0512, -0.2, None)]
    assert found == ["+5.1\u00a0%", "-20.0\u00a0%", NOTHING]
    assert PT.change(0.0512) == "+5,1\u00a0%"


def test_an_hour_that_comes_twice() -> None:
    """Both hours of a night when clocks go back are told apart by their zone's name."""
    early = datetime(2026, 4, 4, 15, 30, tzinfo=UTC)  # 02:30 in Melbourne, daylight time
    shown = [PT.instant(early + timedelta(hours=n), "Australia/Melbourne") for n in (0, 1)]
    assert shown == ["05/04/2026 02:30 AEDT", "05/04/2026 02:30 AEST"]


def test_the_reader_chooses_the_zone() -> None:
    """Site, browser or UTC; a browser that did not say its zone gets the site's."""
    site = "America/Sao_Paulo"
    zones = [
        Shown(PT.locale, z, b).zone_of(site)
        for z, b in [("utc", None), ("browser", None), ("browser", "Asia/Tokyo")]
    ]
    assert zones == ["UTC", site, "Asia/Tokyo"]


@pytest.mark.parametrize("zone", [None, "", "../../etc/passwd", "Nowhere/At_all", "x" * 100, "\0"])
def test_what_is_no_zone(zone: str | None) -> None:
    """Whatever a cookie holds is a zone or nothing."""
    assert known(zone) is None


def test_ages() -> None:
    """In the largest unit that fits, in the reader's words."""
    assert PT.age(timedelta(minutes=90)) == "90 min"
    assert EN.age(timedelta(days=3)) == "3 days"
    assert PT.age(None) == NOTHING
