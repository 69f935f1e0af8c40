"""``GET /reports`` and below: what was monitored and trained, by date, and each page in a sandbox."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from horizonte.errors import NotFound
from horizonte.monitor import looks
from horizonte.monitor.looks import Look
from horizonte.store import verdicts
from horizonte.web import pages
from horizonte.web.language import Texts
from horizonte.web.reports import HERE, PREFIX, Entry, is_name

BARE = "bare"  # in the address: the page itself instead of the frame around it
INDEX = "monitoring/index.html"  # of all dates, which /reports is
MOST, LOOKS = 100, 400  # trainings and looks that are shown
ORDER = ("index", "inputs", "targets", "residuals", "quality", "drift_inputs", "drift_residuals")
# A page of its own, without an origin: its scripts run and reach nothing of ours or of anybody's.
POLICY = (
    "sandbox allow-scripts allow-top-navigation-by-user-activation; default-src 'none'; "
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HEADERS = {"content-security-policy": POLICY, "cross-origin-opener-policy": "unsafe-none"}
# Storage is refused to a page without an origin, and Evidently's do not expect that.
_SHIM = (
    b"<script>for (const n of ['localStorage', 'sessionStorage']) { const m = new Map();"
    b" Object.defineProperty(window, n, {value: {getItem: (k) => m.get(k) ?? null,"
    b" setItem: (k, v) => m.set(k, String(v)), removeItem: (k) => m.delete(k)}}); }</script>"
)
_LINK = re.compile(rb'<a href="(?=[A-Za-z0-9._/-]+\.html")')


class Said(NamedTuple):
    """What a look came to, in the reader's language."""

    verdict: int
    version: str
    as_of: datetime
    sentence: str


class Group(NamedTuple):
    """What was written together: a look or a training, when, what it came to, its pages by file."""

    name: str
    at: datetime | None
    said: Said | None
    pages: Mapping[str, str]

    @property
    def look(self) -> Look:
        """Return the look that a monitoring is."""
        return _look(self.name)


def show(request: Request) -> Response:
    """Answer with every look and training, the newest first; what cannot be had is named."""
    page, state = pages.page(request), request.app.state
    told = pages.part(lambda: state.database.read(_said, page.t))
    since = first(told.value or {})
    away = pages.part(
        lambda: [
            *state.reports.away("monitoring/", since=since),
            *state.reports.away("training/"),
        ]
    )
    here = state.reports.here("monitoring/", since=since) + state.reports.here("training/")
    entries = [*(away.value or ()), *here]
    return pages.html(
        page,
        "reports.html.j2",
        missing=[part.missing for part in (told, away) if part.missing],
        monitorings=monitorings(entries, told.value or {})[:LOOKS],
        trainings=groups(entries, "training")[:MOST],
        here=HERE,
    )


def one(request: Request) -> Response:
    """Answer with one page in its frame or, asked for bare, the page itself, which reaches nothing."""
    name, reports = request.path_params["name"], request.app.state.reports
    if name == INDEX:
        return RedirectResponse("/reports")
    if not is_name(name):
        raise HTTPException(404)
    if BARE not in request.query_params:
        return _frame(request, name)
    try:
        body = framed(reports.read(name))
    except NotFound:
        raise HTTPException(404) from None
    return Response(body, media_type="text/html; charset=utf-8", headers=HEADERS)


def _frame(request: Request, name: str) -> Response:
    page, state = pages.page(request), request.app.state
    kind, group = _place(name)
    away = pages.part(lambda: state.reports.away(f"{kind}/{group}"))
    entries = [*(away.value or ()), *state.reports.here(f"{kind}/{group}")]
    known = any(entry.name == name for entry in entries)
    if not known and not away.missing:
        raise HTTPException(404)
    told = pages.part(lambda: state.database.read(_said, page.t)).value or {}
    beside = [one for one in groups(entries, kind) if one.name == group]
    return pages.html(
        page,
        "report.html.j2",
        200 if known else 503,
        name=name,
        missing=None if known else away.missing,
        kind=kind,
        group=group,
        said=told.get(group) if kind == "monitoring" else None,
        look=_look(group),
        beside=beside[0].pages if beside else {},
        here_group=HERE,
        bare=f"/reports/{name}?{BARE}=1",
    )


def framed(content: bytes) -> bytes:
    """Return a page as it is shown in a frame: links to its neighbours open in the whole window."""
    start = content.find(b"<head>") + len(b"<head>")
    if start < len(b"<head>"):
        start = 0
    linked = _LINK.sub(b'<a target="_top" href="', content[start:])
    return content[:start] + _SHIM + linked


def groups(entries: Iterable[Entry], kind: str) -> list[Group]:
    """Return the pages of ``kind`` by look or training, the newest first."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        own, group = _place(entry.name)
        if own == kind:
            found.setdefault(group, []).append(entry)
    made = [_group(name, own) for name, own in found.items()]
    return sorted(made, key=lambda one: (one.at is not None, one.at), reverse=True)


def first(told: Mapping[str, Said]) -> str:
    """Return the date before which no look is among the LOOKS that are shown; none is known: all are."""
    return min(_look(name).date for name in told) if len(told) >= LOOKS else ""


def monitorings(entries: Iterable[Entry], told: Mapping[str, Said]) -> list[Group]:
    """Return every look, the newest first, with what ``told`` has of it by the name of its folder.

    A date whose looks are listed is none itself, unless a verdict has its pages there.
    """
    known = {one.name: one for one in groups(entries, "monitoring")}
    index = "monitoring/{}/index.html"
    for name in told:
        known.setdefault(name, Group(name, None, None, {"index": index.format(name)}))
    listed = {one.look.date for one in known.values() if one.look.number}
    rows = [
        one._replace(said=told.get(name))
        for name, one in known.items()
        if one.look.number or name in told or name not in listed
    ]
    return sorted(rows, key=lambda one: one.look, reverse=True)


def _look(group: str) -> Look:
    date, _, number = group.partition("/")
    return Look(date, int(number or 0))


def _place(name: str) -> tuple[str, str]:
    """Return the kind of a page, and the look, training or gate that it is of."""
    kind, *rest = name.removesuffix(".html").split("/")
    return kind, "/".join(rest[:-1]) if kind == "monitoring" else rest[0]


def _group(name: str, entries: Iterable[Entry]) -> Group:
    own = list(entries)
    by = {one.name.rpartition("/")[2].removesuffix(".html"): one.name for one in own}
    order = sorted(by, key=lambda file: (ORDER.index(file) if file in ORDER else len(ORDER), file))
    return Group(name, max(one.at for one in own), None, {file: by[file] for file in order})


def _said(conn: Any, t: Texts) -> dict[str, Said]:
    """Return what each look that has pages came to, by the name of its folder."""
    return {
        look.folder: Said(
            one.id,
            one.model_version,
            one.as_of,
            t.sentence({"sentence_en": one.sentence_en, "sentence_pt": one.sentence_pt}),
        )
        for one in verdicts.paged(conn, LOOKS)
        if is_name(one.page.removeprefix(PREFIX)) and (look := looks.of(one.page))
    }
