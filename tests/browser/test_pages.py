"""Every page for every reader: held to WCAG by axe, in far zones, on a phone, with hostile names, sandboxed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from tests.integration.conftest import bucket  # noqa: F401 (fixture)
from tests.integration.serve.conftest import (  # noqa: F401 (fixtures)
    home,
    loaded,
    model,
    url,
    world,
)
from tests.integration.web.conftest import running, say
from tests.integration.web.test_reports import verdict

from horizonte.embedded.endpoints import S3Settings
from horizonte.serve.bucket import Bucket
from horizonte.store import ledger, observations, series, verdicts
from horizonte.store.connection import Connection, connect

pytestmark = pytest.mark.slow
Visit = Callable[..., Page]
KEPT = Path(__file__).parents[2] / ".ci-artefacts" / "screens"
HOSTILE = "<script>alert(1)</script>"
NAME = "plant/load"
LOOK = "2026-01-14/2"
REPORT = b"""<html><head><title>r</title></head><body><p id="said"></p><a href="inputs.html">more</a>
<script>let reached = "nothing";
try { reached = parent.document.title; } catch { reached = "no parent"; }
localStorage.setItem("a", "kept");
document.querySelector("#said").textContent = `${reached}, ${localStorage.getItem("a")}, ${origin}`;
</script></body></html>"""
PAGES = {
    "overview": "/",
    "series": f"/series?id={NAME}",
    "explanation": f"/series/explain?id={NAME}",
    "reports": "/reports",
    "report": f"/reports/monitoring/{LOOK}/index.html",
    "health": "/health",
    "models": "/models",
    "promotions": "/models/promotions",
    "login": "/login",
    "missing": "/nowhere",
}
READERS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark", "locale": "pt-BR"},
    "phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def web(
    url: str,  # noqa: F811
    loaded: str,  # noqa: F811
    bucket: S3Settings,  # noqa: F811
    world: Any,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    """The web app beside a real service with a champion; a monitoring, and a series with a hostile name."""
    httpx.post(f"{url}/forecast", json={"series": NAME}, timeout=60).raise_for_status()
    with connect(loaded) as conn:
        _fill(conn, world)
        verdicts.add(conn, verdict(LOOK), drifts=[], findings=[])
    httpx.post(f"{url}/forecast", json={"series": NAME}, timeout=60).raise_for_status()
    for page in ("index", "inputs"):
        Bucket.of(bucket).put(f"reports/monitoring/{LOOK}/{page}.html", REPORT, "text/html")
    env = {"HORIZONTE_DATABASE": loaded, "HORIZONTE_WEB_SERVICE": url}
    with running(
        tmp_path_factory.mktemp("web"), HORIZONTE_S3=bucket.url(), HORIZONTE_MQTT="mqtt://127.0.0.1:1", **env
    ) as client:  # fmt: skip
        yield client


def _fill(conn: Connection, world: Any) -> None:  # noqa: F811
    """Six hours more of the plant, and a target whose name is a script, with a forecast that is late."""
    own = world.series[world.series["unique_id"] == NAME]
    hostile = own.assign(unique_id=HOSTILE, source="evil")
    series.register(conn, hostile)
    last = world.end - pd.Timedelta(hours=18)
    rows = world.until("plant", last)
    for source, frame in (("plant", rows), ("evil", rows.tail(96).assign(unique_id=HOSTILE))):
        batch = ledger.open_batch(conn, source=source, kind="request", name="test", sha256=None)
        ledger.close_batch(conn, batch, observations.append(conn, frame, batch=batch))
    say(conn, HOSTILE, last - pd.Timedelta(days=2), 24)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(visit: Visit, name: str, reader: str) -> None:
    """WCAG 2.2 AA and good practice, in light, dark and on a phone; no page scrolls sideways.

    What was looked at is kept as a picture.
    """
    page = visit(PAGES[name], failing=name == "missing", **READERS[reader])
    if name == "series":
        page.wait_for_selector("#chart.drawn canvas")
        page.locator("#explain summary").click()
        page.wait_for_selector("#explain table")
    KEPT.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=KEPT / f"{name}_{reader}.png", full_page=True)
    found = Axe().run(page, options={"runOnly": RULES})
    assert not found.response["violations"], found.generate_report()
    assert len(found.response["passes"]) > 10
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("zone", ["Pacific/Pago_Pago", "Pacific/Kiritimati"])
def test_my_time_at_the_ends_of_the_world(visit: Visit, loaded: str, zone: str) -> None:  # noqa: F811
    """Eleven hours behind and fourteen ahead of UTC: newest reading, chart and table in the reader's zone."""
    with connect(loaded) as conn:
        row = conn.execute(
            """SELECT (SELECT max(ds) FROM observation WHERE unique_id = %(id)s), f.ds, f.mean
               FROM forecast AS f WHERE f.unique_id = %(id)s
               ORDER BY f.run_id DESC, f.ds DESC LIMIT 1""",
            {"id": NAME},
        ).fetchone()
    assert row is not None
    newest, end, mean = (row[0], row[1], row[2])
    page = visit(PAGES["series"] + "&zone=browser&range=1d", timezone_id=zone, locale="en-GB")
    page.wait_for_selector(f"#chart.drawn[data-zone='{zone}']")
    local = newest.astimezone(ZoneInfo(zone))
    expect(page.locator(".facts time").first).to_contain_text(f"{local:%-m/%-d/%y, %-I:%M}")
    page.focus("#chart")
    page.keyboard.press("End")
    said = page.locator("#chart-reading")
    there: datetime = end.astimezone(ZoneInfo(zone))
    expect(said).to_contain_text(f"{there:%b} {there.day}, {there.year}")
    expect(said).to_contain_text(f"{there:%I:%M}")
    expect(said).to_contain_text(f"Forecast {float(f'{mean:.5g}'):,g}")


