"""``/notes?id=``: what people know of a stretch of a series: listed, added, taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from horizonte.ingest.notes import KINDS, LONGEST_NOTE, OPEN
from horizonte.prepare.convert import CONVERTED
from horizonte.store import annotations as store
from horizonte.store import series as series_store
from horizonte.store.connection import Connection
from horizonte.web import forms, pages, people, series
from horizonte.web.forms import Form
from horizonte.web.shown import iso

FIELDS = ("kind", "starts_at", "ends_at", "factor", "offset", "note")
OUTCOMES = ("added", "withdrawn", "unchanged")


def show(request: Request) -> Response:
    """Answer with the notes in force and the form of a new one, filled as the address says."""
    name = series.named(request.query_params)
    done = request.query_params.get("done")
    given = {field: request.query_params.get(field, "") for field in FIELDS}
    filled = {field: text for field, text in given.items() if text}
    done = done if done in OUTCOMES else None
    return _page(request, name, given=given, done=done, way=_way(name, **filled))


def _act(request: Request, form: Form) -> Response:
    """Show what would be kept; keep it when the reader has seen that, and lead to the list."""
    name, who = series.named(form), people.actor(request)
    if who is None or not who.may("write"):
        raise HTTPException(403)
    given = {field: form.get(field, "").strip() for field in FIELDS}
    taken_back = form.get("withdrawn") == "1"
    if form.get("sure") != "1":
        return _page(request, name, given=given, asked=True, taken_back=taken_back)
    row = {"unique_id": name, **given, "withdrawn": taken_back, "ends_at": given["ends_at"] or None}
    told = request.app.state.service.ask(
        "POST", "/annotations", key=who.key, json={"annotations": [row]}
    )
    fate = told["rows"][0]
    if fate["outcome"] == "refused":
        return _page(request, name, given=given, refused=fate)
    return forms.done("/notes?" + urlencode({"id": name, "done": fate["outcome"]}))


act = forms.posted(_act)


def in_force(conn: Connection, name: str) -> list[dict[str, Any]]:
    """Return the notes of a series that are in force, the latest stretch first.

    ``open`` are those that hold until further notice, ``converts`` those with factor and offset.
    """
    found = store.read(conn, store.EVER, [name])
    return [
        {str(k): v for k, v in row.items()}
        | {"from": iso(row["starts_at"]), "to": iso(row["ends_at"])}
        | {"open": row["ends_at"] >= OPEN, "converts": row["kind"] in CONVERTED}
        for row in reversed(found.to_dict("records"))
    ]


def _way(name: str, **given: str) -> str:
    return "/notes?" + urlencode({"id": name, **given})


def _facts(conn: Connection, name: str) -> dict[str, Any]:
    known = series_store.known(conn, [name])
    if name not in known:
        raise HTTPException(404)
    return {"row": known[name], "notes": in_force(conn, name)}


def _page(
    request: Request, name: str, *, given: Mapping[str, str], refused: Any = None, **more: Any
) -> Response:
    page = pages.page(request)
    found = pages.part(lambda: request.app.state.database.read(_facts, name))
    status = 503 if found.missing else 422 if refused else 200
    values = {"done": None, "asked": False, "taken_back": False, "way": _way(name), **more}
    return pages.html(
        page,
        "notes.html.j2",
        status,
        name=name,
        found=found,
        given=given,
        refused=refused,
        kinds=tuple(KINDS),
        converting=CONVERTED,
        longest=LONGEST_NOTE,
        who=pages.part(lambda: people.actor(request)),
        **values,
    )
