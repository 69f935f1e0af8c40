"""Sentences: what moves is told with its size and direction, what does not is named as such."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from horizonte.serve import telling
from horizonte.serve.changes import PartName
from horizonte.serve.removals import Kind
from horizonte.serve.schemas_explain import Driver, EffectAnswer, Explanation


def effect(*steps: float) -> EffectAnswer:
    size = sum(map(abs, steps)) / len(steps)
    mean = sum(steps) / len(steps)
    return EffectAnswer(mean=mean, size=size, buckets={"00-02h": mean}, steps=list(steps))


def driver(kind: Kind, *steps: float, subjects: tuple[str, ...] = ()) -> Driver:
    return Driver(kind=kind, subjects=list(subjects), removal="", effect=effect(*steps))


def told(*drivers: Driver, **facts: Any) -> str:
    example: Any = Explanation.model_config["json_schema_extra"]
    given = Explanation.model_validate(example["example"])
    plain = {"drivers": list(drivers), "mean": [90.0, 110.0], "horizon": "PT2H"}
    return " ".join(telling.sentences(given.model_copy(update=plain | facts)))


def test_a_driver_is_told_by_what_would_be_without_it() -> None:
    """What raises the forecast is less without it, in the unit and as a share."""
    said = told(driver("covariate", 20.0, 20.0, subjects=("vic/temperature_c",)))
    assert said.startswith("vic/demand_mw is forecast to average 100 MW over the 2 h after 2014")
    assert "Without vic/temperature_c, it would average 20.0 MW less (20.0 %)." in said


def test_what_goes_both_ways_tells_its_swing() -> None:
    """A mean near zero of large effects does not pass for nothing."""
    said = told(driver("last_week", 30.0, -28.0))
    assert "1.00 MW less (1.0 %), and be off by 29.0 MW at a usual step." in said


def test_what_moves_nothing_is_named() -> None:
    """An effect of zero is no sentence of its own."""
    said = told(driver("covariate", 0.0, 0.0, subjects=("site/open",)), driver("older", 0.0, 0.0))
    assert "No difference: site/open, older." in said
    assert "Without" not in said


def test_only_the_first_three_are_sentences() -> None:
    """The rest is in the figures."""
    kinds: tuple[Kind, ...] = ("last_day", "last_week", "older", "annotations")
    assert told(*(driver(kind, 5.0, 5.0) for kind in kinds)).count("it would average") == 4


def test_degraded_and_first_are_said() -> None:
    """Reasons are passed on as they are; without a previous vintage the reason stands."""
    said = told(degraded="imputed: 9 of the last 48 values")
    assert "It may be worse than usual: imputed: 9 of the last 48 values." in said
    assert said.endswith("No earlier live vintage of this series is on record.")


@pytest.mark.parametrize(
    ("value", "said"),
    [(4000.43, "4,000"), (65.025, "65.0"), (0.426, "0.426"), (-0.00123, "-0.00123"), (0.0, "0.0")],
)
def test_numbers_have_three_digits(value: float, said: str) -> None:
    """Large values are whole, small ones keep three significant digits."""
    assert telling.number(value) == said


@pytest.mark.parametrize("kind", sorted({*get_args(Kind)} - {"everything"}))
def test_every_kind_of_driver_has_words(kind: Kind) -> None:
    """Each can be told, and says what was taken away."""
    assert "it would average 5.00 MW less" in told(driver(kind, 5.0, 5.0, subjects=("this",)))
    assert telling.text(f"removed {kind}", subjects="this")


def test_every_part_has_a_meaning() -> None:
    """With the old model and without it."""
    names = list(get_args(PartName))
    assert len(set(telling.meanings(names).values())) == len(names)
    alone = telling.meanings(["new_model"])["new_model"]
    assert all(telling.text(f"called {name}") for name in names)
    assert alone != telling.meanings(names)["new_model"]
