"""Slow, many and boundless clients, on real sockets against a running service."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import httpx
import pandas as pd
import psutil
import pytest

from horizonte.serve import run
from horizonte.store.connection import connect

pytestmark = pytest.mark.slow
HEAD = b"POST /forecast HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
POLICIES = {
    "x-content-type-options",
    "referrer-policy",
    "x-frame-options",
    "content-security-policy",
}


def opened(url: str) -> socket.socket:
    where = urlsplit(url)
    return socket.create_connection((where.hostname, where.port), timeout=60)


def said(client: socket.socket) -> bytes:
    """Everything the service says until it closes."""
    found = b""
    while part := client.recv(65536):
        found += part
    return found


def test_slow_clients_hold_nobody_up(url: str, client: httpx.Client) -> None:
    """With 100 unfinished heads and 100 unfinished bodies open, 50 questions are answered."""
    client.post("/forecast", json={"series": "site/a"})
    with ExitStack() as stack:
        for number in range(200):
            slow = stack.enter_context(opened(url))
            slow.sendall(HEAD if number % 2 else HEAD + b"content-length: 30\r\n\r\n{")
        for number in range(50):
            body = {"series": "site/a"}
            answer = client.get("/series") if number % 2 else client.post("/forecast", json=body)
            assert answer.status_code == 200


def test_a_head_that_never_ends_is_cut_off(url: str) -> None:
    """Who sends a head byte by byte, or nothing at all, loses the connection."""
    with opened(url) as slow, opened(url) as silent:
        slow.sendall(b"GET /series HTTP/1.1\r\nx: ")
        assert said(slow) == b""
        assert said(silent) == b""


@pytest.mark.parametrize(("sent", "status", "kind"), [
    (b"GET /series HTTP/1.1\r\nx: " + b"y" * 40_000 + b"\r\n\r\n", 431, "head-too-large"),
    (b"GET /series HTTP/1.1\r\nx: " + b"y" * 40_000, 431, "head-too-large"),
    (b"GET /" + b"y" * 70_000, 431, "head-too-large"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "malformed-http"),
])  # fmt: skip
def test_a_bad_head_is_a_problem(url: str, sent: bytes, status: int, kind: str) -> None:
    """A head that is too large or no HTTP is answered as a problem, and the connection closed."""
    with opened(url) as client:
        client.sendall(sent)
        answer = said(client)
    assert answer.startswith(b"HTTP/1.1 %d" % status)
    assert f"/problems/{kind}".encode() in answer
    assert b"x-content-type-options: nosniff" in answer


def test_a_body_without_end_is_cut_off(url: str) -> None:
    """A chunked body is refused when it passes the limit, not when it ends."""
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with opened(url) as client:
        client.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunk * 17)
        assert client.recv(65536).startswith(b"HTTP/1.1 413")


def test_a_flood_is_shed(
    url: str, client: httpx.Client, loaded: str, load: Any, world: Any
) -> None:
    """Of 500 computing requests at once each gets 200 or 429 with Retry-After; memory stays."""
    with connect(loaded) as conn:
        old = world.end - pd.Timedelta(days=11)
        load(conn, pd.DataFrame({"unique_id": ["site/a"], "ds": [old], "y": [98.5]}))
    found = run.running()
    assert found is not None
    before = _memory(found.pid)
    answers = asyncio.run(_flood(url, 500))
    counts = Counter(answer.status_code for answer in answers)
    assert set(counts) <= {200, 429}, counts
    assert counts[200] > 0
    assert counts[429] > 0
    shed = [answer for answer in answers if answer.status_code == 429]
    assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in shed)
    assert client.get("/forecasts/site/a").status_code == 200
    assert _memory(found.pid) - before < 150 << 20


def _memory(pid: int) -> int:
    server = psutil.Process(pid)
    return sum(p.memory_info().rss for p in (server, *server.children(recursive=True)))


async def _flood(url: str, count: int) -> list[httpx.Response]:
    limits = httpx.Limits(max_connections=count)
    async with httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as client:
        body = {"series": ["site/a", "site/b"]}
        asks = (client.post(f"{url}/forecast", json=body) for _ in range(count))
        return await asyncio.gather(*asks)


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/series", 200), ("GET", "/forecasts/site/b", 200), ("GET", "/docs", 200),
    ("GET", "/docs.js", 200), ("GET", "/problems/internal", 200), ("GET", "/metrics", 200),
    ("GET", "/nowhere", 404), ("PUT", "/series", 405), ("POST", "/forecast", 422),
    ("GET", "/static_content/swagger-ui.css", 200), ("GET", "/livez", 200),
])  # fmt: skip
def test_every_answer_carries_its_policies(
    client: httpx.Client, method: str, path: str, status: int
) -> None:
    """Whatever answers, browsers are told to guess, frame and keep nothing, and not by what."""
    answer = client.request(method, path, json={} if method == "POST" else None)
    assert answer.status_code == status
    assert set(answer.headers) >= POLICIES
    assert "server" not in answer.headers
    kept = answer.headers.get("cache-control")
    assert (kept == "no-store") == (status >= 400 or method != "GET")
    assert "unsafe-eval" not in answer.headers["content-security-policy"]


def test_no_page_has_a_script_in_it(client: httpx.Client) -> None:
    """Every script of the docs is a file of this service, so the policy can forbid all others."""
    page = client.get("/docs")
    assert "script-src 'self';" in page.headers["content-security-policy"]
    scripts = page.text.split("<script")[1:]
    assert len(scripts) == 2
    for script in scripts:
        source, _, inside = script.partition(">")
        assert (
            client.get(source.split('"')[1]).headers["content-type"].startswith("text/javascript")
        )
        assert inside.startswith("</script>")


def test_another_site_can_neither_ask_nor_post(client: httpx.Client) -> None:
    """A rebound name and a page of another site are refused on loopback."""
    rebound = client.get("/series", headers={"Host": "evil.example"})
    assert rebound.json()["type"] == "/problems/foreign-host"
    posted = client.post(
        "/forecast", json={"series": "site/a"}, headers={"Origin": "https://evil.example"}
    )
    assert posted.json()["type"] == "/problems/cross-site"
