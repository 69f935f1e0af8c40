"""The outer edge of the service: request ids, size and time limits, and one shape of error."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import replace
from typing import Protocol

from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from horizonte.serve import body, headers, problems
from horizonte.serve import exchange as exchanges
from horizonte.serve.exchange import EDGE, Exchange, request_id
from horizonte.serve.guard import READS, Guard
from horizonte.serve.problems import Problem
from horizonte.serve.shed import Load
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

    def __init__(self, app: ASGIApp, seen: Seen | None = None, guard: Guard | None = None) -> None:
        """Wrap ``app``; without a ``guard``, only this machine is answered."""
        self.app = app
        self.seen = seen
        self.guard = guard or Guard()
        self.load = Load()

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
        async def sending(message: Message) -> None:
            await _write(exchange, message, send)

        scope = exchange.scope
        exchange.complete = scope["method"] in READS  # a body of theirs is nobody's
        try:
            if refused := self.guard.refused(scope) or _refused(scope):
                await _answer(exchange, refused, send)
                return
            if self.seen and (ready := self.seen.at_hand(exchange)):
                await _hand_out(exchange, ready, send)
                return
            async with asyncio.timeout(TIMEOUT_SECONDS):
                if exchange.complete:
                    await self.app(scope, receive, sending)
                elif refused := await self._work(exchange, receive, sending):
                    await _answer(exchange, refused, send)
        except TimeoutError:
            slug = "timeout" if exchange.complete else "slow-body"
            await _give_up(exchange, problems.of(slug), send)
        except Exception:
            logger.exception("request failed")
            await _give_up(exchange, problems.of("internal"), send)

    async def _work(self, exchange: Exchange, receive: Receive, send: Send) -> Problem | None:
        """Have a request with a body answered, or return why it is not."""
        lane, most = self.load.lane(exchange.scope), _most(exchange.scope)
        if refused := self.load.too_much(lane):
            return refused
        try:
            refused = await body.read(exchange, receive, most=most, load=self.load)
            if exchange.complete:
                with lane.entered():
                    await self.app(exchange.scope, body.again(exchange, receive), send)
            return refused
        finally:
            self.load.held -= len(exchange.body)


async def _write(exchange: Exchange, message: Message, send: Send) -> None:
    if message["type"] == "http.response.start":
        if message["status"] >= 400 and not _ours(message):
            exchange.held = message
            return
        exchange.status = message["status"]
        given, stamp = message["headers"], (b"x-request-id", exchange.id.encode())
        more = headers.added(exchange.scope["method"], message["status"], given)
        await send({**message, "headers": [*given, *more, stamp]})
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
    status = int(exchange.held["status"]) if exchange.held else 500
    if status in (404, 405):  # ours are problems already: these are the routers'
        told = problems.of_status(status, f"{exchange.scope['method']} {exchange.scope['path']}")
        return replace(told, extra={"allowed": _methods(exchange)}) if status == 405 else told
    try:
        said = json.loads(exchange.answer)
    except ValueError:
        return problems.of_status(status, exchange.answer.decode(errors="replace") or None)
    said = said[0] if isinstance(said, list) and said else said
    detail = said.get("detail", said.get("error")) if isinstance(said, dict) else None
    if isinstance(detail, list):
        return problems.of_validation(detail, bytes(exchange.body))
    return problems.of_status(status, str(detail) if detail else None)


def _methods(exchange: Exchange) -> str:
    """Return what the address takes; a router names the methods of its first route alone."""
    told = dict(exchange.held["headers"]).get(b"allow", b"") if exchange.held else b""
    found = {name.strip() for name in told.decode("latin-1").split(",") if name.strip()}
    for route in getattr(exchange.scope.get("app"), "routes", ()):
        if route.matches(exchange.scope)[0] is Match.PARTIAL:
            found |= route.methods
    return ", ".join(sorted(found))


async def _hand_out(exchange: Exchange, ready: Reply, send: Send) -> None:
    exchange.status, exchange.sent = ready.status, len(ready.body)
    given = [*ready.headers, (b"x-request-id", exchange.id.encode())]
    if ready.status != 304:
        given.append((b"content-length", b"%d" % exchange.sent))
    given += headers.added(exchange.scope["method"], ready.status, given)
    await send({"type": "http.response.start", "status": ready.status, "headers": given})
    await send({"type": "http.response.body", "body": ready.body})


async def _answer(exchange: Exchange, problem: Problem, send: Send) -> None:
    said, status = problem.body(exchange.id), problem.kind.status
    exchange.status, exchange.held, exchange.sent = status, None, len(said)
    exchange.problem = problem.kind.slug
    given = [
        *problem.headers(),
        (b"content-length", str(len(said)).encode()),
        (b"x-request-id", exchange.id.encode()),
    ]
    given += headers.added(exchange.scope["method"], status, given)
    await send({"type": "http.response.start", "status": status, "headers": given})
    await send({"type": "http.response.body", "body": said})


async def _give_up(exchange: Exchange, problem: Problem, send: Send) -> None:
    """Answer ``problem`` unless an answer has already begun, which is then left cut short."""
    if exchange.status == 0:
        await _answer(exchange, problem, send)


def _refused(scope: Scope) -> Problem | None:
    """Return why the head of a request is enough to refuse it, or None."""
    if scope["method"] == "GET":
        return None
    given = dict(scope["headers"])
    length, media = given.get(b"content-length", b"0"), given.get(b"content-type", b"")
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
