"""Texts to UTC instants: ISO 8601 and declared orders; what has two readings is refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from horizonte.ingest.sources import Source

FIRST_YEAR, LAST_YEAR = 1901, 2199
_CLOCK = (
    r"(?:(?:[T ] *)(?P<H>\d{1,2})[:h](?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?)?"
    r"(?: ?(?P<ap>[AaPp][Mm]))?)?(?: ?(?P<o>Z|UTC|[+-]\d{2}(?::?\d{2})?))?$"
)
_ISO = r"^(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})" + _CLOCK
_SLASHED = r"^(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.](?P<y>\d{4})" + _CLOCK
_NAMED = r"^(?P<d>\d{1,2})[-/. ](?:de )?(?P<n>\pL{3,9})\.?[-/. ](?:de )?(?P<y>\d{4})" + _CLOCK
_SHORT_YEAR = r"^\d{1,2}[-/.]\d{1,2}[-/.]\d{2}\b"
_SERIAL = r"^\d{1,6}([.,]\d+)?$"
_MONTHS = (
    "jan january janeiro",
    "feb february fev fevereiro",
    "mar march marco março",
    "apr april abr abril",
    "may mai maio",
    "jun june junho",
    "jul july julho",
    "aug august ago agosto",
    "sep sept september set setembro",
    "oct october out outubro",
    "nov november novembro",
    "dec december dez dezembro",
)
_MONTH_OF = {word: i + 1 for i, words in enumerate(_MONTHS) for word in words.split()}

OK, EMPTY, WORDS, ORDER, SHORT, SERIAL, IMPOSSIBLE, NAIVE, TWICE, NEVER, FAR, OFF_GRID = range(12)


@dataclass(frozen=True)
class Instants:
    """``ds`` as datetime64[ns] in UTC (NaT where refused) and the code that says why."""

    ds: np.ndarray
    code: np.ndarray


def resolve(text: pa.StringArray, source: Source) -> Instants:
    """Return the instants of ``text``; each distinct text is resolved once.

    An explicit offset always counts; a naive time needs ``times: local`` and is read in the
    source's zone, where a time that a clock change makes double or missing is refused. With
    a grid of whole days, a naive midnight is a calendar label: its instant is 00:00 UTC.
    """
    coded = pc.dictionary_encode(text)
    distinct = _distinct(coded.dictionary, source)
    at = np.asarray(coded.indices)
    return Instants(distinct.ds[at], distinct.code[at])


def _distinct(text: pa.StringArray, source: Source) -> Instants:
    parts = _parts(text, source.day_first)
    local, code = _local(parts)
    code = np.where(parts["year"] == 0, _unread(text, source), code)
    offset = _offset_minutes(parts["offset"])
    utc = local - np.nan_to_num(offset).astype("timedelta64[m]")
    naive = (code == OK) & np.isnan(offset)
    utc, code = _naive(utc, code, naive, source)
    years = utc.astype("datetime64[Y]").astype(int) + 1970
    code = np.where((code == OK) & ((years < FIRST_YEAR) | (years > LAST_YEAR)), FAR, code)
    return Instants(np.where(code == OK, utc, np.datetime64("NaT")).astype("M8[ns]"), code)


def _parts(text: pa.StringArray, day_first: bool | None) -> dict[str, np.ndarray]:
    """Split texts into integer parts; year 0 where no pattern that may be used fits."""
    frames = []
    for shape, fields in (
        (_ISO, ("y", "m", "d")),
        (_SLASHED, ("y", "b", "a") if day_first else ("y", "a", "b")),
        (_NAMED, ("y", "n", "d")),
    ):
        if shape is _SLASHED and day_first is None:
            continue
        found = pc.extract_regex(text, shape)
        if found.null_count < len(found):
            frames.append(_fields(found, fields))
    out = {k: np.zeros(len(text), int) for k in ("year", "month", "day", "H", "M", "S", "us")}
    out["offset"] = np.full(len(text), "", object)
    for frame in frames:
        hit = frame["year"] > 0
        out = {k: np.where(hit, frame[k], v) for k, v in out.items()}
    return out


def _fields(found: pa.StructArray, order: tuple[str, str, str]) -> dict[str, np.ndarray]:
    def text(name: str) -> pa.StringArray:
        return pc.fill_null(pc.struct_field(found, name), "")

    def whole(name: str) -> np.ndarray:
        filled = pc.if_else(pc.equal(text(name), ""), "0", text(name))
        return np.asarray(pc.cast(filled, pa.int64()))

    year, month, day = order
    months = (
        np.array([_MONTH_OF.get(m, 99 if m else 0) for m in pc.utf8_lower(text("n")).to_pylist()])
        if month == "n"
        else whole(month)
    )
    half = pc.utf8_lower(text("ap")).to_numpy(zero_copy_only=False)
    hour = whole("H")
    wrong = (half != "") & ((hour < 1) | (hour > 12))
    hour = np.where(half == "", hour, hour % 12 + np.where(half == "pm", 12, 0))
    micro = pc.utf8_slice_codeunits(pc.utf8_rpad(text("f"), 6, "0"), 0, 6)
    return {
        "year": whole(year),
        "month": months,
        "day": whole(day),
        "H": np.where(wrong, 99, hour),
        "M": whole("M"),
        "S": whole("S"),
        "us": np.asarray(pc.cast(micro, pa.int64())),
        "offset": text("o").to_numpy(zero_copy_only=False),
    }


def _local(parts: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the wall time and OK or IMPOSSIBLE; 24:00 is the next day's midnight."""
    month = np.clip(parts["month"], 1, 12)
    first = ((parts["year"] - 1970) * 12 + month - 1).astype("M8[M]")
    date = first.astype("M8[D]") + (parts["day"] - 1)
    rest = (parts["M"] * 60 + parts["S"]) * 1_000_000 + parts["us"]
    possible = (
        (month == parts["month"])
        & (date.astype("M8[M]") == first)
        & (parts["day"] >= 1)
        & ((parts["H"] < 24) | ((parts["H"] == 24) & (rest == 0)))
        & (parts["M"] < 60)
        & (parts["S"] < 60)
    )
    span = parts["H"] * 3_600_000_000 + rest
    local = date.astype("M8[us]") + span.astype("m8[us]")
    return local, np.where(possible, OK, IMPOSSIBLE)


