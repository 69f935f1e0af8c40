"""The factor and offset that a note of another unit states."""

from __future__ import annotations

import math
import re

from horizonte.ingest.messages import Refused
from horizonte.ingest.notesheet import Note
from horizonte.prepare.convert import CONVERTED, Unit

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


def conversion(note: Note) -> Unit | None:
    """Return factor and offset of a note that converts, None of any other; raise Refused.

    A note that takes another one back has none, whatever it gives.
    """
    factor, offset = (None if v in (None, "") else v for v in (note.factor, note.offset))
    if note.kind not in CONVERTED:
        if factor is not None or offset is not None:
            given = offset if factor is None else factor
            raise Refused(given, "a conversion of a kind that converts nothing", _KIND)
        return None
    if factor is None:
        raise Refused("", "no factor", _FACTOR)
    times, plus = _real(factor), 0.0 if offset is None else _real(offset)
    if times == 0:
        raise Refused(factor, "a factor of zero", _FACTOR)
    return times, plus


def _real(given: object) -> float:
    text = given.strip() if isinstance(given, str) else given
    if isinstance(text, str) and not NUMBER.fullmatch(text):
        raise Refused(given, "not a number", _WRITTEN)
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise Refused(given, "not a number", _WRITTEN)
    try:
        number = float(text)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Refused(given, "not a finite number", _WRITTEN)
    return number


_WRITTEN = "write it in digits, with a decimal point"
_FACTOR = "give the factor that leads back: a thousandth where readings became 1000 times larger"
_KIND = "leave factor and offset out, or use kind unit_changed"