def test_a_script_in_a_name_never_runs(visit: Visit) -> None:
    """Overview, series, explanation and health show it as text; no dialog opens."""
    dialogs: list[str] = []
    for path in ("/", "/series?id={}", "/series/explain?id={}", "/health"):
        page = visit(path.format(quote(HOSTILE)), failing="series" in path)
        page.on("dialog", lambda one: (dialogs.append(one.message), one.dismiss()))
        if path.startswith("/series?"):
            page.wait_for_selector("#chart.drawn canvas")
            page.locator("#explain summary").click()
        page.reload()
        expect(page.locator("body")).to_contain_text(HOSTILE)
    assert not dialogs


def test_a_report_reaches_nothing_and_leads_on(visit: Visit) -> None:
    """Its script runs without an origin and without its parent; its link opens the next page in a frame."""
    page = visit(PAGES["report"])
    inside = page.frame_locator("iframe.frame")
    expect(inside.locator("#said")).to_have_text("no parent, kept, null")
    inside.locator("a").click()
    page.wait_for_url("**/inputs.html")
    expect(page.locator("iframe.frame")).to_have_count(1)
    expect(page.locator("main")).to_contain_text(f"All was well on {LOOK}.")


def test_the_explanation_is_opened_by_keys(visit: Visit, loaded: str) -> None:  # noqa: F811
    """Enter on its summary fetches it; how far the mean moved is the difference of the stored vintages."""
    with connect(loaded) as conn:
        row = conn.execute(
            """SELECT avg(new.mean - old.mean) FROM forecast AS new JOIN forecast AS old USING (ds)
               WHERE new.unique_id = %(id)s AND old.unique_id = %(id)s
                 AND new.run_id = (SELECT max(run_id) FROM vintage WHERE unique_id = %(id)s)
                 AND old.run_id = (SELECT min(run_id) FROM vintage WHERE unique_id = %(id)s)""",
            {"id": NAME},
        ).fetchone()
    assert row is not None
    page = visit(PAGES["series"])
    page.wait_for_selector("#chart.drawn canvas")
    page.locator("#explain summary").focus()
    page.keyboard.press("Enter")
    text = page.locator("#explain .explained")
    expect(text).to_contain_text("that both forecast moved by")
    moved = re.search(r"moved by ([+-][\d.]+) MW", text.inner_text())
    assert moved
    assert float(moved[1]) == pytest.approx(row[0], abs=0.006)


def test_the_first_key_skips_to_the_content(visit: Visit) -> None:
    """Tab reaches the skip link before all else, and every link of the frame shows that it has focus."""
    page = visit("/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    link = page.locator("nav a").first
    link.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
