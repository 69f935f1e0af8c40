"""The guard without keys, and which scope an address needs."""

from __future__ import annotations

from typing import Any

import pytest

from horizonte.serve.guard import Guard, scope_of


def scope(method: str = "GET", server: str = "127.0.0.1", **headers: str) -> dict[str, Any]:
    given = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return {"type": "http", "method": method, "path": "/x", "server": (server, 1), "headers": given}


def refusal(asked: dict[str, Any]) -> str | None:
    problem = Guard("off").refused(asked)
    return problem.kind.slug if problem else None


@pytest.mark.parametrize(("method", "path", "needed"), [
    ("GET", "/livez", None), ("GET", "/readyz", None), ("GET", "/healthz", None),
    ("GET", "/problems/internal", None), ("GET", "/docs", None), ("GET", "/static_content/x.js", None),
    ("GET", "/metrics", "read"), ("GET", "/series", "read"), ("GET", "/forecasts/a/b", "read"),
    ("GET", "/nowhere", "read"), ("HEAD", "/series", "read"), ("POST", "/forecast", "read"),
    ("POST", "/observations", "write"), ("POST", "/annotations", "write"),
    ("POST", "/livez", "write"), ("POST", "/unheard-of", "write"), ("DELETE", "/series", "write"),
    ("POST", "/retrain", "admin"), ("GET", "/retrainings/3", "read"), ("POST", "/admin/keys", "admin"),
    ("POST", "/models/rollback", "admin"), ("POST", "/models/3f0c/promote", "admin"),
    ("GET", "/models/current", "read"), ("GET", "/keys/current", "read"),
])  # fmt: skip
def test_every_address_needs_its_scope(method: str, path: str, needed: str | None) -> None:
    """Probes and help are open, reading needs read, changing write, and ruling admin."""
    assert scope_of(method, path) == needed


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:3000", "127.0.0.1:3000", "127.8.8.8", "[::1]:3000", "LOCALHOST"],
)
def test_local_names_are_answered(host: str) -> None:
    """Every name of this machine alone passes, with or without a port."""
    assert refusal(scope(host=host)) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:3000", "127.0.0.1.evil.example", "10.0.0.1", "a@b", "[", ""],
)
def test_a_foreign_name_is_refused(host: str) -> None:
    """A site whose name was made to point here (DNS rebinding) is not answered."""
    assert refusal(scope(host=host)) == "foreign-host"


@pytest.mark.parametrize(("headers", "slug"), [
    ({"sec_fetch_site": "cross-site"}, "cross-site"), ({"sec_fetch_site": "same-site"}, "cross-site"),
    ({"sec_fetch_site": "same-origin"}, None), ({"sec_fetch_site": "none"}, None), ({}, None),
    ({"origin": "https://evil.example"}, "cross-site"), ({"origin": "null"}, "cross-site"),
    ({"origin": "http://localhost:3001"}, "cross-site"), ({"origin": "http://localhost:3000"}, None),
])  # fmt: skip
def test_another_site_may_not_post(headers: dict[str, str], slug: str | None) -> None:
    """What a browser sends for another site is refused where it could change something."""
    assert refusal(scope("POST", host="localhost:3000", **headers)) == slug
    assert refusal(scope("GET", host="localhost:3000", **headers)) is None


def test_without_keys_only_loopback_is_answered() -> None:
    """A request that came in on an address of the network is refused, whatever it says it asks."""
    assert refusal(scope(server="10.1.2.3", host="localhost")) == "not-local"
    assert refusal(scope(server="::1", host="localhost")) is None


def test_with_keys_nothing_is_answered_before_they_are_read() -> None:
    """Until the keys are known, everybody but the open addresses waits."""
    problem = Guard("keys").refused(scope(authorization="Bearer hz_a_b"))
    assert problem is not None
    assert problem.kind.slug == "not-ready"
