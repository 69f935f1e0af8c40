"""``/upload/store``: what was shown is written after a confirmation; its progress and its entry."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from horizonte.store import browse
from horizonte.web import forms, pages, people, storing
from horizonte.web.forms import Form
from horizonte.web.storing import Job
from horizonte.web.upload_page import address, named, registered

SHOWN = 50


def _confirm(request: Request, form: Form) -> Response:
    """Begin to write what the reader has seen: the mark in the form is that of the rows shown."""
    upload, who = named(request, form), people.actor(request)
    if who is None or not who.may("write"):
        raise HTTPException(403)
    with upload.lock:
        told = upload.told()
        if told is None or told.get("mark") != form.get("mark") or not told["parts"]:
            return forms.done(address("/upload/read", upload))
        if not upload.busy():
            known = registered(request, told).value or {}
            if storing.conflicts(told, known):
                return forms.done(address("/upload/read", upload))
            names = [one["unique_id"] for one in told["series"] if one["rows"]]
            job = Job(told["parts"], storing.declaration(told, known), names)
            storing.begin(job, upload, request.app.state.service, who.key)
    return forms.done(address("/upload/store", upload))


confirm = forms.posted(_confirm)


def show(request: Request) -> Response:
    """Answer with the progress, then with the entry in the ledger."""
    upload = named(request, request.query_params)
    page = pages.page(request)
    job, told = upload.job, upload.told()
    if job is None or told is None:
        return forms.done(address("/upload/read", upload))
    entries = pages.part(lambda: request.app.state.database.read(browse.batches, job.batches))
    given = {"upload": upload, "job": job, "told": told, "entries": entries}
    return pages.html(page, "upload_stored.html.j2", **given, refused=job.refused[:SHOWN])


def state(request: Request) -> Response:
    """Answer with how far the writing is, for the script of the page."""
    job = named(request, request.query_params).job
    return JSONResponse(_state(job))


def _state(job: Job | None) -> dict[str, Any]:
    if job is None:
        return {"running": False, "done": 0, "of": 0}
    return {"running": job.running, "done": job.sent, "of": job.parts}
