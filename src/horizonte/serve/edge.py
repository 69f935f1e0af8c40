"""The outer edge of the service: request ids, size and time limits, and one shape of error."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import time
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from horizonte.serve import exchange as exchanges
from horizonte.serve import problems
from horizonte.serve.exchange import EDGE, Exchange, request_id
from horizonte.serve.problems import Problem
from horizonte.serve.stored import Reply

logger = logging.getLogger(__name__)
MAX_BODY_BYTES = 1 << 20
LARGER_BODIES = {"/observations": 4 << 20}
TIMEOUT_SECONDS = 30.0


class Seen(Protocol):
    """What the edge tells of each request, and asks for answers that are ready to be sent."""

    def begins(self) -> None:
        """Take note that one more request is in flight."""

    def at_hand(self, exchange: Exchange) -> Reply | None:
        """Return the answer to a request that needs nothing further in, or None."""

    def ended(self, exchange: Exchange, seconds: float) -> None:
        """Take note of a request that was answered in ``seconds``."""


class Edge:
    """Answers every error as problem details, whoever raised it, and echoes ``X-Request-ID``.

    Bodies above the limit of their address are refused, answers after ``TIMEOUT_SECONDS`` become
    504, and bodies that are not there by then 408. Every request is told to ``seen``. A request
    that has passed an edge already goes through as it is.
    """

    def __init__(self, app: ASGIApp, seen: Seen | None = None) -> None:
        """Wrap ``app``."""
        self.app = app
        self.seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; other scopes pass through."""
        if scope["type"] != "http" or EDGE in scope:
            await self.app(scope, receive, send)
            return
        exchange = scope[EDGE] = exchanges.of(scope)
        token, inner = request_id.set(exchange.id), exchanges.current.set(exchange)
        if self.seen:
            self.seen.begins()
        try:
            await self._serve(exchange, receive, send)
        finally:
            if self.seen:
                self.seen.ended(exchange, time.perf_counter() - exchange.began)
            request_id.reset(token)
            exchanges.current.reset(inner)
            del scope[EDGE]  # scope and exchange name each other: garbage only for a collector

    async def _serve(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        async def reading() -> Message:
            return _read(exchange, await receive())

        async def sending(message: Message) -> None:
            await _write(exchange, message, send)

        try:
            if refused := _refused(exchange.scope):
                await _answer(exchange, refused, send)
                return
            if self.seen and (ready := self.seen.at_hand(exchange)):
                await _hand_out(exchange, ready, send)
                return
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self.app(exchange.scope, reading, sending)
        except TimeoutError:
            await _give_up(exchange, problems.of(_late(exchange)), send)
        except Exception:
            logger.exception("request failed")
            await _give_up(exchange, problems.of("internal"), send)


def _late(exchange: Exchange) -> str:
    """Return whose fault it is that there is no answer in time."""
    return "timeout" if exchange.complete or exchange.scope["method"] == "GET" else "slow-body"


def _read(exchange: Exchange, message: Message) -> Message:
    """Keep a copy of the body for the error's ``value``; cut it off beyond the limit."""
    if message["type"] != "http.request":
        return message
    exchange.body += message.get("body", b"")
    exchange.complete = not message.get("more_body")
    most = _most(exchange.scope)
    if len(exchange.body) <= most:
        return message
    exchange.too_large = True
    del exchange.body[most:]
    return {"type": "http.request", "body": b"", "more_body": False}


async def _write(exchange: Exchange, message: Message, send: Send) -> None:
    if message["type"] == "http.response.start":
        foreign = message["status"] >= 400 and not _ours(message)
        if foreign or exchange.too_large:
            exchange.held = message
            return
        exchange.status = message["status"]
        stamp = (b"x-request-id", exchange.id.encode())
        await send({**message, "headers": [*message["headers"], stamp]})
    elif exchange.held is None:
        exchange.sent += len(message.get("body", b""))
        await send(message)
    else:
        exchange.answer += message.get("body", b"")
        if not message.get("more_body"):
            await _answer(exchange, translate(exchange), send)


def _ours(message: Message) -> bool:
    return dict(message["headers"]).get(b"content-type") == problems.MEDIA_TYPE.encode()


def translate(exchange: Exchange) -> Problem:
    """Return the held answer of a library (BentoML, FastAPI, Starlette) as a problem."""
    if exchange.too_large:
        return problems.of("too-large")
    status = int(exchange.held["status"]) if exchange.held else 500
    if status in (404, 405):  # ours are problems already: these are the routers'
        return problems.of_status(status, f"{exchange.scope['method']} {exchange.scope['path']}")
    try:
        said = json.loads(exchange.answer)
    except ValueError:
        return problems.of_status(status, exchange.answer.decode(errors="replace") or None)
    said = said[0] if isinstance(said, list) and said else said
    detail = said.get("detail", said.get("error")) if isinstance(said, dict) else None
    if isinstance(detail, list):
        return problems.of_validation(detail, bytes(exchange.body))
    return problems.of_status(status, str(detail) if detail else None)


async def _hand_out(exchange: Exchange, ready: Reply, send: Send) -> None:
    exchange.status, exchange.sent = ready.status, len(ready.body)
    headers = [*ready.headers, (b"x-request-id", exchange.id.encode())]
    if ready.status != 304:
        headers.append((b"content-length", b"%d" % exchange.sent))
    await send({"type": "http.response.start", "status": ready.status, "headers": headers})
    await send({"type": "http.response.body", "body": ready.body})


async def _answer(exchange: Exchange, problem: Problem, send: Send) -> None:
    body = problem.body(exchange.id)
    exchange.status, exchange.held, exchange.sent = problem.kind.status, None, len(body)
    exchange.problem = problem.kind.slug
    headers = [
        *problem.headers(),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", exchange.id.encode()),
    ]
    await send({"type": "http.response.start", "status": problem.kind.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _give_up(exchange: Exchange, problem: Problem, send: Send) -> None:
    """Answer ``problem`` unless an answer has already begun, which is then left cut short."""
    if exchange.status == 0:
        await _answer(exchange, problem, send)


def _refused(scope: Scope) -> Problem | None:
    """Return why the head of a request is enough to refuse it, or None."""
    if not _local(scope):
        return problems.of("not-local")
    if scope["method"] == "GET":
        return None
    headers = dict(scope["headers"])
    length, media = headers.get(b"content-length", b"0"), headers.get(b"content-type", b"")
    if length.isdigit() and int(length) > _most(scope):
        return problems.of("too-large")
    if (
        scope["method"] == "POST"
        and media.partition(b";")[0].strip().lower() != b"application/json"
    ):
        return problems.of(
            "unsupported-media-type",
            field="Content-Type",
            value=media.decode("latin-1"),
            allowed="application/json",
        )
    return None


def _most(scope: Scope) -> int:
    return LARGER_BODIES.get(scope["path"], MAX_BODY_BYTES)


def _local(scope: Scope) -> bool:
    """Return whether the request came in on a loopback address (or a Unix socket)."""
    host = (scope.get("server") or ("", None))[0]
    if host == "127.0.0.1":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True
