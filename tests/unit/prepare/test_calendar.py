from __future__ import annotations

import pandas as pd
import pytest

from horizonte.errors import ConfigFault
from horizonte.prepare.calendar import Place, calendar, holiday_dates

MELBOURNE = Place("Australia/Melbourne", "AU-VIC")


def hours(start: str, end: str, zone: str) -> pd.Series:
    """Return the UTC hours of local days from ``start`` up to ``end``."""
    local = pd.date_range(start, end, freq="h", tz=zone, inclusive="left")
    return pd.Series(local.tz_convert("UTC"))


def test_a_25_hour_day_has_one_hour_twice() -> None:
    """When clocks go back in Melbourne, 02:00 comes twice and the day has 25 rows of one date."""
    found = calendar(
        hours("2024-04-07", "2024-04-08", "Australia/Melbourne"), Place("Australia/Melbourne")
    )
    assert found["hour"].tolist() == [0, 1, 2, 2, *range(3, 24)]
    assert found["weekday"].unique().tolist() == [6]


def test_a_23_hour_day_skips_one_hour() -> None:
    """When clocks go forward in Melbourne, no row stands at 02:00."""
    found = calendar(
        hours("2024-10-06", "2024-10-07", "Australia/Melbourne"), Place("Australia/Melbourne")
    )
    assert found["hour"].tolist() == [0, 1, *range(3, 24)]


def test_holidays_are_local_days() -> None:
    """Melbourne Cup Day is a holiday of Victoria for its 24 local hours, with its neighbours."""
    ds = hours("2024-11-04", "2024-11-07", "Australia/Melbourne")
    found = calendar(ds, MELBOURNE)
    expected = [0.0] * 24 + [1.0] * 24 + [0.0] * 24
    assert found["holiday"].tolist() == expected
    assert found["day_before_holiday"].tolist() == expected[24:] + [0.0] * 24
    assert found["day_after_holiday"].tolist() == [0.0] * 24 + expected[:48]


def test_holidays_across_new_year() -> None:
    """The day before a holiday is known when the holiday is next year's."""
    ds = pd.Series(pd.to_datetime(["2024-12-31T02:00:00Z"]))
    found = calendar(ds, MELBOURNE)
    assert found["day_before_holiday"].tolist() == [1.0]


def test_carnaval_is_a_holiday_in_brazil() -> None:
    """Brazil's optional days are in its calendar, Carnaval and Corpus Christi among them."""
    days = [str(day.date()) for day in holiday_dates("BR", years=range(2026, 2027))]
    assert {"2026-02-17", "2026-06-04"} <= set(days)


def test_every_day_is_local() -> None:
    """Weekday and day of year follow the zone, not UTC; minutes are fractions of the hour."""
    ds = pd.Series(pd.to_datetime(["2024-02-28T15:30:00Z"]), index=[9])
    found = calendar(ds, Place("Australia/Melbourne"))
    assert found.index.tolist() == [9]
    assert found[["hour", "weekday", "day_of_year"]].to_numpy().tolist() == [[2.5, 3, 60]]
    assert found["year_phase"].tolist() == pytest.approx([59 / 366])


def test_where_days_come_late_an_instant_is_as_much_earlier() -> None:
    """Four hours late from noon on: 15:00 of a holiday has its 11:00, and what came before is as ever."""
    ds = hours("2024-11-05", "2024-11-06", "Australia/Melbourne")
    late = MELBOURNE._replace(changed=str(ds[12].tz_localize(None)), late=4 * 3600.0)
    found = calendar(ds, late)
    assert found["hour"].tolist() == [*range(12), *range(8, 20)]
    assert found["holiday"].tolist() == [1.0] * 24


@pytest.mark.parametrize(("zone", "holidays"), [("Nowhere/City", None), ("UTC", "XX-YY")])
def test_unknown_zones_and_calendars_are_named(zone: str, holidays: str | None) -> None:
    """A zone or calendar that does not exist is refused with its value."""
    ds = pd.Series(pd.to_datetime(["2024-02-28T15:30:00Z"]))
    with pytest.raises(ConfigFault) as refused:
        calendar(ds, Place(zone, holidays))
    assert refused.value.value == (holidays or zone)
