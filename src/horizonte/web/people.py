"""Who asks: somebody who is logged in with a key, somebody at this machine, or anybody."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, field

from starlette.requests import Request

from horizonte.web.service import UNAUTHENTICATED, Refused
from horizonte.web.sessions import Session

COOKIE = "__Host-horizonte"
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
ANYBODY_TOKEN = secrets.token_urlsafe(32)  # in the forms of those who have no session


@dataclass(frozen=True)
class Reader:
    """Somebody who may change something: ``key`` is None where the service asks for none."""

    key: str | None = field(repr=False)
    name: str | None
    scopes: tuple[str, ...]

    def may(self, scope: str) -> bool:
        """Say whether the service lets them do what needs ``scope``."""
        return scope in self.scopes


def session(request: Request) -> Session | None:
    """Return the session of ``request``, or None."""
    state = request.app.state
    found: Session | None = state.sessions.get(request.cookies.get(COOKIE), state.now())
    return found


def key(request: Request) -> str | None:
    """Return the key of who is logged in, or None."""
    found = session(request)
    return found.key if found else None


def form_token(request: Request) -> str:
    """Return what a form of this reader must carry to be accepted."""
    found = session(request)
    return found.form_token if found else ANYBODY_TOKEN


def actor(request: Request) -> Reader | None:
    """Return who may change something, or None: then a login comes first.

    That is who is logged in; and where the service asks for no keys, who sits at this machine.
    Raises Missing when nobody is logged in and the service does not answer.
    """
    if found := session(request):
        return Reader(found.key, found.note or found.key_id, tuple(found.scopes))
    if not at_this_machine(request):
        return None
    scopes = keyless(request)
    return Reader(None, None, scopes) if scopes else None


def required(request: Request) -> Reader:
    """Return the actor; raise Refused where there is none, which leads to the login."""
    found = actor(request)
    if found is None:
        raise Refused(UNAUTHENTICATED, "a key is needed", "log in")
    return found


def keyless(request: Request) -> tuple[str, ...]:
    """Return the scopes that the service grants without a key: none where it asks for keys."""
    try:
        told = request.app.state.service.ask("GET", "/keys/current", key=None)
    except Refused:
        return ()
    return tuple(told["scopes"])


def at_this_machine(request: Request) -> bool:
    """Say whether ``request`` comes from this machine: from loopback, through no proxy."""
    if request.app.state.setting.web_origin or any(h in request.headers for h in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return False
