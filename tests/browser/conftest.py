"""A real Chromium on the real web app, its broker and a small database."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from tests.integration.conftest import database_url, server_url, servers  # noqa: F401 (fixtures)
from tests.integration.web.conftest import END, facts, follow, hours, running, say, serve_model

from horizonte.embedded import services
from horizonte.store import ledger, observations, series
from horizonte.store.connection import connect

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def broker(server_url: str, servers: Path) -> str:  # noqa: F811
    """The URL of the session's broker."""
    return services.up(("mqtt",), link_project=False).mqtt


@pytest.fixture(scope="module")
def web(
    database_url: str,  # noqa: F811
    broker: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    """The web app over a year of hourly readings with a vintage a day."""
    with connect(database_url) as conn:
        series.register(conn, facts("plant/load", zone="America/Sao_Paulo", upper=500.0))
        batch = ledger.open_batch(conn, source="plant", kind="request", name="test", sha256=None)
        rows = hours("plant/load", 400)
        rows.loc[rows["ds"] == END - pd.Timedelta(hours=5), "y"] = 9000.0
        ledger.close_batch(conn, batch, observations.append(conn, rows, batch=batch))
        follow(conn)
        serve_model(conn)
        for days in range(10, -1, -1):
            say(conn, "plant/load", END - pd.Timedelta(hours=1 + 24 * days), 48)
    env = {"HORIZONTE_DATABASE": database_url, "HORIZONTE_MQTT": broker}
    with running(tmp_path_factory.mktemp("web"), **env) as client:
        yield client


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The machine's Chromium; without one these tests are skipped."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, web: httpx.Client) -> Iterator[Callable[..., Page]]:
    """Open a page in a context of its own; at its end no script failed and nothing foreign was asked for.

    ``failing`` says that the page itself is an error, which the browser's console then tells.
    """
    contexts, errors, asked = [], [], []

    def open_(path: str, *, failing: bool = False, **options: object) -> Page:
        context = chromium.new_context(base_url=str(web.base_url), **options)
        page = context.new_page()
        page.on("pageerror", lambda why: errors.append(str(why)))
        if not failing:
            page.on("console", lambda one: errors.append(one.text) if one.type == "error" else None)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path)
        contexts.append(context)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not errors
    assert asked
    assert not [url for url in asked if not url.startswith(str(web.base_url))]
