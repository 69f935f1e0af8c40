"""What every answer says to browsers: nothing is guessed, framed, kept or told to other sites."""

from __future__ import annotations

from collections.abc import Iterable

from horizonte.serve.guard import READS

Headers = Iterable[tuple[bytes, bytes]]
_CSP = b"content-security-policy"
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)
_NOTHING = (_CSP, b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
_NO_STORE = (b"cache-control", b"no-store")


def added(method: str, status: int, given: Headers) -> list[tuple[bytes, bytes]]:
    """Return what to add to an answer that has ``given``: a stricter policy of its own stays."""
    named = {name for name, _ in given}
    more = [*_ALWAYS]
    if _CSP not in named:
        more.append(_NOTHING)
    if (status >= 400 or method not in READS) and _NO_STORE[0] not in named:
        more.append(_NO_STORE)
    return more
