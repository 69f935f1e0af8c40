"""Who may ask, and what a browser may do with the answer; before and after every route."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "geolocation=(), camera=(), microphone=()",
    "cache-control": "no-store",
}
SAFE = ("GET", "HEAD")


class Guard:
    """Refuses what another site or another name sends, and says what pages may load: nothing foreign."""

    def __init__(self, app: ASGIApp, *, origin: str | None) -> None:
        """Wrap ``app``; people reach it at ``origin``, or at loopback when there is none."""
        self._app, self._origin = app, origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if why := refusal(scope["method"], headers, self._origin):
            await PlainTextResponse(why + "\n", status_code=403, headers=HEADERS)(
                scope, receive, send
            )
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add(MutableHeaders(scope=message), HEADERS.items())
            await send(message)

        await self._app(scope, receive, sent)


def refusal(method: str, headers: Headers, origin: str | None) -> str | None:
    """Return why a request is refused, or None.

    Links from other sites may open a page; nothing else of theirs may ask for anything.
    """
    if not _ours(headers.get("host", ""), origin):
        return "refused: this name is not the web app's; set HORIZONTE_WEB_ORIGIN to use it"
    site = headers.get("sec-fetch-site", "none")
    opened = headers.get("sec-fetch-mode") == "navigate" and method in SAFE
    framed = headers.get("sec-fetch-dest") in ("iframe", "frame", "embed", "object")
    if site not in ("same-origin", "none") and (framed or not opened):
        return "refused: sent by another site"
    sender = headers.get("origin")
    if sender is not None and not _same(sender, headers.get("host", ""), origin):
        return "refused: sent by another origin"
    return None


def _ours(host: str, origin: str | None) -> bool:
    name = urlsplit(f"//{host}").hostname if _plain(host) else None
    if name in LOOPBACK:
        return True
    return origin is not None and host.lower() == urlsplit(origin).netloc.lower()


def _same(sender: str, host: str, origin: str | None) -> bool:
    return urlsplit(sender).netloc.lower() == host.lower() or sender == origin


def _plain(host: str) -> bool:
    try:
        return bool(urlsplit(f"//{host}").hostname)
    except ValueError:
        return False


def _add(headers: MutableHeaders, pairs: Iterable[tuple[str, str]]) -> None:
    for name, value in pairs:
        headers.setdefault(name, value)
