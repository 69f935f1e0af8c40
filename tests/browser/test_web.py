"""The web app as a reader has it: drawn, zoomed, moved along, live, in any light and on a phone."""

from __future__ import annotations

import json
from collections.abc import Callable
from threading import Event

from playwright.sync_api import Page, expect

from horizonte.config import Settings
from horizonte.ingest.broker import Broker
from horizonte.replay.publisher import Envelope, Publisher

SERIES = "/series?id=plant/load"
Visit = Callable[..., Page]


def drawn(visit: Visit, path: str = SERIES, **options: object) -> Page:
    """A series page whose chart stands."""
    page = visit(path, **options)
    page.wait_for_selector("#chart.drawn canvas")
    return page


def span(page: Page) -> float:
    """Seconds between the ends of the window in the address."""
    found = page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
    return float(found["to"]) - float(found["from"])


def test_the_chart_is_drawn_under_the_strict_policy(visit: Visit) -> None:
    """The canvas holds ink, and neither a script nor a style was refused."""
    page = drawn(visit)
    ink = page.evaluate(
        """() => { const c = document.querySelector("#chart canvas");
        return c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((v) => v > 0); }"""
    )
    assert ink


def test_arrow_keys_read_the_chart(visit: Visit) -> None:
    """End goes to the end of the forecast, an arrow to the step before; both are said with unit and zone."""
    page = drawn(visit)
    page.focus("#chart")
    page.keyboard.press("End")
    said = page.locator("#chart-reading")
    expect(said).to_contain_text("Forecast 50 (30")
    last = said.inner_text()
    page.keyboard.press("ArrowLeft")
    expect(said).not_to_have_text(last)
    expect(said).to_contain_text("GMT-3")
    expect(said).to_contain_text("MW")


def test_zoom_asks_for_finer_data_and_is_in_the_address(visit: Visit) -> None:
    """From a year of coarse places to hours: a drag keeps its window, Escape goes back."""
    page = drawn(visit, SERIES + "&range=1y")
    box = page.locator("#chart .u-over").bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    with page.expect_response("**/series/data**") as found:
        page.mouse.move(box["x"] + box["width"] * 0.5, y)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.52, y, steps=5)
        page.mouse.up()
    assert found.value.json()["width"] == 0
    page.wait_for_function("location.search.includes('from=')")
    assert "from=" in str(page.get_attribute(".downloads a", "href"))
    assert 0.01 < span(page) / (368 * 86400) < 0.03
    page.focus("#chart")
    page.keyboard.press("Escape")
    page.wait_for_function("!location.search.includes('from=')")


def test_the_table_holds_the_flagged_value_as_it_came(visit: Visit) -> None:
    """The table twin shows what the chart shows: 9,000 beside its clean value, and why it was refused."""
    page = drawn(visit, locale="en-US")
    page.locator("#chart-twin summary").click()
    row = page.locator("#chart-twin tr", has_text="9,000")
    expect(row).to_have_count(1)
    expect(page.locator("#chart-twin tr")).to_have_count(1 + 24 * 7 + 48)


def test_a_live_reading_is_added_and_the_zoom_stays(visit: Visit, broker: str) -> None:
    """What a device publishes appears in a zoomed chart, whose window does not move."""
    window = "&from=2026-01-14T00:00:00Z&to=2026-01-16T00:00:00Z"
    page = drawn(visit, SERIES + window)
    expect(page.locator(".live-state.on")).to_be_visible()
    before = page.url
    payload = json.dumps({"value": 321.0, "ts": "2026-01-15T00:00:00Z"}).encode()
    sender = Publisher(Broker.of(Settings(), broker), client_id="browser-test")
    sender.run([Envelope(0.0, "plant/load", payload)], stop=Event())
    page.wait_for_selector("#chart[data-heard='1']")
    page.locator("#chart-twin summary").click()
    expect(page.locator("#chart-twin tr", has_text="321")).to_have_count(1)
    assert page.url == before


def test_portuguese_on_a_phone_in_the_dark(visit: Visit) -> None:
    """A Brazilian phone: texts, numbers and dark colours fit, and no page scrolls sideways."""
    phone = {"locale": "pt-BR", "viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}
    for path in ("/", SERIES):
        page = visit(path, **phone)
        assert page.evaluate("document.documentElement.lang") == "pt-BR"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 23, 28)"


def test_my_time_is_the_browsers(visit: Visit) -> None:
    """A reader in Tokyo who asks for their own time gets it, on the first visit too."""
    page = visit(SERIES + "&zone=browser", timezone_id="Asia/Tokyo")
    page.wait_for_selector("#chart[data-zone='Asia/Tokyo']")
