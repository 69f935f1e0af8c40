"""Texts to numbers by declared marks: what does not follow them is refused, never guessed."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from horizonte.ingest.chunk import Column
from horizonte.ingest.sources import Source

EMPTY, REAL, REFUSED = 0, 1, 2
_FORMULA = "a formula without a stored value"
_SPACES = "[\u00a0\u202f\u2009]"


def resolve(column: Column, source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Return the values as float64 and, for each cell, EMPTY, REAL or REFUSED.

    A number follows the source's decimal and thousands marks; groups must have three digits.
    """
    text = normal(column.text)
    missing = pc.is_in(text, value_set=pa.array(source.missing))
    wanted = pc.and_(pc.match_substring_regex(text, pattern(source)), pc.invert(missing))
    values = np.asarray(_cast(text, wanted, source))
    state = np.where(_flags(missing), EMPTY, np.where(np.isfinite(values), REAL, REFUSED))
    if column.real is not None:
        typed = ~np.isnan(column.real)
        values = np.where(typed, column.real, values)
        state = np.where(typed, np.where(np.isfinite(values), REAL, REFUSED), state)
    return values, state


def pattern(source: Source) -> str:
    """Return the RE2 pattern of a number written with the source's marks."""
    decimal = re.escape(source.decimal)
    whole = r"\d+"
    if source.thousands:
        whole = rf"(\d{{1,3}}({re.escape(source.thousands)}\d{{3}})+|\d+)"
    return rf"^[+-]?({whole}({decimal}\d*)?|{decimal}\d+)([eE][+-]?\d{{1,3}})?$"


def normal(text: pa.StringArray) -> pa.StringArray:
    """Return ``text`` with the typographic minus and hard spaces made plain."""
    plain = pc.replace_substring(text, "\u2212", "-")
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(plain, _SPACES, " "))


def why(value: str, source: Source) -> tuple[str, str]:
    """Return the reason and the fix for one refused text."""
    if value.startswith("="):
        return _FORMULA, "open it in a spreadsheet program, let it calculate, and save"
    if re.fullmatch(r"(?i)[+-]?(inf|infinity)|[+-]?\d[\d.,]*e\+?\d+", value):
        return "not a finite number", "correct the cell, or list the text under missing"
    if re.fullmatch(r"[+-]?\d[\d.,' ]*", value):
        marks = f"decimal {source.decimal!r} and thousands {source.thousands!r}"
        return f"not written with {marks}", "declare decimal and thousands as the file has them"
    if re.fullmatch(r"#[A-Z/0?!]+", value):
        return "a spreadsheet error", "correct the formula, or list the text under missing"
    return "not a number", "correct the cell, or list the text under missing"


def _cast(text: pa.StringArray, wanted: pa.BooleanArray, source: Source) -> pa.DoubleArray:
    kept = pc.if_else(wanted, text, pa.scalar(None, pa.string()))
    if source.thousands:
        kept = pc.replace_substring(kept, source.thousands, "")
    if source.decimal != ".":
        kept = pc.replace_substring(kept, source.decimal, ".")
    kept = pc.replace_substring_regex(kept, r"^\+", "")
    return pc.fill_null(pc.cast(kept, pa.float64()), float("nan"))


def _flags(mask: pa.BooleanArray) -> np.ndarray:
    return np.asarray(pc.fill_null(mask, False))
