"""``/login`` and ``/logout``: an API key exchanged for a session, and its end."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from horizonte.web import forms, guard, pages, people
from horizonte.web.forms import Form
from horizonte.web.service import UNAUTHENTICATED, Refused

LONGEST_KEY = 200


def show(request: Request) -> Response:
    """Answer with the form; where the service asks for no keys, say that there is nothing to do."""
    return _page(request, request.query_params.get("next", "/"))


def _enter(request: Request, form: Form) -> Response:
    """Open a session for a key that the service knows, and lead to where the reader came from."""
    key, state = form.get("key", "").strip(), request.app.state
    if not (key.isascii() and key.isprintable() and 0 < len(key) <= LONGEST_KEY):
        return _page(request, form.get("next", "/"), wrong=True)
    try:
        told = state.service.ask("GET", "/keys/current", key=key)
    except Refused as why:
        if why.status != UNAUTHENTICATED:
            raise
        return _page(request, form.get("next", "/"), wrong=True)
    facts = {"key_id": told["id"], "note": told["note"], "scopes": told["scopes"]}
    state.sessions.end(request.cookies.get(people.COOKIE))
    token = state.sessions.open(key, state.now(), **facts)
    answer = forms.done(forms.inside(form.get("next", "/")))
    answer.set_cookie(people.COOKIE, token, secure=True, httponly=True, samesite="strict")
    return answer


def _leave(request: Request, _: Form) -> Response:
    """End the session."""
    request.app.state.sessions.end(request.cookies.get(people.COOKIE))
    return _forgotten(forms.done("/"))


def ended(request: Request) -> Response:
    """Lead to the login; the session of a key that the service knows no longer is over."""
    told = {"ended": 1} if people.session(request) else {}
    request.app.state.sessions.end(request.cookies.get(people.COOKIE))
    return _forgotten(forms.done("/login?" + urlencode({"next": request.url.path, **told})))


enter, leave = forms.posted(_enter), forms.posted(_leave)


def _page(request: Request, back: str, *, wrong: bool = False) -> Response:
    page = pages.page(request)
    return pages.html(
        page,
        "login.html.j2",
        403 if wrong else 200,
        back=forms.inside(back),
        wrong=wrong,
        ended="ended" in request.query_params,
        kept=_kept(request),
        open_=pages.part(lambda: people.at_this_machine(request) and people.keyless(request)),
    )


def _kept(request: Request) -> bool:
    """Say whether the browser will keep the cookie: over TLS, or from loopback."""
    origin = request.app.state.setting.web_origin or ""
    return origin.startswith("https://") or urlsplit(str(request.url)).hostname in guard.LOOPBACK


def _forgotten(answer: Response) -> Response:
    answer.delete_cookie(people.COOKIE, secure=True, httponly=True, samesite="strict")
    return answer
