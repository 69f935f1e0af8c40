"""Which address the service may bind: loopback, or any where a key is needed and one exists."""

from __future__ import annotations

import ipaddress

from horizonte.config import settings
from horizonte.errors import ServiceFault
from horizonte.store import keys
from horizonte.store.connection import connect

_CREATE = "make one: horizonte keys create --scope read --note …"


def bound(host: str) -> str:
    """Return ``host`` as an address to bind.

    Raises ServiceFault for one that other machines can reach unless HORIZONTE_AUTH is ``keys``
    and an active key exists.
    """
    address = "127.0.0.1" if host == "localhost" else host
    if _loopback(address):
        return address
    if settings().auth != "keys":
        raise ServiceFault(
            "HORIZONTE_HOST",
            host,
            "a loopback address, which is all that may be bound without keys",
            "keep 127.0.0.1, or set HORIZONTE_AUTH=keys and " + _CREATE,
        )
    with connect() as conn:
        if not keys.active(conn):
            raise ServiceFault("HORIZONTE_AUTH", "keys", "of use without an active key", _CREATE)
    return address


def asked_at(host: str) -> str:
    """Return the host of the URL under which this machine asks a service bound to ``host``."""
    asked = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (never bound here)
    return f"[{asked}]" if ":" in asked else asked


def _loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
