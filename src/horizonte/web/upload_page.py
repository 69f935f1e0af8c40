"""``/upload``: a file is dropped, read as it stands, and shown; nothing is written."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode
from zoneinfo import available_timezones

from babel import numbers
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive

from horizonte.store import series as series_store
from horizonte.web import forms, mapping, pages, people, storing
from horizonte.web.child import READ, Busy, Failed, Limits
from horizonte.web.forms import Form
from horizonte.web.uploads import ENDINGS, MOST_BYTES, Unfit, Upload

logger = logging.getLogger(__name__)
READING = Limits(wall=90, cpu=80, memory=4 << 30)
AROUND = 64 << 10  # bytes of a form around its file
SHOWN = 50  # refused rows
FORMULA = ("=", "+", "-", "@", "\t", "\r")
OPTIONS = frozenset({"zone", "day_first", "decimal", "freq", "delimiter", "header_row", "timestamp",
                     "id", "value", "sheet", "encoding"})  # fmt: skip


def show(request: Request) -> Response:
    """Answer with the form that takes a file."""
    page = pages.page(request)
    unfit = request.query_params.get("unfit")
    known = unfit if unfit in page.t.under("upload.unfit") else None
    most = MOST_BYTES >> 20
    ends = ",".join(ENDINGS)
    return pages.html(
        page, "upload.html.j2", unfit=known, most=most, most_bytes=MOST_BYTES, ends=ends
    )


async def take(request: Request) -> Response:
    """Keep the file that a form brings, and lead to what it says."""
    bounded = Request(request.scope, _bounded(request.receive, MOST_BYTES + AROUND))
    async with bounded.form(max_files=1, max_fields=5) as form:
        forms.check(request, str(form.get(forms.TOKEN, "")))
        given = form.get("file")
        if not isinstance(given, UploadFile) or not given.filename:
            return forms.done("/upload?unfit=empty")
        try:
            kept = await run_in_threadpool(_keep, request, given)
        except Unfit as why:
            return forms.done(f"/upload?unfit={why.why}")
    return forms.done(address("/upload/read", kept))


def read(request: Request) -> Response:
    """Answer with what the file says: columns, settings, rows as read, refused rows."""
    upload = named(request, request.query_params)
    page = pages.page(request)
    told = reading(request, upload)
    if told is None or "failed" in told:
        failed = (told or {}).get("failed", "busy")
        return pages.html(page, "upload_failed.html.j2", 503, upload=upload, failed=failed)
    known = registered(request, told)
    return pages.html(
        page,
        "upload_read.html.j2",
        upload=upload,
        told=told,
        asked=upload.asked(),
        option=_option(told),
        known=known,
        conflicts=storing.conflicts(told, known.value or {}) if "mark" in told else [],
        refused=upload.refused()[:SHOWN] if "mark" in told else [],
        roles=mapping.ROLES,
        choices=mapping.CHOICES,
        iana=sorted(z for z in available_timezones() if "/" in z or z == "UTC"),
        most={"columns": mapping.MOST_COLUMNS, "series": mapping.MOST_SERIES},
        who=pages.part(lambda: people.actor(request)),
        way=address("/upload/read", upload),
    )


def _reread(request: Request, form: Form) -> Response:
    """Keep what the form says of the file, and lead to what it says then."""
    upload = named(request, form)
    told = upload.told()
    if form.get("zone_of") == "browser":
        form |= {"zone": pages.page(request).shown.browser or ""}
    if told is not None and "failed" not in told and not upload.busy():
        with upload.lock:
            upload.ask(mapping.asked(form, upload.asked(), told))
            upload.job = None
    return forms.done(address("/upload/read", upload))


reread = forms.posted(_reread)


def refused(request: Request) -> Response:
    """Answer with the refused rows as CSV, in the words and marks of the reader's language."""
    upload = named(request, request.query_params)
    page = pages.page(request)
    mark = ";" if numbers.get_decimal_symbol(page.shown.locale) == "," else ","
    file = io.StringIO()
    lines = csv.writer(file, delimiter=mark)
    lines.writerow([page.t(f"refused.{name}") for name in COLUMNS])
    for row in [*upload.refused(), *_by_service(upload)]:
        said = {
            **row,
            "reason": page.t.named("reason", row["reason"]),
            "fix": page.t.named("fix", row["fix"]),
        }
        lines.writerow([_safe(said.get(name)) for name in COLUMNS])
    headers = {"content-disposition": 'attachment; filename="refused.csv"'}
    return Response(
        "\ufeff" + file.getvalue(), media_type="text/csv; charset=utf-8", headers=headers
    )


COLUMNS = ("sheet", "row", "column", "series", "time", "value", "reason", "fix")


def named(request: Request, fields: Any) -> Upload:
    """Return the file that ``fields`` name; raise 404 for one that is not there any more."""
    found: Upload | None = request.app.state.uploads.get(
        fields.get("file"), request.app.state.now()
    )
    if found is None:
        raise HTTPException(404)
    return found


def address(path: str, upload: Upload) -> str:
    """Return the address of a page of a file."""
    return f"{path}?{urlencode({'file': upload.token})}"


def reading(request: Request, upload: Upload) -> dict[str, Any] | None:
    """Return what the file says, read in a child when nobody has; None while there is no room."""
    with upload.lock:
        if (told := upload.told()) is not None:
            return told
        try:
            request.app.state.readers.run(READ, [], folder=upload.folder, limits=READING)
        except Busy:
            return None
        except Failed as why:
            logger.warning("upload cannot be read: %s", why.why)
            return {"failed": "much" if why.killed else "broken"}
        return upload.told()


def registered(request: Request, told: dict[str, Any]) -> pages.Part:
    """Return which of the file's series are on record, or that nobody can know now."""
    names = [one["unique_id"] for one in told.get("series", ())]
    return pages.part(lambda: request.app.state.database.read(series_store.known, names))


def _keep(request: Request, given: UploadFile) -> Upload:
    chunks = iter(lambda: given.file.read(1 << 18), b"")
    state = request.app.state
    kept: Upload = state.uploads.keep(given.filename or "", chunks, state.now())
    return kept


def _bounded(receive: Receive, most: int) -> Receive:
    """Return a ``receive`` that ends with 413 once more than ``most`` bytes have come."""
    left = most

    async def next_message() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413)
        return message

    return next_message


def _option(told: dict[str, Any]) -> str | None:
    """Return the part of the form that settles the fault, or None where none does."""
    words = str(told.get("fault", {}).get("fix", "")).replace(",", " ").replace(";", " ").split()
    for before, name in pairwise(words):
        if before in ("pass", "declare", "check", "its") and name.rstrip(":") in OPTIONS:
            return name.rstrip(":")
    return None


def _by_service(upload: Upload) -> Iterator[dict[str, Any]]:
    for one in upload.job.refused if upload.job else ():
        facts = {"series": one["unique_id"], "time": one["ds"], "value": one["y"]}
        yield {**facts, "reason": one["reason"], "fix": one["fix"]}


def _safe(value: object) -> str:
    """Return a cell that no spreadsheet program runs as a formula."""
    text = "" if value is None else str(value)
    return "'" + text if text.startswith(FORMULA) else text
