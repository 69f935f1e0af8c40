"""The way in: what is hot is answered in front, what passed one edge passes the next."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message

from horizonte.serve import edge, exchange, lines
from horizonte.serve.desk import Desk
from horizonte.serve.edge import Edge
from horizonte.serve.exchange import Exchange
from horizonte.serve.front import Front
from horizonte.serve.stored import Reply
from horizonte.store.telemetry import RequestRow


class Notes:
    """Writes down what an edge tells."""

    def __init__(self) -> None:
        self.open, self.rows = 0, list[tuple[Exchange, float]]()

    def begins(self) -> None:
        self.open += 1

    def at_hand(self, exchange: Exchange) -> Reply | None:
        if exchange.scope["path"] == "/ready":
            return Reply(200, [(b"content-type", b"text/plain")], b"made before")
        return None

    def ended(self, exchange: Exchange, seconds: float) -> None:
        self.open -= 1
        self.rows.append((exchange, seconds))


async def item(request: Request) -> Response:
    return PlainTextResponse(request.path_params["name"])


async def echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


INNER = Starlette(
    routes=[Route("/items/{name:path}", item), Route("/echo", echo, methods=["POST"])]
)


def ask(app: ASGIApp, method: str, path: str, **request: Any) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, **request)

    return asyncio.run(once())


def test_a_second_edge_lets_pass() -> None:
    """Of two edges the outer one alone gives an id, and it alone is told of the request."""
    outer, inner = Notes(), Notes()
    answer = ask(Edge(Edge(INNER, inner), outer), "GET", "/items/a/b")
    assert len(answer.headers.get_list("x-request-id")) == 1
    assert (len(outer.rows), len(inner.rows), outer.open) == (1, 0, 0)


def test_an_edge_is_told_size_status_and_problem() -> None:
    """Each request ends once: with its bytes, its status, and as which problem it was refused."""
    notes = Notes()
    assert ask(Edge(INNER, notes), "GET", "/items/abc").text == "abc"
    ask(Edge(INNER, notes), "GET", "/nowhere")
    told = [(e.status, e.sent > 0, e.problem) for e, _ in notes.rows]
    assert told == [(200, True, None), (404, True, "unknown-route")]
    assert notes.rows[0][0].sent == 3


def test_a_body_that_does_not_come_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who begins a body and does not finish it is told so; nobody waits for it longer."""
    monkeypatch.setattr(edge, "TIMEOUT_SECONDS", 0.05)
    sent: list[Message] = []
    first = iter([{"type": "http.request", "body": b"{", "more_body": True}])

    async def receive() -> Message:
        for message in first:
            return message
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/echo", "query_string": b"",
             "headers": [(b"content-type", b"application/json")], "server": ("127.0.0.1", 1)}  # fmt: skip
    asyncio.run(Edge(INNER)(scope, receive, send))
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["type"] == "/problems/slow-body"


def test_what_is_at_hand_is_answered_at_the_edge() -> None:
    """It is sent with id and length, and told of like any other."""
    notes = Notes()
    answer = ask(Edge(INNER, notes), "GET", "/ready")
    assert (answer.text, answer.headers["content-length"]) == ("made before", "11")
    assert answer.headers["x-request-id"] == notes.rows[0][0].id


def test_what_is_not_on_record_goes_further_in() -> None:
    """A desk with empty hands lets every request reach the app."""
    empty = Desk()
    assert ask(Edge(Front(INNER, empty), empty), "GET", "/items/x").text == "x"
    assert ask(Edge(Front(INNER, empty), empty), "GET", "/forecasts/none").status_code == 404


def test_routes_are_few() -> None:
    """A path that no route has is ``other``, however many of them are tried."""
    scope = {"path": "/static_content/x.js", "headers": [], "route": None}
    assert exchange.route_of(Exchange("r", scope)) == "/static_content/"
    assert exchange.route_of(Exchange("r", {**scope, "path": "/a' OR 1=1"})) == "other"


def test_a_log_line_is_one_json_object_without_the_unknown() -> None:
    """Strange paths are escaped, what is not known is left out, the time is UTC."""
    row = RequestRow(1_735_725_600_123_000, "r-1", "GET", "other", '/"\n\0é', 404, 0.5, 9, None, 0,
                     None, None, None, None, "host:1")  # fmt: skip
    text = lines.line(row)
    assert "\n" not in text
    assert json.loads(text) == {
        "time": "2025-01-01 10:00:00.123", "level": "INFO", "message": "answered",
        "request_id": "r-1", "method": "GET", "route": "other", "path": '/"\n\0é', "status": 404,
        "milliseconds": 0.5, "bytes": 9,
    }  # fmt: skip
