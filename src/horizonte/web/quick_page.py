"""``/upload/quick``: a forecast of the file alone, by ``horizonte quick`` in a child with limits."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from horizonte.web import forms, pages
from horizonte.web.child import CLI, Busy, Children, Failed, Limits
from horizonte.web.forms import Form
from horizonte.web.upload_page import address, named, reading
from horizonte.web.uploads import Upload

FORECASTING = Limits(wall=300, cpu=500, memory=6 << 30)
BUDGET_SECONDS = 60
LONGEST = 2_000  # steps
HINTS = ("format", "layout", "timestamp", "id", "value", "times", "zone", "day_first", "decimal",
         "thousands", "encoding", "delimiter", "sheet", "header_row", "freq")  # fmt: skip
FILES = {
    "report": ("report.html", "text/html; charset=utf-8"),
    "workbook": (
        "forecast.xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
}
# The report is a document of its own: it may carry its styles and images, and run or load nothing.
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'self'"
)


@dataclass
class Quick:
    """One forecast in the making; ``failed`` is a key below ``quick.failed``, ``why`` its words."""

    horizon: int
    running: bool = True
    failed: str | None = None
    why: str = ""


def _begin(request: Request, form: Form) -> Response:
    """Begin a forecast of the file as it was read; nothing of it is stored."""
    upload = named(request, form)
    told = reading(request, upload)
    if told is None or "mark" not in told or not told["rows"]:
        return forms.done(address("/upload/read", upload))
    with upload.lock:
        if not upload.busy():
            upload.quick = Quick(_horizon(form.get("horizon", "")))
            work = (upload, words(upload, told), request.app.state.forecasters)
            threading.Thread(target=_run, args=work, daemon=True).start()
    return forms.done(address("/upload/quick", upload))


begin = forms.posted(_begin)


def show(request: Request) -> Response:
    """Answer with the forecast, or with its progress."""
    upload = named(request, request.query_params)
    if upload.quick is None:
        return forms.done(address("/upload/read", upload))
    page = pages.page(request)
    return pages.html(page, "upload_quick.html.j2", upload=upload, quick=upload.quick)


def state(request: Request) -> Response:
    """Answer with whether the forecast is being made, for the script of the page."""
    quick = named(request, request.query_params).quick
    return JSONResponse({"running": quick is not None and quick.running})


def file(request: Request) -> Response:
    """Answer with the report, sandboxed, or with a file to keep."""
    upload, kind = named(request, request.query_params), request.query_params.get("kind", "")
    name, media = FILES.get(kind, ("", ""))
    path = upload.folder / (name or "none")
    if upload.quick is None or upload.quick.running or not path.is_file():
        raise HTTPException(404)
    kept = "keep" in request.query_params or kind == "workbook"
    shown = {"content-security-policy": REPORT_POLICY} if kind == "report" else {}
    return FileResponse(path, media_type=media, filename=name if kept else None, headers=shown)


def words(upload: Upload, told: dict[str, Any]) -> list[str]:
    """Return the words of ``horizonte quick`` for the file as it was read."""
    settings, keys = told["settings"], {one["key"] for one in told["series"]}
    said = {name: settings[name] for name in HINTS if settings[name] is not None}
    if settings["layout"] == "wide":
        said = {k: v for k, v in said.items() if k not in ("id", "value")}
        rest = [c["name"] for c in told["columns"] if c["name"] not in keys]
        said["ignore"] = [name for name in rest if name not in settings["timestamp"]]
    pairs = [f"{name}={json.dumps(value)}" for name, value in said.items()]
    sets = [word for pair in pairs for word in ("--set", pair)]
    assert upload.quick is not None
    given = ["--horizon", str(upload.quick.horizon), "--budget-seconds", str(BUDGET_SECONDS)]
    out = ["--out", FILES["workbook"][0], "--html", FILES["report"][0]]
    return ["quick", *given, *out, *sets, "--", f"in/{upload.name}"]


def _run(upload: Upload, given: list[str], children: Children) -> None:
    quick = upload.quick
    try:
        children.run(CLI, given, folder=upload.folder, limits=FORECASTING)
    except Busy:
        quick.failed = "busy"
    except Failed as why:
        quick.failed, quick.why = ("much" if why.killed else "refused"), why.why
    finally:
        quick.running = False


def _horizon(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 24
    return min(max(number, 1), LONGEST)
