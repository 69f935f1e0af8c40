"""API keys: who may ask the service, kept as hashes; made once, revoked once, never changed."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from horizonte.errors import DataFault, NotFound, StoreFault
from horizonte.store.connection import Connection

CHANNEL = "horizonte_api_key"
SCOPES = ("read", "write", "admin")  # each includes the ones before it
_PREFIX = "hz"


@dataclass(frozen=True)
class Key:
    """One key as it may be shown: the hash of its secret stands in for the secret."""

    id: str
    sha256: bytes
    scopes: list[str]
    note: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    why: str | None

    def state(self, now: datetime) -> str:
        """Return ``active``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        over = self.expires_at is not None and self.expires_at <= now
        return "expired" if over else "active"


def included(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return every scope that ``scopes`` include, themselves among them."""
    return SCOPES[: max(map(SCOPES.index, scopes)) + 1]


def digest(secret: str) -> bytes:
    """Return what is stored of a secret: it holds 256 random bits, so one SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).digest()


def split(token: str) -> tuple[str, str] | None:
    """Return id and secret of a token ``hz_<id>_<secret>``, or None for any other text."""
    parts = token.split("_", 2)
    return (parts[1], parts[2]) if len(parts) == 3 and parts[0] == _PREFIX else None


def create(
    conn: Connection, scopes: Iterable[str], *, note: str, expires_at: datetime | None = None
) -> str:
    """Return the token of a new key: the only time that its secret is seen.

    Raises DataFault for no scope or an unknown one, an empty note, or an expiry without a zone.
    """
    asked = set(scopes)
    wanted = [scope for scope in SCOPES if scope in asked]
    if len(wanted) != len(asked) or not asked:
        raise DataFault("scope", sorted(asked), f"of {', '.join(SCOPES)}", "name one or more")
    if not note.strip():
        raise DataFault("note", note, "a text", "say who uses the key, and for what")
    if expires_at is not None and expires_at.tzinfo is None:
        raise DataFault("expires", expires_at, "an instant with its zone", "give UTC")
    name, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    with conn.transaction():
        conn.execute(
            "INSERT INTO api_key (id, sha256, scopes, note, expires_at) VALUES (%s, %s, %s, %s, %s)",
            (name, digest(secret), wanted, note.strip(), expires_at),
        )
        _tell(conn, name)
    return f"{_PREFIX}_{name}_{secret}"


def listed(conn: Connection) -> list[Key]:
    """Return every key that was ever made, oldest first."""
    with conn.cursor(row_factory=class_row(Key)) as cursor:
        return cursor.execute(f"{_KEYS} ORDER BY k.recorded_at, k.id").fetchall()


def active(conn: Connection) -> list[Key]:
    """Return the keys that are neither revoked nor expired, by the database's clock."""
    with conn.cursor(row_factory=class_row(Key)) as cursor:
        return cursor.execute(
            f"{_KEYS} WHERE r.recorded_at IS NULL AND (expires_at IS NULL OR expires_at > now())"
        ).fetchall()


def revoke(conn: Connection, name: str, *, why: str) -> None:
    """Revoke the key ``name`` for good and tell every service.

    Raises NotFound for an unknown key, StoreFault for one that is revoked already, DataFault
    without a reason.
    """
    if not why.strip():
        raise DataFault("why", why, "a reason", "say why; the ledger keeps it")
    if not conn.execute("SELECT FROM api_key WHERE id = %s", (name,)).fetchall():
        raise NotFound("key", name, "the id of a key", "horizonte keys list shows them")
    with conn.transaction():
        done = conn.execute(
            """INSERT INTO api_key_revocation (api_key_id, why) VALUES (%s, %s)
               ON CONFLICT DO NOTHING""",
            (name, why.strip()),
        )
        _tell(conn, name)
    if not done.rowcount:
        raise StoreFault("key", name, "active: it is revoked already", "nothing is left to do")


def _tell(conn: Connection, name: str) -> None:
    conn.execute("SELECT pg_notify(%s, %s)", (CHANNEL, name))


_KEYS = """SELECT k.id, k.sha256, k.scopes, k.note, k.recorded_at AS created_at, k.expires_at,
                  r.recorded_at AS revoked_at, r.why
           FROM api_key k LEFT JOIN api_key_revocation r ON r.api_key_id = k.id"""
