"""The first questions are the service's own, asked before it says that it is ready."""

from __future__ import annotations

import asyncio
import gc
import json
from contextlib import suppress

from starlette.types import ASGIApp, Message, Scope

from horizonte.serve.exchange import EDGE, Exchange

TURNS, HOT_TURNS = 20, 50  # the database too plans anew until a question was asked ten times
COLLECT = (20_000, 20, 20)  # an answer leaves no cycles: look for them seldom


async def warm_up(app: ASGIApp, unique_id: str | None, *, hot: ASGIApp) -> None:
    """Ask ``app`` for the forecast of a series in every way, so that no client finds it cold.

    ``hot`` is ``app`` behind an edge; what that answers by itself is asked more often, since code
    grows fast with its use. Without a series on record, the question is one that is refused.
    Afterwards what is loaded is left out of garbage collections, each of which would stop the
    service for 0.1 s.
    """
    body = json.dumps({"series": unique_id or "-"}).encode()
    for _ in range(TURNS):
        await ask(hot, "POST", "/forecast", body=body, outside=True)
        if unique_id is not None:
            await ask(app, "GET", f"/forecasts/{unique_id}", query=b"horizon=1")
    for _ in range(HOT_TURNS if unique_id else 0):
        await ask(hot, "GET", f"/forecasts/{unique_id}", outside=True)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


async def knock(address: tuple[str, int]) -> None:
    """Ask the service over its own socket, each time on a new connection, as clients come."""
    with suppress(OSError):
        for _ in range(TURNS):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            await reader.read()
            writer.close()


async def ask(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    query: bytes = b"",
    body: bytes = b"",
    outside: bool = False,
) -> int:
    """Return the status of ``app``'s answer to a request that no server has seen.

    It passes edges as if it had passed one, unless it comes from ``outside`` of them.
    """
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query,
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
        "server": ("127.0.0.1", 0),
        "client": ("127.0.0.1", 0),
    }
    if not outside:
        scope[EDGE] = Exchange("warm-up", scope)
    status = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return status
