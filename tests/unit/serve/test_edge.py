"""The outer edge: whoever fails, the client reads one problem with its fix."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from horizonte.serve import edge, problems
from horizonte.serve.edge import Edge
from horizonte.serve.exchange import request_id
from horizonte.serve.logs import RequestIdFilter

VALIDATION = {
    "error": "1 validation error",
    "detail": [
        {
            "type": "greater_than_equal",
            "loc": ["horizon", "constrained-int"],
            "msg": "Input should be at least 1",
        }
    ],
}


async def boom(request: Request) -> Response:
    raise RuntimeError("secret path")


async def slow(request: Request) -> Response:
    await asyncio.sleep(5)
    return PlainTextResponse("late")


async def echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def bentoml_like(request: Request) -> Response:
    await request.body()
    return JSONResponse(VALIDATION, 400)


async def listed(request: Request) -> Response:
    return JSONResponse([{"error": "unsupported"}], 415)


class Client:
    """Asks an ASGI app without a server."""

    def __init__(self, app: ASGIApp, base: str = "http://127.0.0.1") -> None:
        self.transport, self.base = httpx.ASGITransport(app=app), base

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            async with httpx.AsyncClient(transport=self.transport, base_url=self.base) as client:
                return await client.request(method, path, **request)

        return asyncio.run(once())


@pytest.fixture
def client() -> Client:
    routes = [
        Route(f"/{f.__name__}", f, methods=["GET", "POST"])
        for f in (boom, slow, echo, bentoml_like, listed)
    ]
    return Client(Edge(Starlette(routes=routes)))


def post(client: Client, path: str, body: bytes, **headers: str) -> dict[str, object]:
    answer = client.ask(
        "POST", path, content=body, headers={"content-type": "application/json", **headers}
    )
    assert answer.headers["content-type"] == problems.MEDIA_TYPE
    found: dict[str, object] = answer.json()
    assert found["status"] == answer.status_code
    return found


def test_answers_pass_unchanged_with_their_request_id(client: Client) -> None:
    """A good answer keeps its body, and a safe X-Request-ID comes back."""
    answer = client.ask("GET", "/echo", headers={"x-request-id": "abc-1"})
    assert (answer.status_code, answer.text, answer.headers["x-request-id"]) == (200, "0", "abc-1")


def test_an_unsafe_request_id_is_replaced(client: Client) -> None:
    """A request id that could break a log line is not taken over."""
    answer = client.ask("GET", "/echo", headers={"x-request-id": 'a"b\tc'})
    assert len(answer.headers["x-request-id"]) == 32


def test_an_exception_says_nothing_of_the_inside(client: Client) -> None:
    """An unforeseen exception becomes 500 without its text."""
    found = post(client, "/boom", b"{}")
    assert found["type"] == "/problems/internal"
    assert "secret" not in str(found)


def test_validation_names_field_value_and_fix(client: Client) -> None:
    """BentoML's own 400 becomes 422 with the field as written and the value that was sent."""
    found = post(client, "/bentoml_like", b'{"horizon": -3}')
    assert (found["status"], found["field"], found["value"]) == (422, "horizon", -3)
    assert found["fix"] == "change horizon; see /docs"


def test_an_error_in_a_list_is_understood(client: Client) -> None:
    """The one-element list that BentoML sends for some errors is read."""
    assert post(client, "/listed", b"{}")["type"] == "/problems/unsupported-media-type"


def test_unknown_routes_and_methods_are_problems(client: Client) -> None:
    """The router's 404 and 405 name what was asked."""
    assert post(client, "/nowhere", b"{}")["detail"] == "POST /nowhere"
    assert client.ask("PUT", "/echo").json()["type"] == "/problems/method-not-allowed"


@pytest.mark.parametrize(
    "media",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
        "application/vnd.bentoml+pickle",
    ],
)
def test_only_json_is_read(client: Client, media: str) -> None:
    """Any other body, pickle among them, is refused before a reader of it exists."""
    assert post(client, "/echo", b"x", **{"content-type": media})["status"] == 415


def test_a_large_body_is_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit the answer is 413, whether the length was declared or not."""
    monkeypatch.setattr(edge, "MAX_BODY_BYTES", 10)
    assert post(client, "/echo", b"x" * 11)["status"] == 413

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x" * 6
        yield b"y" * 6

    cut = client.ask(
        "POST", "/echo", content=chunks(), headers={"content-type": "application/json"}
    )
    assert cut.status_code == 413


def test_a_slow_answer_becomes_504(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of one request is kept by us, with a problem that says when to come back."""
    monkeypatch.setattr(edge, "TIMEOUT_SECONDS", 0.05)
    answer = client.ask("GET", "/slow")
    assert (answer.status_code, answer.headers["retry-after"]) == (504, "1")


def test_other_machines_are_refused() -> None:
    """Without authentication, a request that came in on a public address gets 403."""
    app = Edge(Starlette(routes=[Route("/echo", echo)]))
    for server, status in (("http://10.1.2.3", 403), ("http://127.0.0.1", 200)):
        assert Client(app, server).ask("GET", "/echo").status_code == status


def test_log_records_carry_the_request_id(caplog: pytest.LogCaptureFixture) -> None:
    """A record made while a request runs names it; one made outside names none."""
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "m", None, None)
    token = request_id.set("r-1")
    assert RequestIdFilter().filter(record)
    assert vars(record)["request_id"] == "r-1"
    request_id.reset(token)
    RequestIdFilter().filter(record)
    assert vars(record)["request_id"] is None
