"""Who is logged in: sessions in the memory of this process, found by the hash of a random token."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

LIFE = timedelta(hours=8)
MOST = 10_000  # sessions at once; beyond, the one that ends first goes


@dataclass(frozen=True)
class Session:
    """One login: the key stands for its reader, ``form_token`` is in each of the reader's forms."""

    key: str = field(repr=False)
    key_id: str | None
    note: str | None
    scopes: Sequence[str]
    ends: datetime
    form_token: str = field(repr=False)


class Sessions:
    """Every session that has not ended; they end with the process at the latest."""

    def __init__(self) -> None:
        """Begin without any."""
        self._by: dict[bytes, Session] = {}
        self._lock = threading.Lock()

    def open(
        self,
        key: str,
        now: datetime,
        *,
        key_id: str | None,
        note: str | None,
        scopes: Sequence[str],
    ) -> str:
        """Return the token of a new session of ``key``, which ends LIFE after ``now``."""
        token = secrets.token_urlsafe(32)
        made = Session(key, key_id, note, tuple(scopes), now + LIFE, secrets.token_urlsafe(32))
        with self._lock:
            self._by = {mark: one for mark, one in self._by.items() if one.ends > now}
            if len(self._by) >= MOST:
                del self._by[min(self._by, key=lambda mark: self._by[mark].ends)]
            self._by[_mark(token)] = made
        return token

    def get(self, token: str | None, now: datetime) -> Session | None:
        """Return the session of ``token``; None when there is none or it has ended."""
        found = self._by.get(_mark(token)) if token else None
        return found if found is not None and now < found.ends else None

    def end(self, token: str | None) -> None:
        """End the session of ``token``."""
        with self._lock:
            self._by.pop(_mark(token or ""), None)


def _mark(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
