"""Numbers, instants and ages as a reader of a language, in a time zone, expects them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, dates, numbers

ZONES = ("site", "browser", "utc")
NOTHING = "–"


@dataclass(frozen=True)
class Shown:
    """How values are written: ``zone`` is one of ZONES, ``browser`` the reader's own zone or None."""

    locale: Locale
    zone: str = "site"
    browser: str | None = None

    def zone_of(self, site: str) -> str:
        """Return the IANA zone in which instants of a series at ``site`` are shown."""
        if self.zone == "browser" and self.browser:
            return self.browser
        return "UTC" if self.zone == "utc" else known(site) or "UTC"

    def number(self, value: float | None, *, signed: bool = False) -> str:
        """Return a value with about four significant digits, and no fewer before the mark."""
        if value is None or not math.isfinite(value):
            return NOTHING
        size = abs(value)
        digits = 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 or size == 0 else 4
        form = f"#,##0.{'#' * digits}"
        form = f"+{form};-{form}" if signed and value else form
        return str(numbers.format_decimal(value, form, locale=self.locale))

    def signed(self, value: float) -> str:
        """Return a difference with its sign."""
        return ("+" if value > 0 else "") + self.number(value)

    def exact(self, value: float | None) -> str:
        """Return a value with all that it holds, up to ten places: what was read can be compared."""
        if value is None or not math.isfinite(value):
            return NOTHING
        return str(numbers.format_decimal(value, "#,##0.##########", locale=self.locale))

    def share(self, value: float | None) -> str:
        """Return a share as a percentage."""
        if value is None or not math.isfinite(value):
            return NOTHING
        return str(numbers.format_percent(value, "#,##0 %", locale=self.locale))

    def change(self, value: float | None) -> str:
        """Return a share that is gained or lost, with its sign and a tenth of a per cent."""
        if value is None or not math.isfinite(value):
            return NOTHING
        pattern = "+#,##0.0\u00a0%;-#,##0.0\u00a0%"
        return str(numbers.format_percent(value, pattern, locale=self.locale))

    def instant(self, at: datetime | None, site: str = "UTC") -> str:
        """Return an instant with the name of the zone that it is shown in."""
        if at is None:
            return NOTHING
        zone = ZoneInfo(self.zone_of(site))
        text = dates.format_datetime(at, "short", tzinfo=zone, locale=self.locale)
        return f"{text} {at.astimezone(zone):%Z}"

    def day(self, iso: str) -> str:
        """Return a date written as ISO-8601 in words of the language; any other text as it is."""
        try:
            return str(dates.format_date(date.fromisoformat(iso), "long", locale=self.locale))
        except ValueError:
            return iso

    def age(self, span: timedelta | None) -> str:
        """Return a length of time in its largest whole unit."""
        if span is None:
            return NOTHING
        return str(dates.format_timedelta(span, locale=self.locale, format="short", threshold=2))


def known(zone: str | None) -> str | None:
    """Return ``zone`` if it is an IANA time zone, else None."""
    try:
        return str(ZoneInfo(zone)) if zone and len(zone) < 64 else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def iso(at: datetime) -> str:
    """Return an instant as addresses and ``<time>`` carry it."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
