"""The grid of a series: ISO-8601 durations inside, pandas aliases accepted at every door."""

from __future__ import annotations

import re
from functools import lru_cache

import pandas as pd

from horizonte.errors import DataFault

MIN_STEP = pd.Timedelta(seconds=1)
MAX_STEP = pd.Timedelta(days=7)
_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def step(freq: str | pd.Timedelta) -> pd.Timedelta:
    """Return the fixed step of ``freq`` (``PT30M``, ``30min``, ``h``, ``P1D``).

    Raises DataFault for what is not a fixed step between one second and seven days; months
    and business days have no fixed step and are refused rather than approximated.
    """
    value = freq if isinstance(freq, pd.Timedelta) else _parse(freq)
    if pd.isna(value) or not MIN_STEP <= value <= MAX_STEP:
        raise _refused(freq)
    return value


def iso(freq: str | pd.Timedelta) -> str:
    """Return ``freq`` as the shortest ISO-8601 duration, such as ``PT30M`` or ``P1D``."""
    return written(step(freq))


@lru_cache(maxsize=256)
def duration(text: str) -> pd.Timedelta:
    """Return the ISO-8601 duration ``text``, such as ``PT37H`` or ``P7D``; raise DataFault.

    Months and years have no fixed length and are refused; pandas would read P1M as a minute.
    """
    found = _DURATION.fullmatch(text.strip().upper())
    if not found or not any(found.groups()):
        raise DataFault(
            "duration", text, "an ISO-8601 duration of fixed length", "write it as PT2H or P7D"
        )
    weeks, days, hours, minutes, seconds = (part or "0" for part in found.groups())
    return pd.Timedelta(
        weeks=int(weeks),
        days=int(days),
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(seconds),
    )


def written(span: pd.Timedelta) -> str:
    """Return ``span``, a whole number of seconds, as the shortest ISO-8601 duration."""
    days, rest = divmod(int(span.total_seconds()), 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    date = f"{days}D" if days else ""
    time = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (rest, "S")) if n)
    return "P" + date + ("T" + time if time else "")


def steps(duration: str | pd.Timedelta, freq: str | pd.Timedelta) -> int:
    """Return how many steps of ``freq`` fill ``duration``; raise DataFault when not whole."""
    span = pd.Timedelta(duration)
    count, rest = divmod(span, step(freq))
    if rest != pd.Timedelta(0):
        raise DataFault(
            "duration",
            str(duration),
            f"a whole number of {iso(freq)} steps",
            f"use a multiple of {iso(freq)}",
        )
    return int(count)


def _parse(freq: str) -> pd.Timedelta:
    text = freq.strip()
    try:
        if text.upper().startswith("P"):
            return duration(text)
        return pd.Timedelta(pd.tseries.frequencies.to_offset(text))  # type: ignore[arg-type] # not fixed: TypeError
    except (ValueError, TypeError, DataFault):
        raise _refused(freq) from None


def _refused(freq: object) -> DataFault:
    return DataFault(
        "freq",
        str(freq),
        "a fixed step from 1 s to 7 days",
        "write it as an ISO-8601 duration (PT1H) or a pandas alias (1h)",
    )
