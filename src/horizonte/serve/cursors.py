"""Cursors: where the next page begins, as a text that clients hand back and need not understand."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from horizonte.errors import DataFault
from horizonte.serve.instants import bounded
from horizonte.store.browse import Row


def written(key: object) -> str:
    """Return the cursor after a row with ``key``: an instant, a number or a text."""
    text = key.isoformat() if isinstance(key, datetime) else key
    return base64.urlsafe_b64encode(json.dumps(text).encode()).decode().rstrip("=")


def read(cursor: str | None, kind: Callable[[Any], Any]) -> Any:
    """Return the key in ``cursor`` as ``kind``, None for none; raise DataFault for a made-up one."""
    if cursor is None:
        return None
    try:
        return kind(json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))))
    except (ValueError, TypeError, binascii.Error):
        fix = "send it as it came, or leave it out to begin anew"
        raise DataFault("cursor", cursor[:60], "one that a page before gave", fix) from None


def page(found: list[Row], limit: int, key: Callable[[Row], Any]) -> tuple[list[Row], str | None]:
    """Return at most ``limit`` rows, and the cursor after them where there are more."""
    rows = found[:limit]
    return rows, written(key(rows[-1])) if len(found) > limit else None


def instant(text: object) -> datetime:
    """Return ``text`` as an instant; raise ValueError for a naive one, or one out of bounds."""
    at = datetime.fromisoformat(str(text))
    if at.tzinfo is None:
        raise ValueError(text)
    return bounded(at)


def whole(number: object) -> int:
    """Return ``number`` if the database can hold it as a key; raise ValueError."""
    if not isinstance(number, int) or not 0 <= number < 2**63:
        raise ValueError(number)
    return number


def name(text: object) -> str:
    """Return ``text`` if it can be a name; raise ValueError."""
    if not isinstance(text, str) or not text.isprintable():
        raise ValueError(text)
    return text
