"""``GET /live``: live readings as server-sent events, fed from the broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from horizonte.web.live import Hub, Viewer

REST = 0.1  # seconds between two events of a viewer: many readings go together
PING = 10.0
MOST_VIEWERS = 500
MOST_SERIES = 200
HEADERS = {"x-accel-buffering": "no", "content-encoding": "identity"}


async def show(request: Request) -> Response:
    """Answer with the readings of every ``id`` asked for (none: all), as they come.

    Events: ``readings``, a list of [series, seconds since 1970, value]; ``state``, whether the
    broker is heard, at the start and whenever that changes.
    """
    hub: Hub = request.app.state.hub
    wanted = request.query_params.getlist("id")
    if hub.viewers >= MOST_VIEWERS or len(wanted) > MOST_SERIES:
        return PlainTextResponse("too many\n", 503, headers={"retry-after": "30"})
    return StreamingResponse(_events(hub, wanted), media_type="text/event-stream", headers=HEADERS)


async def _events(hub: Hub, wanted: list[str]) -> AsyncIterator[bytes]:
    viewer = hub.join(wanted)
    try:
        async with aclosing(_told(hub, viewer)) as events:
            async for event in events:
                yield event
    finally:
        hub.leave(viewer)


async def _told(hub: Hub, viewer: Viewer) -> AsyncGenerator[bytes]:
    online = hub.online
    yield b"retry: 2000\n" + _event("state", {"online": online, "why": hub.why})
    while True:
        try:
            await asyncio.wait_for(viewer.news.wait(), PING)
        except TimeoutError:
            yield b": still here\n\n"
        if readings := viewer.taken():
            yield _event("readings", [list(reading) for reading in readings])
        if hub.online is not online:
            online = hub.online
            yield _event("state", {"online": online, "why": hub.why})
        await asyncio.sleep(REST)


def _event(name: str, data: object) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"
