"""``GET /live``: live readings as server-sent events, fed from the broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from horizonte.web import own_unit, pages
from horizonte.web.live import Hub, Viewer
from horizonte.web.reading import Database

REST = 0.1  # seconds between two events of a viewer: many readings go together
PING = 10.0
MOST_VIEWERS = 500
MOST_SERIES = 200
HEADERS = {"x-accel-buffering": "no", "content-encoding": "identity"}


async def show(request: Request) -> Response:
    """Answer with the readings of every ``id`` asked for (none: all), as they come.

    What notes said of their unit when the stream began is applied, where the database answers.
    Events: ``readings``, a list of [series, seconds since 1970, value]; ``state``, whether the
    broker is heard, at the start and whenever that changes.
    """
    hub: Hub = request.app.state.hub
    wanted = request.query_params.getlist("id")
    if hub.viewers >= MOST_VIEWERS or len(wanted) > MOST_SERIES:
        return PlainTextResponse("too many\n", 503, headers={"retry-after": "30"})
    events = _events(hub, wanted, request.app.state.database)
    return StreamingResponse(events, media_type="text/event-stream", headers=HEADERS)


async def _events(hub: Hub, wanted: list[str], database: Database) -> AsyncIterator[bytes]:
    viewer = hub.join(wanted)
    try:
        async with aclosing(_told(hub, viewer, database)) as events:
            async for event in events:
                yield event
    finally:
        hub.leave(viewer)


async def _told(hub: Hub, viewer: Viewer, database: Database) -> AsyncGenerator[bytes]:
    online = hub.online
    yield b"retry: 2000\n" + _event("state", {"online": online, "why": hub.why})
    units = await run_in_threadpool(_units, database, viewer)
    while True:
        try:
            await asyncio.wait_for(viewer.news.wait(), PING)
        except TimeoutError:
            yield b": still here\n\n"
        if readings := viewer.taken():
            told = [(n, x, own_unit.converted(y, units, name=n, at=x)) for n, x, y in readings]
            yield _event("readings", told)
        if hub.online is not online:
            online = hub.online
            yield _event("state", {"online": online, "why": hub.why})
        await asyncio.sleep(REST)


def _units(database: Database, viewer: Viewer) -> own_unit.Conversions:
    return pages.part(lambda: database.read(own_unit.conversions, viewer.wanted)).value or {}


def _event(name: str, data: object) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"
