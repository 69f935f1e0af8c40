"""Every change of an alarm, told to an address: at least once, in order, signed."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from horizonte import __version__
from horizonte.config import Settings, settings
from horizonte.errors import ConfigFault
from horizonte.store import alarms
from horizonte.store.alarms import Row
from horizonte.store.connection import Connection, identity

logger = logging.getLogger(__name__)
LOCK = 4_614_110_870_022  # held by the one that delivers
TIMEOUT_SECONDS = 5.0
PAUSES = (1.0, 4.0)  # between the tries of one delivery; then at the next look
SIGNATURE, DELIVERY = "X-Horizonte-Signature", "X-Horizonte-Delivery"


def deliver(conn: Connection, *, wait: Callable[[float], Any] = time.sleep) -> int:
    """Tell the address of HORIZONTE_WEBHOOK what it was not told yet; return how many changes.

    How far it was told is kept in the home after each delivery, so that one killed in between
    is told again: receivers go by ``id``. The first time it is told what is raised now. An
    address that does not answer is tried a few times, and again at the next look. Raises
    ConfigFault for an address that is no http(s) URL.
    """
    setting = settings()
    if setting.webhook is None:
        return 0
    _check(setting.webhook)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole addresses, keys included
    if not _turn(conn):
        return 0
    try:
        told = 0
        place = identity(conn)
        kept = _file(setting, place)
        for row in _pending(conn, kept):
            if not _tell(setting, row, place, wait=wait):
                break
            _keep(kept, row.id)
            told += 1
        return told
    finally:
        if not conn.closed:
            conn.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))


def message(row: Row) -> bytes:
    """Return what is told of a change, as JSON."""
    names = ("id", "name", "thing", "state", "sentence_en", "sentence_pt")
    facts = {name: getattr(row, name) for name in names} | {"at": row.recorded_at.isoformat()}
    return json.dumps(facts, ensure_ascii=False).encode()


def signature(body: bytes, secret: str) -> str:
    """Return the value of the signature header: HMAC-SHA256 of ``body`` under ``secret``."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _check(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigFault(
            "HORIZONTE_WEBHOOK",
            f"{parts.scheme}://{parts.hostname or ''}",
            "an http:// or https:// address",
            "correct it, or unset it",
        )


def _turn(conn: Connection) -> bool:
    row = conn.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()
    return row is not None and bool(row[0])


def _pending(conn: Connection, kept: Path) -> list[Row]:
    """Return the changes that were not told; an address that is new is told what is raised now."""
    try:
        told = int(kept.read_text())
    except (OSError, ValueError):
        on = alarms.raised(conn)
        told = min(row.id for row in on) - 1 if on else alarms.newest(conn)
        _keep(kept, told)
    return alarms.after(conn, told)


def _tell(setting: Settings, row: Row, place: str, *, wait: Callable[[float], Any]) -> bool:
    """Return whether the address took it; a redirect is no answer: it was not set."""
    body = message(row)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": f"horizonte/{__version__}",
        DELIVERY: f"{place}.{row.id}",
    }
    if setting.webhook_secret is not None:
        headers[SIGNATURE] = signature(body, setting.webhook_secret.get_secret_value())
    for pause in (*PAUSES, None):
        why = _post(str(setting.webhook), body, headers)
        if why is None:
            return True
        logger.warning("the webhook was not told of alarm change %d: %s", row.id, why)
        if pause is None or wait(pause):
            return False
    return False


def _post(url: str, body: bytes, headers: dict[str, str]) -> str | None:
    """Return why ``url`` did not take ``body``, or None; never with what the URL may hide."""
    try:
        answer = httpx.post(url, content=body, headers=headers, timeout=TIMEOUT_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as why:
        return type(why).__name__
    return None if answer.is_success else f"status {answer.status_code}"


def _file(setting: Settings, place: str) -> Path:
    """Return where it is kept how far this address was told of this database."""
    name = hashlib.sha256(f"{setting.webhook}\0{place}".encode()).hexdigest()[:16]
    return setting.home_folder() / "alarms" / name


def _keep(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(str(number))
    draft.replace(path)
