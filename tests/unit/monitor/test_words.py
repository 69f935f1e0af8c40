"""The message catalogue: both languages say the same, and everything can be said."""

from __future__ import annotations

import string

import pytest

from horizonte.monitor import absence, brakes, findings, words


def fields(text: str) -> set[str]:
    """The placeholders of a message."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("name", sorted(words.MESSAGES))
def test_both_languages_have_every_message(name: str) -> None:
    """Each message stands in both languages, with the same placeholders, and is not the same text."""
    english, portuguese = words.MESSAGES[name]
    assert fields(english) == fields(portuguese)
    assert english.strip()
    assert portuguese.strip()


@pytest.mark.parametrize(
    "name",
    [
        *(n for n in absence.NAMES),
        *findings.MENDED,
        *(brakes.YOUNG, brakes.COOLING, brakes.WAITING),
        *(brakes.FEW, brakes.ANNOTATED, brakes.BROKEN, brakes.RECENT, brakes.ASKED),
    ],
)
def test_every_name_has_a_message(name: str) -> None:
    """What the loop can name, it can say."""
    assert name in words.MESSAGES


def test_enumerations_stay_short() -> None:
    """Two are joined by a word; of many, three are named and the others counted."""
    assert words.listed([], "en") == ""
    assert words.listed(["a"], "en") == "a"
    assert words.listed(["a", "b", "c"], "pt-BR") == "a, b e c"
    assert words.listed(list("abcde"), "en") == "a, b, c and 2 more"


def test_numbers_follow_the_language() -> None:
    """Portuguese has a decimal comma."""
    assert words.number(1.25, "en", places=2) == "1.25"
    assert words.number(1.25, "pt-BR", places=2) == "1,25"


@pytest.mark.parametrize(
    ("seconds", "english", "portuguese"),
    [
        (1, "1 second", "1 segundo"),
        (60, "60 seconds", "60 segundos"),
        (120, "2 minutes", "2 minutos"),
        (3600, "60 minutes", "60 minutos"),
        (7165, "119 minutes", "119 minutos"),
        (7175, "2 hours", "2 horas"),
        (3600 * 5, "5 hours", "5 horas"),
        (3600 * 47.4, "47 hours", "47 horas"),
        (3600 * 47.6, "2 days", "2 dias"),
        (3600 * 72, "3 days", "3 dias"),
    ],
)
def test_a_length_of_time_is_told_in_its_unit(
    seconds: float, english: str, portuguese: str
) -> None:
    """The longest unit that there are two of; one second is singular."""
    assert words.span(seconds, "en") == english
    assert words.span(seconds, "pt-BR") == portuguese


def test_a_factor_is_told_where_it_is_known() -> None:
    """A unit change says by how much."""
    facts = {"name": "unit change", "thing": "a", "since": "2026-01-02T00:00:00+00:00"}
    assert words.finding("en", **facts, size=1.8) == (
        "a reads in another unit since 2026-01-02 (times 1.80)"
    )
    assert "(vezes 1,80)" in words.finding("pt-BR", **facts, size=1.8)
    assert "(times 0.001)" in words.finding("en", **facts, size=0.001)
    assert "times" not in words.finding("en", **facts, size=None)
    assert "times" not in words.finding("en", **facts, size=1.0)  # of Celsius and Kelvin


def test_a_conversion_is_a_command() -> None:
    """The command has the instant in UTC, the series as a shell takes it, and the offset if any."""
    facts = {"thing": "s/a b", "since": "2026-01-02T05:00:00+00:00"}
    assert words.conversion(**facts, factor=1 / 1000, offset=0.0) == (
        "`horizonte annotate 's/a b' 2026-01-02T05:00Z --kind unit_changed --factor 0.001`"
    )
    told = words.conversion(**facts, factor=1 / 1.8, offset=-32 / 1.8)
    assert told.endswith("--factor 0.5555555556 --offset -17.77777778`")
