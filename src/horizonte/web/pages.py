"""How a page is made: language and zone of the reader, the frame, and parts that may be missing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from horizonte.web import language, people, reasons, static
from horizonte.web.language import LANGUAGES, Texts
from horizonte.web.reading import Missing
from horizonte.web.shown import ZONES, Shown, iso, known

T = TypeVar("T")
YEAR = 365 * 86_400


class Part(NamedTuple):
    """One part of a page: what it shows, or why it cannot."""

    value: Any
    missing: Missing | None = None


class Page(NamedTuple):
    """One answer in the making: the request, its texts and how values are shown."""

    request: Request
    t: Texts
    shown: Shown
    now: datetime

    @property
    def zone(self) -> str:
        """Return which zone the reader chose."""
        return self.shown.zone


def page(request: Request) -> Page:
    """Return the page of ``request``: language and zone by its address, its cookies, its headers."""
    asked, kept = request.query_params, request.cookies
    tag = language.chosen(
        asked.get("lang"), kept.get("lang"), request.headers.get("accept-language", "")
    )
    zones = [z for z in (asked.get("zone"), kept.get("zone")) if z in ZONES]
    t = language.texts(tag)
    browser = known(kept.get("browser_zone"))
    return Page(
        request, t, Shown(t.locale, zones[0] if zones else "site", browser), request.app.state.now()
    )


def part(ask: Callable[[], T]) -> Part:
    """Return what ``ask`` returns, or that it is missing: one part never takes the page with it."""
    try:
        return Part(ask())
    except Missing as why:
        return Part(None, why)


def html(page: Page, template: str, status: int = 200, **values: object) -> HTMLResponse:
    """Return a page as HTML, and keep the language and zone that its address asked for."""
    given = {
        "t": page.t,
        "shown": page.shown,
        "now": page.now,
        "here": page.request.url.path,
        "languages": tuple(LANGUAGES),
        "zones": ZONES,
        "session": people.session(page.request),
        "form_token": people.form_token(page.request),
        "reasons": lambda why, **of: reasons.told(why, page.t, page.shown, **of),
        "switch": lambda **changed: switched(page.request, **changed),
    }
    answer = HTMLResponse(environment().get_template(template).render(given | values), status)
    for name, value in (("lang", page.t.tag), ("zone", page.zone)):
        if page.request.query_params.get(name) == value:
            answer.set_cookie(name, value, max_age=YEAR, httponly=True, samesite="lax")
    answer.headers["content-language"] = page.t.tag
    answer.headers["vary"] = "accept-language, cookie"
    return answer


def switched(request: Request, **changed: object) -> str:
    """Return the address of this page with parameters changed; None takes one out."""
    pairs = dict(request.query_params) | changed
    left = {name: value for name, value in pairs.items() if value is not None}
    path = "/" + request.url.path.lstrip("/")  # with two of them it would name another site
    return f"{path}?{urlencode(left)}" if left else path


def to_series(unique_id: str, **given: object) -> str:
    """Return the address of the page of a series, whatever its name holds."""
    return "/series?" + urlencode({"id": unique_id, **given})


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the templates: every value is escaped, one that is not there is an error."""
    made = Environment(
        loader=PackageLoader("horizonte.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"static": static.address, "to_series": to_series, "timedelta": timedelta}
    made.filters |= {"iso": iso, "path": quote, "at": datetime.fromisoformat}
    return made
