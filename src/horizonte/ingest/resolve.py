"""From raw readings to rows that may be stored: series, instant and value, or a refusal with its fix."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import NoneType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from horizonte.ingest import reals, times
from horizonte.ingest.chunk import Column
from horizonte.ingest.feeds import TimeUnit
from horizonte.ingest.messages import NO_FIELD, Columns
from horizonte.ingest.readings import WHY
from horizonte.ingest.sources import Source
from horizonte.names import taken

Letter = tuple[int, str, str, str]  # place, value, reason, fix
NEW_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@ -]*(/[A-Za-z0-9][A-Za-z0-9_.:@ -]*)*")
LONGEST_KEY = 200
_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_OLDEST = pd.Timestamp("2000-01-01").value  # seconds read as milliseconds end in 1970
_USUAL = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})?(Z|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEWEST = pd.Timestamp("2200-01-01").value


class Typed(NamedTuple):
    """What a batch of raw readings says, and what of it was refused.

    ``rows``: place (index into what was given), unique_id, ds, y, stamped (ds is the arrival).
    """

    rows: pd.DataFrame
    letters: list[Letter]


@dataclass
class _Refusals:
    """Refusals by place; the first reason found for a reading is the one that counts."""

    letters: dict[int, Letter]

    def add(self, place: int, value: object, reason: str, fix: str) -> None:
        self.letters.setdefault(place, (place, _shown(value), reason, fix))


def typed(given: Columns, arrived: np.ndarray, source: Source, *, unit: TimeUnit | None) -> Typed:
    """Return what was ``given``, which arrived at ``arrived`` (ns since 1970, UTC), as ``source`` says.

    A reading without a time carries that of its arrival, and is marked as stamped. One from
    further ahead than the source's ``skew`` is refused unless its series is known ahead.
    """
    refusals, declared = _Refusals({}), _declared(source)
    names = _names(given.keys, source, declared, refusals)
    values = _values(given.values, source, refusals)
    stamped = np.array([stamp is None for stamp in given.timestamps], bool)
    ds = _instants(given.timestamps, source, unit, refusals)
    ds = np.where(stamped, arrived, ds) // 1000 * 1000
    _refuse_ahead(ds - arrived, ds, names, (source, declared), refusals)
    good = np.ones(len(values), bool)
    good[list(refusals.letters)] = False
    rows = pd.DataFrame(
        {
            "place": np.flatnonzero(good),
            "unique_id": np.array(names, object)[good],
            "ds": pd.DatetimeIndex(ds[good].view("M8[ns]")).tz_localize("UTC"),
            "y": values[good],
            "stamped": stamped[good],
        },
        copy=False,
    )
    return Typed(rows, list(refusals.letters.values()))


def unique_id(key: str, source: Source, declared: Mapping[str, bool]) -> str | None:
    """Return the series that ``key`` means: a declared key, a declared unique_id, or a new one."""
    if key in source.series:
        return source.unique_id(key)
    if key in declared:
        return key
    return f"{source.name}/{key}" if source.new_series and is_new_key(source.name, key) else None


def is_new_key(source: str, key: str) -> bool:
    """Return whether ``source/key`` may name a series that is to be registered."""
    fits = len(key) <= LONGEST_KEY and NEW_KEY.fullmatch(key) is not None
    return fits and not taken(f"{source}/{key}")


def _names(
    keys: list[Any], source: Source, declared: Mapping[str, bool], refusals: _Refusals
) -> list[str]:
    if not set(map(type, keys)) <= {str}:
        keys = [_named(place, given, refusals) for place, given in enumerate(keys)]
    known = {key: unique_id(key, source, declared) for key in set(keys)}
    if None in known.values():
        for place, key in enumerate(keys):
            if known[key] is None:
                why = f"no series of source {source.name}"
                refusals.add(place, key, why, _nearest(key, source))
    return [known[key] or "" for key in keys]


def _named(place: int, given: object, refusals: _Refusals) -> str:
    if isinstance(given, str):
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    what = "no series is named" if given in (None, NO_FIELD) else "not the name of a series"
    refusals.add(place, None if given is NO_FIELD else given, what, "correct id in the mapping")
    return ""


def _nearest(key: str, source: Source) -> str:
    if source.new_series:
        return f"name new series by up to {LONGEST_KEY} of A-Z a-z 0-9 _ . : @ - and / between"
    near = difflib.get_close_matches(key[:LONGEST_KEY], source.series, n=1)
    return f"did you mean {near[0]}?" if near else "declare it in sources.yaml, or allow new_series"


def _values(given: list[Any], source: Source, refusals: _Refusals) -> np.ndarray:
    kinds = set(map(type, given))
    values = _numbers(given, kinds)
    if str in kinds:
        _read_texts(values, given, source, refusals)
    for place in np.flatnonzero(~np.isfinite(values)):
        refusals.add(int(place), *_no_number(given[place]))
    return values


def _numbers(given: list[Any], kinds: set[type]) -> np.ndarray:
    if kinds <= {float, int}:
        with suppress(OverflowError):  # of an integer of hundreds of digits
            return np.array(given, float)
    return np.array([_real(value) for value in given], float)


def _read_texts(values: np.ndarray, given: list[Any], source: Source, refusals: _Refusals) -> None:
    """Put the numbers that stand as texts among ``given`` into ``values``."""
    texts = [place for place, value in enumerate(given) if isinstance(value, str)]
    plain = pa.array([_plain(given[place], longest=400) for place in texts], pa.string())
    values[texts], state = reals.resolve(Column(plain), source)
    for at in np.flatnonzero(state != reals.REAL):
        text = given[texts[at]]
        refusals.add(texts[at], text, *reals.why(text, source))


def _real(value: object) -> float:
    """Return a JSON number as a real, infinite when it is too large, NaN for anything else."""
    if type(value) is not float and type(value) is not int:
        return np.nan
    try:
        return float(value)
    except OverflowError:
        return np.inf


def _no_number(value: object) -> tuple[object, str, str]:
    if value is NO_FIELD:
        return None, "no value", "correct value in the mapping"
    if value is None:
        return "null", "no reading", "leave out what is missing"
    if isinstance(value, float | int) and not isinstance(value, bool):
        return value, "not a finite number", "leave out what is missing"
    return value, "not a number", "send a number, or correct value in the mapping"


def _instants(
    given: list[Any], source: Source, unit: TimeUnit | None, refusals: _Refusals
) -> np.ndarray:
    if unit is not None:
        counted = [
            0 if stamp is None else _counted(place, stamp, unit, refusals)
            for place, stamp in enumerate(given)
        ]
        return np.array(counted, np.int64)
    if not set(map(type, given)) <= {str, NoneType}:
        given = [_a_text(place, stamp, refusals) for place, stamp in enumerate(given)]
    # Many sensors report at the same instant: each text is read once.
    known = {text: _usual(text) for text in set(given) if text is not None}
    ds = np.array([known.get(text, 0) for text in given], np.int64)
    if 0 in known.values():
        _read_instants(ds, given, source, refusals)
    return ds


def _a_text(place: int, stamp: object, refusals: _Refusals) -> str | None:
    if stamp is None or isinstance(stamp, str):
        return stamp
    refusals.add(place, stamp, "not a time", "send ISO 8601 text, or declare timestamp_unit")
    return None


def _read_instants(
    ds: np.ndarray, given: list[str | None], source: Source, refusals: _Refusals
) -> None:
    """Put the instants of the texts that are not of the usual form into ``ds``."""
    texts = [place for place in np.flatnonzero(ds == 0).tolist() if given[place] is not None]
    plain = pa.array([_plain(given[p], longest=64) for p in texts], pa.string())
    found = times.resolve(plain, source)
    ds[texts] = np.where(found.code == times.OK, found.ds.astype(np.int64), 0)
    for place, code in zip(texts, found.code, strict=True):
        if code != times.OK:
            refusals.add(place, given[place], *WHY[int(code)])


def _usual(text: str) -> int:
    """Return the usual form of an instant with its offset; 0 for all others, which take longer."""
    if not _USUAL.fullmatch(text):
        return 0
    try:
        since = datetime.fromisoformat(text) - _EPOCH
    except ValueError:
        return 0  # refused with its reason by the slower way
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


def _counted(place: int, stamp: object, unit: TimeUnit, refusals: _Refusals) -> int:
    number = not isinstance(stamp, bool) and isinstance(stamp, int | float | str)
    try:
        exact = int(stamp) if isinstance(stamp, int) else float(str(stamp)) if number else np.nan
        # To the nearest microsecond: 1700000000.123 is a little less in binary.
        ds = round(exact * (_NANOSECONDS[unit] / 1000)) * 1000
    except (ValueError, OverflowError):
        ds = 0
    if not _OLDEST <= ds < _NEWEST:
        why = f"no time from 2000 to 2199 in {unit} since 1970"
        refusals.add(place, stamp, why, "correct the clock, or timestamp_unit in the mapping")
        return 0
    return ds


def _refuse_ahead(
    lead: np.ndarray,
    ds: np.ndarray,
    names: list[str],
    of: tuple[Source, Mapping[str, bool]],
    refusals: _Refusals,
) -> None:
    source, known = of
    for place in np.flatnonzero(lead > pd.Timedelta(source.skew).value):
        if not known.get(names[place], False):
            shown = pd.Timestamp(int(ds[place]), tz="UTC").isoformat()
            why = f"{lead[place] / 1e9:,.0f} s ahead of its arrival"
            fix = "correct the device's clock, or declare skew, or known_ahead of the series"
            refusals.add(int(place), shown, why, fix)


def _declared(source: Source) -> dict[str, bool]:
    """Return the declared unique_ids, and whether each is known ahead."""
    return {
        source.unique_id(key): pd.Timedelta(channel.known_ahead) > pd.Timedelta(0)
        for key, channel in source.series.items()
    }


def _plain(value: object, *, longest: int) -> str:
    """Return a text without the half characters that JSON may escape and UTF-8 cannot hold.

    One that is too long is none at all: its beginning may read as something else.
    """
    text = str(value)
    return text.encode("utf-8", "replace").decode() if len(text) <= longest else "(too long)"


def _shown(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**30:
        return "an integer of hundreds of digits" if abs(value) > 10**300 else f"{value:.6e}"
    try:
        return str(value)[:400]
    except RecursionError:
        return "(nested too deeply)"
