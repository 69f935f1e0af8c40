"""Who may ask what: keys and their scopes, or this machine alone."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from hmac import compare_digest
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from starlette.types import Scope

from horizonte.serve import problems
from horizonte.serve.exchange import EDGE
from horizonte.serve.listen import Listener
from horizonte.serve.problems import Problem
from horizonte.store import keys
from horizonte.store.connection import Connection

POLL_SECONDS = 2  # should a notification be lost, a revocation is known within these
OPEN = frozenset({"/", "/livez", "/readyz", "/healthz", "/docs", "/docs.js", "/docs.json"})
OPEN_UNDER = ("/problems/", "/static_content/")
READS = frozenset({"GET", "HEAD", "OPTIONS"})
READING_POSTS = frozenset({"/forecast"})
ADMIN_UNDER = ("/admin",)
RETRAIN, MODELS_UNDER = "/retrain", "/models/"
_LEVEL = {scope: level for level, scope in enumerate(keys.SCOPES)}
_BEARER = b"bearer "


class _Known(NamedTuple):
    sha256: bytes
    level: int
    expires: float  # seconds since 1970


class Guard:
    """Decides on the head of a request whether it is answered; asks no database meanwhile.

    With ``keys``, every address but the open ones needs a bearer token of the scope that
    ``scope_of`` names. With ``off``, only requests to a loopback address under a local name
    are answered, and none that another web site had a browser send.
    """

    def __init__(self, auth: Literal["off", "keys"] = "off") -> None:
        """Take the rule; ``start`` makes the keys known."""
        self.auth = auth
        self._known: dict[str, _Known] | None = None
        self._listener: Listener | None = None

    def start(self, connect: Callable[[], Connection]) -> None:
        """Follow the keys, with a connection of its own; nothing to do without them."""
        if self.auth == "keys":
            self._listener = Listener(
                keys.CHANNEL, connect=connect, look=self.look, every=POLL_SECONDS
            )
            self._listener.start()

    def stop(self) -> None:
        """Follow no longer."""
        if self._listener is not None:
            self._listener.stop()

    def look(self, conn: Connection) -> None:
        """Know the keys that are active now; an expired one is refused by its date."""
        self._known = {
            key.id: _Known(
                key.sha256,
                max(_LEVEL[scope] for scope in key.scopes),
                key.expires_at.timestamp() if key.expires_at else float("inf"),
            )
            for key in keys.active(conn)
        }

    def refused(self, scope: Scope) -> Problem | None:
        """Return why this request is not answered, or None; the exchange learns the key's id."""
        if self.auth == "off":
            return _foreign(scope)
        needed = scope_of(scope["method"], scope["path"])
        return None if needed is None else self._keyless(scope, needed)

    def _keyless(self, scope: Scope, needed: str) -> Problem | None:
        if self._known is None:
            return problems.of("not-ready", "The keys are not read yet.")
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        found = self._find(given[0]) if len(given) == 1 else None
        if found is None:
            return problems.of("unauthenticated")
        key_id, level = found
        if exchange := scope.get(EDGE):
            exchange.about.key_id = key_id
        if level < _LEVEL[needed]:
            return problems.of(
                "forbidden", f"This needs a key of scope {needed}.", field="scope", allowed=needed
            )
        return None

    def _find(self, header: bytes) -> tuple[str, int] | None:
        """Return id and level of the key that ``header`` proves, or None."""
        if header[: len(_BEARER)].lower() != _BEARER:
            return None
        parts = keys.split(header[len(_BEARER) :].strip().decode("latin-1"))
        known = (self._known or {}).get(parts[0]) if parts else None
        if parts is None or known is None:
            return None
        same = compare_digest(keys.digest(parts[1]), known.sha256)
        return (parts[0], known.level) if same and time.time() < known.expires else None


def scope_of(method: str, path: str) -> str | None:
    """Return the scope that a request needs, or None for an open address.

    What changes something needs ``write`` unless it is known to read, so that an address that
    this table has not heard of is not left open.
    """
    ruling = path == RETRAIN or path.startswith(MODELS_UNDER)
    if path.startswith(ADMIN_UNDER) or (ruling and method not in READS):
        return "admin"
    if method in READS:
        return None if path in OPEN or path.startswith(OPEN_UNDER) else "read"
    return "read" if path in READING_POSTS else "write"


def _foreign(scope: Scope) -> Problem | None:
    """Return why a request without keys is not one of this machine's own, or None."""
    if not _local((scope.get("server") or ("", None))[0]):
        return problems.of("not-local")
    origin = site = host = None
    for name, value in scope["headers"]:
        if name == b"host":
            host = value
        elif name == b"origin":
            origin = value
        elif name == b"sec-fetch-site":
            site = value
    if host is not None and not _named_locally(host):
        return problems.of("foreign-host", field="Host", value=host.decode("latin-1"))
    if scope["method"] not in READS and (
        site in (b"cross-site", b"same-site") or (origin and not _same(origin, host))
    ):
        return problems.of("cross-site")
    return None


def _local(address: str) -> bool:
    """Return whether a request to ``address`` came in on loopback (or a Unix socket)."""
    if address == "127.0.0.1":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return True


def _named_locally(host: bytes) -> bool:
    if host.startswith((b"127.0.0.1:", b"localhost:")) and host.count(b":") == 1:
        return True
    try:
        name = urlsplit(f"//{host.decode('latin-1')}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _same(origin: bytes, host: bytes | None) -> bool:
    return host is not None and origin.partition(b"://")[2].lower() == host.lower()
