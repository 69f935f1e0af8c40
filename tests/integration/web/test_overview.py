"""The overview as a browser gets it, compared with what the database holds."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pandas as pd
import pytest
from tests.integration.web.conftest import END, facts, follow, hours, say, serve_model

from horizonte.contracts import SCORE
from horizonte.store import evaluations
from horizonte.store.connection import Connection

HOSTILE = "<script>alert(1)</script>"
Get = Callable[..., str]


@pytest.fixture(autouse=True, scope="module")
def filled(database_url: str) -> None:
    """Three targets: one with everything, one silent and degraded, one with a hostile name."""
    from horizonte.store.connection import connect

    with connect(database_url) as conn:
        _fill(conn)


def _fill(conn: Connection) -> None:
    from horizonte.store import ledger, observations, series

    names = ["plant/load", "plant/silent", HOSTILE]
    series.register(conn, facts(*names, zone="America/Sao_Paulo"))
    batch = ledger.open_batch(conn, source="plant", kind="request", name="test", sha256=None)
    late = END - pd.Timedelta(hours=30)
    for rows in (hours("plant/load", 14), hours("plant/silent", 3, end=late), hours(HOSTILE, 2)):
        observations.append(conn, rows, batch=batch)
    ledger.close_batch(conn, batch, ledger.Counts())
    follow(conn)
    serve_model(conn)
    last = END - pd.Timedelta(hours=1)
    say(conn, "plant/load", last, 24)
    say(conn, "plant/silent", last, 24, degraded={"plant/silent": "no recent readings"})
    for model, mase in (("ensemble", 0.6), ("seasonal_naive", 0.8)):
        _score(conn, model, mase)


def _score(conn: Connection, model: str, mase: float) -> None:
    facts = dict.fromkeys(SCORE.columns, 0.5) | {"mase": mase, "coverage_80": 0.83, "rows": 100}
    frame = pd.DataFrame([facts | {"model": model, "unique_id": "plant/load", "bucket": "all"}])
    start = END - pd.Timedelta(days=7)
    evaluations.add(conn, frame, model_version="m" * 64, starts_at=start, ends_at=END)


def row(text: str, name: str) -> str:
    """The line of a target, without tags."""
    found = re.search(
        rf"<tr[^>]*>\s*<th scope=\"row\"><a[^>]*>{re.escape(name)}<.*?</tr>", text, re.S
    )
    assert found, text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0]))


def test_a_target_shows_its_reading_skill_and_coverage(page: Get) -> None:
    """Last reading 123 MW, a quarter of the naive's error saved, 83 % of actuals inside the band."""
    text = row(page("/"), "plant/load")
    assert "123 MW" in text
    assert "25 %" in text
    assert "83 %" in text
    assert " ok " in text


def test_silence_and_degradation_are_visible(page: Get) -> None:
    """A target whose readings stopped a day ago says since when, in its own zone, and why it is degraded."""
    text = row(page("/"), "plant/silent")
    assert "no reading since 1/13/26, 2:00" in text
    assert "degraded: no recent readings" in text


def test_hostile_names_are_text(page: Get) -> None:
    """A series called <script> is shown as that text, in links and cells, and runs nowhere."""
    text = page("/")
    assert HOSTILE not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_filters_and_search_are_in_the_address(page: Get) -> None:
    """Each narrows the list, and an address can be kept."""
    assert "plant/load" not in page("/?show=degraded")
    assert "plant/silent" in page("/?show=degraded")
    assert "plant/silent" not in page("/?q=LOAD")
    assert "No target fits" in page("/?q=nothing")


def test_portuguese_by_browser_and_by_address(page: Get, web: httpx.Client) -> None:
    """The browser's language is taken, the address outranks it, and a cookie keeps what was chosen."""
    assert 'lang="pt-BR"' in page("/", **{"accept-language": "pt-PT,pt;q=0.9,en;q=0.8"})
    answer = web.get("/?lang=pt-BR")
    assert "Visão geral" in answer.text
    assert "sem leitura desde 13/01/2026 14:00 -03" in answer.text
    assert answer.cookies["lang"] == "pt-BR"
    assert "Visão geral" in page("/", cookie="lang=pt-BR")


def test_the_zone_is_switched_and_named(page: Get) -> None:
    """The same instant in the series' zone, in UTC and in the browser's."""
    assert "1/13/26, 5:00\u202fPM UTC" in page("/?zone=utc")
    browser = {"cookie": "browser_zone=Asia/Tokyo"}
    assert "1/14/26, 2:00\u202fAM JST" in page("/?zone=browser", **browser)


def test_nothing_foreign_may_be_loaded(web: httpx.Client) -> None:
    """Pages carry a policy that allows our own files alone, and name no other site."""
    answer = web.get("/")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "unsafe" not in answer.headers["content-security-policy"]
    links = re.findall(r"(?:src|href)=\"([^\"]+)\"", answer.text)
    assert links
    assert not [link for link in links if not link.startswith(("/", "#"))]


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
        {"origin": "https://evil.example"},
    ],
)
def test_other_sites_are_refused(web: httpx.Client, headers: dict[str, str]) -> None:
    """Requests of other sites, and under other names, get no page."""
    assert web.get("/", headers=headers).status_code == 403


def test_a_link_from_elsewhere_opens(web: httpx.Client) -> None:
    """Following a link to the overview from another site is allowed."""
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert web.get("/", headers=headers).status_code == 200
