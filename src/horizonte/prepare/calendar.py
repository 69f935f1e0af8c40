"""What the calendar says of an instant, in the zone where people live by it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays as registry
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from horizonte.errors import ConfigFault

Reals = NDArray[np.float64]
NO_HOLIDAYS = "none"  # a calendar whose every day is ordinary
CATEGORIES = {"BR": ("public", "optional")}  # Carnaval is only in BR's optional days


class Place(NamedTuple):
    """By which clock and holidays a series goes; where its days come ``late``, from ``changed`` on."""

    zone: str  # IANA
    holidays: str | None = None
    changed: str | None = None  # ISO-8601, UTC
    late: float = 0.0  # seconds; negative: early


def calendar(ds: pd.Series, place: Place) -> pd.DataFrame:
    """Return the calendar features of the instants ``ds`` (UTC) at ``place``, in their order.

    Columns: ``hour`` (local, with minutes as a fraction), ``weekday`` (0 Monday), ``day_of_year``
    (1 to 366), ``year_phase`` (0 ≤ phase < 1), ``holiday``, ``day_before_holiday``,
    ``day_after_holiday`` and ``day_off`` (weekend or holiday) as 0.0 or 1.0. On a 23-hour day
    an hour is skipped, on a 25-hour day one comes twice. ``holidays`` is a country with an
    optional subdivision (``AU-VIC``, ``BR``); None and ``none`` mean no holidays. Where days come late,
    an instant has the features of as much earlier. Raises ConfigFault for an unknown zone or calendar.
    """
    local = wall(pd.DatetimeIndex(ds), place)
    day = local.normalize()
    holidays = place.holidays
    holiday = _is_holiday(day, holidays)
    weekday = local.weekday.to_numpy()
    return pd.DataFrame(
        {
            "hour": (local.hour + local.minute / 60 + local.second / 3600).to_numpy(dtype=float),
            "weekday": weekday.astype(float),
            "day_of_year": local.dayofyear.to_numpy(dtype=float),
            "year_phase": (local.dayofyear.to_numpy() - 1) / np.where(local.is_leap_year, 366, 365),
            "holiday": holiday,
            "day_before_holiday": _is_holiday(day, holidays, shift=1),
            "day_after_holiday": _is_holiday(day, holidays, shift=-1),
            "day_off": np.maximum(holiday, (weekday >= 5).astype(float)),
        },
        index=ds.index if isinstance(ds, pd.Series) else None,
    )


def holiday_dates(calendar_name: str, *, years: range) -> list[pd.Timestamp]:
    """Return the days of ``calendar_name`` in ``years``, ordered, as naive local midnights."""
    return list(holiday_names(calendar_name, years=years))


def holiday_names(calendar_name: str, *, years: range) -> dict[pd.Timestamp, str]:
    """Return what each of ``holiday_dates`` is called, in their order."""
    return {day: name for year in years for day, name in _year(calendar_name, year).items()}


def wall(ds: pd.DatetimeIndex, place: Place) -> pd.DatetimeIndex:
    """Return what clocks on the wall show; naive, as every field of an aware one is looked up."""
    if place.changed is not None:
        late = pd.Timedelta(seconds=place.late)
        ds = ds.where(ds < pd.Timestamp(place.changed, tz="UTC"), ds - late)
    try:
        return ds.tz_convert(ZoneInfo(place.zone)).tz_localize(None)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigFault(
            "zone", place.zone, "an IANA time zone", "write it as Region/City"
        ) from None


def _is_holiday(day: pd.DatetimeIndex, name: str | None, *, shift: int = 0) -> Reals:
    """Tell of local midnights whether the day ``shift`` days later is a holiday."""
    if name is None or not len(day):
        return np.zeros(len(day))
    years = range(day.min().year - 1, day.max().year + 2)
    free = pd.DatetimeIndex(holiday_dates(name, years=years))
    return (day + pd.Timedelta(days=shift)).isin(free).astype(float)


@lru_cache(maxsize=512)
def _year(name: str, year: int) -> dict[pd.Timestamp, str]:
    if name == NO_HOLIDAYS:
        return {}
    country, _, part = name.partition("-")
    categories = CATEGORIES.get(country, ("public",))
    try:
        found = registry.country_holidays(
            country, subdiv=part or None, years=year, categories=categories
        )
    except NotImplementedError:
        raise ConfigFault(
            "holidays",
            name,
            "a country or country-subdivision that the holidays package knows",
            "write it as AU-VIC or BR",
        ) from None
    return {pd.Timestamp(day): str(found[day]) for day in sorted(found)}