def _offset_minutes(offset: np.ndarray) -> np.ndarray:
    """Return minutes east of UTC, NaN where the text carries no offset."""
    seen = {text: _minutes(text) for text in set(offset.tolist())}
    return np.array([seen[text] for text in offset.tolist()], float)


def _minutes(text: str) -> float:
    if not text:
        return float("nan")
    if text in ("Z", "UTC"):
        return 0.0
    digits = text[1:].replace(":", "").ljust(4, "0")
    return (int(digits[:2]) * 60 + int(digits[2:])) * (-1.0 if text[0] == "-" else 1.0)


def _naive(
    utc: np.ndarray, code: np.ndarray, naive: np.ndarray, source: Source
) -> tuple[np.ndarray, np.ndarray]:
    if source.times == "offset":
        return utc, np.where(naive, NAIVE, code)
    if source.labels:
        naive = naive & (utc != utc.astype("M8[D]"))
    years = utc.astype("M8[Y]").astype(int) + 1970
    naive = naive & (years >= FIRST_YEAR) & (years <= LAST_YEAR)
    wall = pd.DatetimeIndex(utc[naive])
    once = wall.tz_localize(source.zone, ambiguous="NaT", nonexistent="NaT")
    pushed = wall.tz_localize(source.zone, ambiguous="NaT", nonexistent="shift_forward")
    utc, code = utc.copy(), code.copy()
    utc[naive] = once.tz_convert("UTC").tz_localize(None).to_numpy()
    code[naive] = np.where(once.notna(), OK, np.where(pushed.isna(), TWICE, NEVER))
    return utc, code


def _unread(text: pa.StringArray, source: Source) -> np.ndarray:
    """Return why each text fits no pattern, as far as its looks tell."""

    def like(shape: str) -> np.ndarray:
        return np.asarray(pc.fill_null(pc.match_substring_regex(text, shape), False))

    slashed = like(_SLASHED) if source.day_first is None else np.zeros(len(text), bool)
    empty = np.asarray(pc.fill_null(pc.equal(text, ""), True))
    return np.select(
        [empty, slashed, like(_SHORT_YEAR), like(_SERIAL)], [EMPTY, ORDER, SHORT, SERIAL], WORDS
    )
