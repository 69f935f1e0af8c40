"""Who may change which model serves: a person in a real browser before a service that asks for keys."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.integration.conftest import bucket  # noqa: F401 (a fixture)
from tests.integration.serve.conftest import loaded, trained, world  # noqa: F401 (fixtures)
from tests.integration.web.keyed import LOST, Keyed, keyed, web  # noqa: F401 (fixtures)

from horizonte.store import promotions
from horizonte.store.connection import connect

pytestmark = pytest.mark.slow
Visit = Callable[..., Page]


def log_in(page: Page, key: str) -> None:
    """Give ``key`` on the login page, wherever the link to it is."""
    page.locator("header a[href^='/login']").click()
    page.locator("input[name=key]").fill(key)
    page.locator("main form button").click()


def moved(keyed: Keyed) -> list[tuple[str, str, str, str]]:  # noqa: F811
    """Every move of the pointer on record: version, kind, why, by whom."""
    with connect(keyed.database) as conn:
        rows = promotions.promotions(conn)
    columns = ["sha256", "kind", "why", "promoted_by"]
    return [tuple(map(str, row)) for row in rows[columns].itertuples(index=False)]  # type: ignore[misc]


def test_a_wrong_key_is_told_and_a_right_one_is_kept_from_scripts(
    chromium: Browser,
    web: httpx.Client,  # noqa: F811
    keyed: Keyed,  # noqa: F811
) -> None:
    """The wrong key opens nothing; the right one leads back, as a cookie that no script can read."""
    page = chromium.new_context(base_url=str(web.base_url), locale="en-US").new_page()
    page.goto("/models")
    log_in(page, keyed.tokens["admin"][:-4] + "oops")
    expect(page.get_by_role("alert")).to_contain_text("does not know this key")
    assert not [c for c in page.context.cookies() if "horizonte" in str(c["name"])]
    page.locator("input[name=key]").fill(keyed.tokens["admin"])
    page.locator("main form button").click()
    expect(page.locator("header .login")).to_contain_text("admin of the test")
    assert page.url.endswith("/models")
    (cookie,) = [c for c in page.context.cookies() if c["name"] == "__Host-horizonte"]
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
    assert "horizonte" not in page.evaluate("document.cookie")
    assert keyed.tokens["admin"] not in page.content() + str(page.context.cookies())
    page.locator("header .login button").click()
    expect(page.locator("header a[href^='/login']")).to_have_text("Log in")
    page.context.close()


def test_a_former_champion_is_promoted_and_taken_back_in_both_languages(
    visit: Visit,
    keyed: Keyed,  # noqa: F811
) -> None:
    """From the leaderboard through what will happen to what was done; the ledger holds the words."""
    before = moved(keyed)
    page = visit("/models", locale="en-US")
    log_in(page, keyed.tokens["admin"])
    page.locator(f"a[href='/models/versions/{keyed.former}']").first.click()
    page.get_by_role("link", name="Promote", exact=True).click()
    expect(page.locator("main")).to_contain_text("The gate is not asked")
    expect(page.locator("table.board tbody tr")).to_have_count(2)
    page.get_by_label("Reason").fill("Sundays were better — “much” better & <b>sure</b>")
    page.get_by_role("button", name="Promote this version").click()
    expect(page.locator("main")).to_contain_text("“much” better & <b>sure</b>")
    by = f"key {keyed.tokens['admin'].split('_')[1]}"
    why = "Sundays were better — “much” better & <b>sure</b>"
    assert moved(keyed) == [*before, (keyed.former, "promote", why, by)]

    page = visit("/models", locale="pt-BR")
    log_in(page, keyed.tokens["admin"])
    page.get_by_role("link", name="Voltar ao anterior").click()
    expect(page.locator("main")).to_contain_text("byte por byte como era")
    page.get_by_label("Motivo").fill("não eram")
    page.get_by_role("button", name="Voltar a esta versão").click()
    expect(page.locator("main")).to_contain_text("retorno")
    assert moved(keyed)[-1] == (keyed.champion, "rollback", "não eram", by)


class _Trap(BaseHTTPRequestHandler):
    page = b""

    def do_GET(self) -> None:
        """Answer with the page of another site."""
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def other_site(page: str) -> Iterator[str]:
    """The address of another site that answers with ``page``."""
    _Trap.page = page.encode()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Trap)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_another_site_cannot_use_the_session(
    chromium: Browser,
    web: httpx.Client,  # noqa: F811
    keyed: Keyed,  # noqa: F811
) -> None:
    """A form of another site, sent by a browser that is logged in, is refused even with the right token."""
    before = moved(keyed)
    page = chromium.new_context(base_url=str(web.base_url)).new_page()
    page.goto("/models")
    log_in(page, keyed.tokens["admin"])
    page.goto("/models/rollback")
    token = page.locator("main input[name=form_token]").get_attribute("value")
    fields = {"form_token": str(token), "why": "forged", "to": keyed.former}
    inputs = "".join(f"<input name='{name}' value='{value}'>" for name, value in fields.items())
    action = f"{str(web.base_url).rstrip('/')}/models/rollback"
    form = f"<form method=post action='{action}'>{inputs}<button>go</button></form>"
    with other_site(form) as address:
        page.goto(address)
        page.locator("button").click()
        expect(page.locator("body")).to_contain_text("refused: sent by another")
    assert moved(keyed) == before
    page.context.close()


def test_every_page_fits_a_phone(visit: Visit, keyed: Keyed) -> None:  # noqa: F811
    """In Portuguese and in the dark none scrolls sideways, and each names the model in question."""
    phone = {"locale": "pt-BR", "viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}
    pages = {
        "/models": LOST[:12],
        f"/models/versions/{keyed.former}": keyed.former[:12],
        "/models/verdicts": "O modelo deve ser treinado de novo.",
        "/models/verdicts/1": "perda de desempenho: site/a",
        "/models/retrainings": "recusado",
        "/models/retrainings/1": LOST[:12],
        "/models/promotions": keyed.champion[:12],
        "/models/promotions/2": "+5,1 % (de +1,2 % a +9,0 %)",
        "/models/retrain": "Um worker fará um desafiante",
        "/login": "Chave de API",
    }
    for path, holds in pages.items():
        page = visit(path, **phone)
        expect(page.locator("main")).to_contain_text(holds)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
