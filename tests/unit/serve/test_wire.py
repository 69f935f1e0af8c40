"""HTTP on real sockets: clients that are slow, many, or never done are let go of."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from horizonte.serve import wire
from horizonte.serve.wire import Wire

ASK = b"GET / HTTP/1.1\r\nhost: x\r\n"
LARGE = b"x" * (32 << 20)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    body = LARGE if scope["path"] == "/large" else b"ok"
    head = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[tuple[uvicorn.Server, int]]:
    """A server on a free port, stopped afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            app, http=Wire, ws="none", lifespan="off", log_config=None, timeout_keep_alive=1
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve([listening]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield server, listening.getsockname()[1]
        finally:
            server.should_exit = True
            await task


async def say(port: int, sent: bytes) -> bytes:
    """What is said to ``sent`` until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    found = b""
    with contextlib.suppress(ConnectionResetError):
        found = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return found


def test_a_client_that_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that nobody takes is dropped with its connection."""
    monkeypatch.setattr(wire, "READ_SECONDS", 0.2)

    async def run() -> None:
        async with served() as (server, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            writer.write(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
            await reader.readexactly(10)
            assert server.server_state.connections
            while server.server_state.connections:
                await asyncio.sleep(0.02)
            writer.transport.abort()

    asyncio.run(asyncio.wait_for(run(), 30))


@pytest.mark.parametrize("sent", [
    b"", b"GET / HT", ASK, ASK + b"a: b", b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\n{",
])  # fmt: skip
def test_what_never_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    """No request, half a head, or the rest of a body that was answered: the connection ends."""
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.2)

    async def run() -> bytes:
        async with served() as (server, port):
            found = await say(port, sent)
            while server.server_state.connections:
                await asyncio.sleep(0.02)
            return found

    answered = asyncio.run(asyncio.wait_for(run(), 30))
    assert answered.startswith(b"HTTP/1.1 200" if sent.startswith(b"POST") else b"")
    assert bool(answered) == sent.startswith(b"POST")


def test_too_many_connections_are_told_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """One connection too many is answered 503 with Retry-After; the others go on."""
    monkeypatch.setattr(wire, "CONNECTIONS", 2)

    async def run() -> None:
        async with served() as (_, port):
            held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            await asyncio.sleep(0.1)  # until both are accepted
            refused = await say(port, b"")
            assert refused.startswith(b"HTTP/1.1 503")
            assert b"retry-after: 5" in refused
            assert b"/problems/too-many-connections" in refused
            for reader, writer in held:
                writer.write(ASK + b"\r\n")
                assert (await reader.readline()).startswith(b"HTTP/1.1 200")
                writer.close()

    asyncio.run(asyncio.wait_for(run(), 30))


def test_requests_in_a_row_and_at_once_are_answered() -> None:
    """Keep-alive and pipelining work, and heads that come in pieces."""

    async def run() -> bytes:
        async with served() as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for part in (ASK, b"\r\n", (ASK + b"\r\n") * 2, ASK + b"connection: close\r\n\r\n"):
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.05)
            found = await reader.read()
            writer.close()
            return found

    assert asyncio.run(asyncio.wait_for(run(), 30)).count(b"HTTP/1.1 200 OK") == 4
