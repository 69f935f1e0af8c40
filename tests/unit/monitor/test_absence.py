"""Absences: what should have happened and did not, at exactly the instant it counts as such."""

from __future__ import annotations

import pandas as pd
import pytest

from horizonte.monitor import absence
from horizonte.monitor.absence import Feed

NOW = pd.Timestamp("2026-03-02 12:00", tz="UTC")
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)


def feed(*ages: float, step: float = 1.0) -> Feed:
    """A source of ``step`` hours whose arrivals are so many hours old."""
    return Feed("mast", step * HOUR, [NOW - age * HOUR for age in ages])


@pytest.mark.parametrize(
    ("given", "silent"),
    [
        (feed(3, 4, 5, 6), False),  # three steps are allowed
        (feed(3.1, 4.1, 5.1, 6.1), True),
        (feed(20, 44, 68, 92), False),  # it comes once a day, whatever its grid
        (feed(73, 97, 121, 145), True),
        (feed(3.1), True),  # one arrival has no gaps
        (feed(), False),  # nothing ever came: no feed
    ],
)
def test_a_source_is_silent_by_its_own_history(given: Feed, *, silent: bool) -> None:
    """A few steps of its grid, or a few of its usual gaps, whichever is longer."""
    assert bool(absence.readings([given], now=NOW)) is silent


def test_silence_of_minutes_is_told_in_minutes() -> None:
    """A source on a grid of a minute is silent after three, and says so."""
    [found] = absence.readings([feed(4 / 60, 5 / 60, 6 / 60, step=1 / 60)], now=NOW)
    assert found.sentence_en == "Source mast has brought no readings for 4 minutes."
    assert found.sentence_pt == "A fonte mast não traz leituras há 4 minutos."


def test_a_reversion_is_told_for_a_week() -> None:
    """Both models are named; on the eighth day it is known."""
    [found] = absence.reverted("b" * 64, "a" * 64, ago=7 * DAY)
    assert found.key == ("retraining reverted", "b" * 12)
    assert found.sentence_en == (
        f"Model {'b' * 12} forecast worse than {'a' * 12} and was taken back: {'a' * 12} serves again."
    )
    assert not absence.reverted("b" * 64, "a" * 64, ago=7.01 * DAY)


def test_monitoring_is_missed_after_two_of_its_intervals_and_a_day() -> None:
    """An hourly one after a day, a weekly one after two weeks, on the clock that it goes by."""
    hourly = [NOW - n * HOUR for n in range(25, 30)]
    weekly = [NOW - n * DAY for n in (13, 20, 27)]
    assert absence.monitoring(hourly, now=NOW, serving=DAY)
    assert not absence.monitoring([NOW - 23 * HOUR], now=NOW, serving=DAY)
    assert not absence.monitoring(weekly, now=NOW, serving=DAY)
    assert absence.monitoring(weekly, now=NOW + 2 * DAY, serving=DAY)


def test_monitoring_that_never_ran_is_missed_after_a_day() -> None:
    """A champion that has just begun to serve is given a day."""
    assert not absence.monitoring([], now=NOW, serving=DAY)
    [found] = absence.monitoring([], now=NOW, serving=2 * DAY)
    assert "horizonte monitor" in found.sentence_en


def test_a_request_that_nobody_takes_is_missed_after_hours() -> None:
    """Freshly asked for, or lately at a step, it may wait; then it is told how long it has."""
    assert not absence.untaken(7, waited=30 * HOUR, idle=absence.WAITS)
    [found] = absence.untaken(7, waited=30 * HOUR, idle=absence.WAITS + HOUR)
    assert found.key == ("retraining waits", "7")
    assert "30 hours" in found.sentence_en
    assert "30 horas" in found.sentence_pt
    assert "horizonte retrain" in found.sentence_en


def test_an_old_champion_is_named_with_its_age() -> None:
    """Age is that of the newest data it was trained on."""
    assert not absence.champion("abc", known=365 * DAY, max_age=365 * DAY)
    [found] = absence.champion("abc", known=366 * DAY, max_age=365 * DAY)
    assert found.key == ("champion too old", "abc")
    assert "366 days" in found.sentence_en
    assert "366 dias" in found.sentence_pt
