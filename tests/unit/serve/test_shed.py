"""Bounded work: who comes when all places are taken is told at once when to come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from horizonte.serve import edge, shed
from horizonte.serve.edge import Edge
from horizonte.serve.shed import Lane, Load

JSON = {"content-type": "application/json"}


class Inside:
    """An app that answers 200 once ``go`` is set, and has read its body by then."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            self.bodies.append((await receive())["body"])
            await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def at(app: Edge) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1")


@pytest.mark.parametrize(("path", "free"), [("/forecast", "/x"), ("/observations", "/forecast")])
def test_a_full_lane_refuses_and_leaves_the_others_open(
    monkeypatch: pytest.MonkeyPatch, path: str, free: str
) -> None:
    """Beyond its places a lane answers 429 with Retry-After; reads and the other lane go on."""
    monkeypatch.setattr(shed, "FORECASTS", 2)
    monkeypatch.setattr(shed, "WRITES", 2)

    async def run() -> None:
        inside = Inside()
        app = Edge(inside)
        async with at(app) as client:
            first = [asyncio.create_task(client.post(path, json=n)) for n in range(2)]
            while len(inside.bodies) < 2:
                await asyncio.sleep(0)
            refused = await client.post(path, json=2)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert refused.json()["type"] == "/problems/overloaded"
            assert (await client.get(path)).status_code == 200
            other = asyncio.create_task(client.post(free, json=3))
            inside.go.set()
            assert {(await task).status_code for task in (*first, other)} == {200}
            assert (await client.post(path, json=4)).status_code == 200
        assert (app.load.held, app.load.forecasts.inside, app.load.writes.inside) == (0, 0, 0)

    asyncio.run(run())


def test_bodies_in_memory_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that would be one too many is not read to its end, and what was read is given back."""
    monkeypatch.setattr(shed, "HELD_BYTES", 10)

    async def run() -> None:
        inside = Inside()
        inside.go.set()
        app = Edge(inside)
        async with at(app) as client:
            refused = await client.post("/x", content=b'"0123456789"', headers=JSON)
            assert refused.status_code == 429
            assert app.load.held == 0
            assert (await client.post("/x", content=b"[]", headers=JSON)).status_code == 200
        assert inside.bodies == [b"[]"]

    asyncio.run(run())


def test_a_slow_body_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a body is on its way its lane is free; when it is late the answer is 408."""
    monkeypatch.setattr(edge, "TIMEOUT_SECONDS", 0.1)

    async def run() -> None:
        app, seen = Edge(Inside()), []

        async def trickle() -> AsyncIterator[bytes]:
            yield b"{"
            seen.append((app.load.held, app.load.forecasts.inside))
            await asyncio.sleep(5)

        async with at(app) as client:
            late = await client.post("/forecast", content=trickle(), headers=JSON)
        assert (late.status_code, late.json()["type"]) == (408, "/problems/slow-body")
        assert seen[0][1] == 0
        assert app.load.held == 0

    asyncio.run(run())


def test_a_client_that_leaves_gives_back_what_it_held() -> None:
    """A connection that ends within its body is answered nothing and holds nothing."""
    parts = iter([
        {"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"},
    ])  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        return next(parts)

    async def send(message: Message) -> None:
        sent.append(message)

    app = Edge(Inside())
    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/forecast", "headers": headers}
    asyncio.run(app(scope, receive, send))
    assert (sent, app.load.held) == ([], 0)


def test_the_wait_follows_what_was_seen() -> None:
    """Retry-After is about how long requests were inside of late: from a second to a minute."""
    lane = Lane(1)
    waits = []
    for seconds in (0.2, 7.2, 4000):
        lane.seconds = seconds
        waits.append(lane.wait())
    assert waits == [1, 8, 60]
    assert Load().lane({"path": "/forecast"}) is not Load().lane({"path": "/observations"})
