"""Forms that change something: bounded, and taken only from a page that this reader was given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hmac import compare_digest
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from horizonte.web import people

MOST_BYTES, MOST_FIELDS = 64 * 1024, 200
TOKEN = "form_token"  # noqa: S105 (the name of a field)
Form = dict[str, str]


def posted(
    handle: Callable[[Request, Form], Response],
) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint that reads a form, checks its token and has ``handle`` answer in a thread."""

    async def endpoint(request: Request) -> Response:
        form = await read(request)
        check(request, form.get(TOKEN, ""))
        return await run_in_threadpool(handle, request, form)

    return endpoint


async def read(request: Request) -> Form:
    """Return the fields of a form, the last of each name; raise 413 for one that is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise HTTPException(413)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise HTTPException(400) from None


def check(request: Request, token: str) -> None:
    """Raise 403 unless ``token`` is the one that forms of this reader carry."""
    if not compare_digest(token.encode(), people.form_token(request).encode()):
        raise HTTPException(403)


def done(address: str) -> Response:
    """Return the way to the page that shows what was done; loading that again does nothing twice."""
    return RedirectResponse(address, 303)


def inside(address: str) -> str:
    """Return ``address`` if it is a place in this web app, else the overview."""
    plain = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if plain and address.isprintable() else "/"
