"""Factors are those of the declared unit: of what is counted, nobody reads km/h for m/s."""

from __future__ import annotations

import pytest

from horizonte.monitor import units


@pytest.mark.parametrize(("unit", "known"), [
    ("m/s", True), ("km/h", True), ("kWh", True), ("MW", True), ("1", True), ("", True),
    ("people", False), ("hPa", False), ("%", False), ("mm", False),
])  # fmt: skip
@pytest.mark.parametrize("times", [3.6, 1 / 3.6])
def test_joules_and_hours_are_of_speed_energy_and_what_may_be_either(
    unit: str, known: bool, times: float
) -> None:
    """A quarter of the usual visitors is a quiet week, not another unit."""
    found = units.factor(times * 1.01, unit=unit, unsure=0.02, slope=(times, 0.02))
    assert (found == pytest.approx(times)) is known


@pytest.mark.parametrize("unit", ["people", "m/s", "degC"])
@pytest.mark.parametrize("times", [1000.0, 0.01])
def test_powers_of_ten_are_of_any_unit(unit: str, times: float) -> None:
    """Thousands for ones."""
    assert units.factor(times, unit=unit, unsure=0.02, slope=None) == pytest.approx(times)


@pytest.mark.parametrize(("unit", "known"), [
    ("degC", True), ("1", True), ("people", False), ("ºC", True), ("℃", True), ("deg C", True),
])  # fmt: skip
def test_fahrenheit_is_of_temperatures(unit: str, known: bool) -> None:
    """20 and 68 are one temperature, however its degrees are written, and different crowds."""
    found = units.affine(20.0, 68.0, unit=unit, unsure=0.3, slope=None)
    assert (found == (1.8, 32.0)) is known
