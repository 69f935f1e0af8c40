"""The outer edge of the service: request ids, size and time limits, and one shape of error."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import re
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from horizonte.serve import problems
from horizonte.serve.problems import Problem

logger = logging.getLogger(__name__)
MAX_BODY_BYTES = 1 << 20
LARGER_BODIES = {"/observations": 4 << 20}
TIMEOUT_SECONDS = 30.0
_SAFE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_QUIET = {"/livez", "/readyz", "/healthz", "/metrics"}
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


class RequestIdFilter(logging.Filter):
    """Stamps every log record with the request it belongs to, or null."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add ``request_id`` to ``record``; never drops one."""
        record.request_id = request_id.get()
        return True


@dataclass
class _Exchange:
    """What is known of one request while it is answered."""

    id: str
    scope: Scope
    body: bytearray = field(default_factory=bytearray)
    too_large: bool = False
    status: int = 0
    held: Message | None = None
    answer: bytearray = field(default_factory=bytearray)

    @property
    def most(self) -> int:
        """Return how many bytes its body may have."""
        return _most(self.scope)


class ProblemMiddleware:
    """Answers every error as problem details, whoever raised it, and echoes ``X-Request-ID``.

    Bodies above the limit of their address are refused, answers after ``TIMEOUT_SECONDS`` become 504.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap ``app``."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; other scopes pass through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(_id_of(scope), scope)
        token, began = request_id.set(exchange.id), time.perf_counter()
        try:
            await self._serve(exchange, receive, send)
        finally:
            _log_access(exchange, time.perf_counter() - began)
            request_id.reset(token)

    async def _serve(self, exchange: _Exchange, receive: Receive, send: Send) -> None:
        async def reading() -> Message:
            return _read(exchange, await receive())

        async def sending(message: Message) -> None:
            await _write(exchange, message, send)

        try:
            if refused := _refused(exchange.scope):
                await _answer(exchange, refused, send)
                return
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self.app(exchange.scope, reading, sending)
        except TimeoutError:
            await _give_up(exchange, problems.of("timeout"), send)
        except Exception:
            logger.exception("request failed")
            await _give_up(exchange, problems.of("internal"), send)


def _read(exchange: _Exchange, message: Message) -> Message:
    """Keep a copy of the body for the error's ``value``; cut it off beyond the limit."""
    if message["type"] != "http.request":
        return message
    exchange.body += message.get("body", b"")
    if len(exchange.body) <= exchange.most:
        return message
    exchange.too_large = True
    del exchange.body[exchange.most :]
    return {"type": "http.request", "body": b"", "more_body": False}


async def _write(exchange: _Exchange, message: Message, send: Send) -> None:
    if message["type"] == "http.response.start":
        headers = dict(message["headers"])
        foreign = headers.get(b"content-type", b"") != problems.MEDIA_TYPE.encode()
        if (message["status"] >= 400 and foreign) or exchange.too_large:
            exchange.held = message
            return
        exchange.status = message["status"]
        stamp = (b"x-request-id", exchange.id.encode())
        await send({**message, "headers": [*message["headers"], stamp]})
    elif exchange.held is None:
        await send(message)
    else:
        exchange.answer += message.get("body", b"")
        if not message.get("more_body"):
            await _answer(exchange, translate(exchange), send)


def translate(exchange: _Exchange) -> Problem:
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


async def _answer(exchange: _Exchange, problem: Problem, send: Send) -> None:
    body = problem.body(exchange.id)
    exchange.status, exchange.held = problem.kind.status, None
    headers = [
        *problem.headers(),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", exchange.id.encode()),
    ]
    await send({"type": "http.response.start", "status": problem.kind.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _give_up(exchange: _Exchange, problem: Problem, send: Send) -> None:
    """Answer ``problem`` unless an answer has already begun, which is then left cut short."""
    if exchange.status == 0:
        await _answer(exchange, problem, send)


def _id_of(scope: Scope) -> str:
    asked = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    return asked if _SAFE_ID.fullmatch(asked) else uuid4().hex


def _refused(scope: Scope) -> Problem | None:
    """Return why the head of a request is enough to refuse it, or None."""
    if not _local(scope):
        return problems.of("not-local")
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
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def _log_access(exchange: _Exchange, seconds: float) -> None:
    level = logging.DEBUG if exchange.scope["path"] in _QUIET else logging.INFO
    logger.log(
        level,
        "answered",
        extra={
            "method": exchange.scope["method"],
            "path": exchange.scope["path"],
            "status": exchange.status,
            "milliseconds": round(seconds * 1000, 1),
        },
    )
