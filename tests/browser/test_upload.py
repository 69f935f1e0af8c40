"""Acts of a reader in a real browser: a file on its way to a forecast, a supposition, a note."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.integration.conftest import bucket  # noqa: F401 (fixtures)
from tests.integration.serve.conftest import (  # noqa: F401 (fixtures)
    conn,
    home,
    loaded,
    model,
    url,
    world,
)
from tests.integration.web.conftest import beside
from tests.integration.web.test_upload import HOURS, brazilian

from horizonte.store import prepared
from horizonte.store.connection import Connection

Visit = Callable[..., Page]
PHONE = {"locale": "pt-BR", "viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}


@pytest.fixture(scope="module")
def web(
    loaded: str,  # noqa: F811
    url: str,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    """The web app beside a service with a champion."""
    with beside(tmp_path_factory.mktemp("web"), database=loaded, service=url) as client:
        yield client


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    """A Brazilian file on the reader's disk."""
    path = tmp_path / "consumo.csv"
    path.write_bytes(brazilian())
    return path


def understood(visit: Visit, sheet: Path, **options: Any) -> Page:
    """The page of a file whose zone has been chosen."""
    page = visit("/upload", **options)
    page.set_input_files("input[type=file]", sheet)
    page.locator("main form button").click()
    page.wait_for_selector("#fault")
    page.fill("input[name=zone]", "America/Sao_Paulo")
    page.locator("form.mapping > p button").click()
    page.wait_for_selector("input[name=mark]", state="attached")
    return page


def test_from_a_file_to_a_forecast(visit: Visit, conn: Connection, sheet: Path) -> None:  # noqa: F811
    """Read, corrected, confirmed, stored as the sheet says, forecast, and drawn on the series' page."""
    page = understood(visit, sheet, locale="en-US")
    expect(page.get_by_text("479 readings were understood.")).to_be_visible()
    page.fill("input[name=source]", "press")
    page.locator("form.mapping > p button").click()
    expect(page.locator("input[name=names-0]")).to_have_value("press/demanda")
    assert conn.execute("SELECT FROM observation WHERE unique_id LIKE 'press/%'").fetchone() is None
    page.locator("button.act").click()
    expect(page.locator("[data-count=accepted]")).to_have_text("479", timeout=60_000)
    found = dict(
        conn.execute("SELECT ds, y FROM observation WHERE unique_id = 'press/demanda'").fetchall()
    )
    at = [h.tz_localize("America/Sao_Paulo").tz_convert("UTC").to_pydatetime() for h in HOURS]
    assert found == {ds: 1000.0 + n for n, ds in enumerate(at) if n != 30}
    page.get_by_role("link", name="press/demanda").click()
    page.wait_for_selector("#chart.drawn canvas")
    page.locator("#chart-twin summary").click()
    said = conn.execute(
        """SELECT mean FROM forecast JOIN vintage USING (unique_id, run_id)
           WHERE unique_id = 'press/demanda' ORDER BY issued_at DESC, ds DESC LIMIT 1"""
    ).fetchone()
    assert said
    shown = page.evaluate(
        "(v) => new Intl.NumberFormat('en-US', { maximumSignificantDigits: 5 }).format(v)", said[0]
    )
    expect(page.locator("#chart-twin tr").last).to_contain_text(shown)


def test_a_dropped_file_is_taken(visit: Visit) -> None:
    """A file that falls on the form is the file of the form."""
    page = visit("/upload")
    page.evaluate(
        """() => { const held = new DataTransfer(); held.items.add(new File(["t,y"], "fallen.csv"));
        document.querySelector("[data-drop]").dispatchEvent(
          new DragEvent("drop", { dataTransfer: held, bubbles: true, cancelable: true })); }"""
    )
    assert page.evaluate("document.querySelector('input[type=file]').files[0].name") == "fallen.csv"


def test_a_forecast_of_the_file_in_a_sandbox(visit: Visit, sheet: Path) -> None:
    """The report of the file alone stands in a frame that may run nothing."""
    page = understood(visit, sheet, locale="pt-BR")
    page.locator("form[action='/upload/quick'] button").click()
    page.wait_for_selector("iframe.frame", timeout=180_000)
    assert page.get_attribute("iframe.frame", "sandbox") == ""
    expect(page.frame_locator("iframe.frame").locator("figure svg").first).to_be_visible()


def test_a_supposition_moves_the_forecast(visit: Visit, url: str) -> None:  # noqa: F811
    """What is shown beside the forecast is what POST /forecast says of the same values."""
    ask = lambda **more: httpx.post(  # noqa: E731
        f"{url}/forecast", json={"series": "site/a", **more}, trust_env=False, timeout=60
    ).json()["forecasts"][0]["rows"]
    plain = ask()
    page = visit("/series?id=site/a", locale="en-US")
    page.get_by_role("link", name="What if").click()
    page.select_option("select[name=way-0]", "set")
    page.fill("input[name=amount-0]", "3")
    page.locator("button.act").click()
    page.wait_for_selector("svg.beside")
    moved = ask(known_future={"site/open": [{"ds": r["ds"], "value": 3} for r in plain]})
    shown = page.locator("tr[data-ds]").evaluate_all(
        "rows => rows.map((r) => Number(r.dataset.moved))"
    )
    assert shown == [r["mean"] for r in moved]
    assert shown != [r["mean"] for r in plain]


def test_a_note_is_seen_in_cleaning(visit: Visit, conn: Connection) -> None:  # noqa: F811
    """A marked stretch is looked at, kept, ignored by cleaning, and so shown in the chart's table."""
    page = visit("/notes?id=site/b", locale="en-US")
    page.fill("input[name=starts_at]", "2025-03-05T10:00")
    page.fill("input[name=ends_at]", "2025-03-05T14:00")
    page.fill("input[name=note]", "flood")
    page.locator("main form.stacked button").click()
    page.wait_for_selector("#sure")
    assert conn.execute("SELECT FROM annotation WHERE unique_id = 'site/b'").fetchone() is None
    page.locator("button.act").click()
    page.get_by_role("link", name="In the chart").click()
    page.wait_for_selector("#chart.drawn canvas")
    page.locator("#chart-twin summary").click()
    rows = prepared.read(conn, ["site/b"])
    ignored = rows[rows["quality"] == "ignored"]
    assert ignored["ds"].dt.tz_convert("Australia/Melbourne").dt.hour.tolist() == [10, 11, 12, 13]
    expect(page.locator("#chart-twin tr", has_text="ignored")).to_have_count(4)
    expect(page.get_by_text("flood")).to_be_visible()


def test_on_a_phone_in_portuguese(visit: Visit, sheet: Path) -> None:
    """Every page of a file, of notes and of suppositions fits a phone and speaks Portuguese."""
    page = understood(visit, sheet, **PHONE)
    expect(page.get_by_text("479 leituras foram entendidas.")).to_be_visible()
    expect(page.locator("td", has_text="não é um número")).to_be_visible()
    for path in ("", "/upload", "/notes?id=site/b", "/whatif?id=site/a"):
        if path:
            page.goto(path)
        assert page.evaluate("document.documentElement.lang") == "pt-BR"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path or "read"
