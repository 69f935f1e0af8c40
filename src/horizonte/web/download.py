"""``GET /series/download``: a series as CSV in the reader's dialect, or as a workbook of true dates."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from babel import numbers
from openpyxl import Workbook
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from horizonte.contracts import QUANTILE_COLUMNS
from horizonte.store import charted
from horizonte.store.browse import Row
from horizonte.store.charted import Stretch
from horizonte.store.connection import Connection
from horizonte.web import pages, series, window
from horizonte.web.pages import Page

VALUES = ("y", "raw", "quality", "mean", *QUANTILE_COLUMNS)
MOST_ROWS = 200_000  # of a workbook: spreadsheets become slow well before their own limit
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def show(request: Request) -> Response:
    """Answer with the window asked for: readings as they came and clean, and the newest forecasts."""
    page = pages.page(request)
    name, kind = series.named(request.query_params), request.query_params.get("format", "csv")
    if kind not in ("csv", "xlsx"):
        raise HTTPException(404)
    database = request.app.state.database
    known = database.read(series.facts, name, page.now)
    shown = window.window(request.query_params, known.extent)
    at = Stretch(name, shown.start, shown.end)
    zone = ZoneInfo(page.shown.zone_of(known.row["zone"]))
    headers = {"content-disposition": _named(name, kind)}
    if kind == "csv":
        lines = _csv(page, zone, at, request)
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)
    return Response(database.read(_xlsx, page, zone, at), media_type=XLSX, headers=headers)


def header(page: Page, zone: ZoneInfo) -> list[str]:
    """Return the names of the columns; the first two are the instant in ``zone`` and in UTC."""
    local = page.t("download.local", zone=zone.key)
    return [local, page.t("download.utc"), *(page.t(f"download.{name}") for name in VALUES)]


def _csv(page: Page, zone: ZoneInfo, at: Stretch, request: Request) -> Iterator[str]:
    """Yield the file: a byte order mark for Excel, and the marks that its reader's Excel expects."""
    decimal = numbers.get_decimal_symbol(page.shown.locale)
    mark = ";" if decimal == "," else ","
    yield "\ufeff" + mark.join(header(page, zone)) + "\r\n"
    with request.app.state.database.connection() as conn:
        for row in charted.download(conn, at):
            local = f"{row['ds'].astimezone(zone):%Y-%m-%d %H:%M:%S}"
            cells = [local, f"{row['ds'].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"]
            cells += [_text(row[name], decimal) for name in VALUES]
            yield mark.join(cells) + "\r\n"


def _text(value: object, decimal: str) -> str:
    if isinstance(value, float):
        return repr(value).replace(".", decimal)
    return "" if value is None else str(value)


def _xlsx(conn: Connection, page: Page, zone: ZoneInfo, at: Stretch) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet(page.t("download.sheet"))
    sheet.append(header(page, zone))
    for number, row in enumerate(charted.download(conn, at)):
        if number == MOST_ROWS:
            raise HTTPException(413)
        sheet.append(_cells(row, zone))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _cells(row: Row, zone: ZoneInfo) -> list[Any]:
    instants: list[datetime] = [row["ds"].astimezone(z).replace(tzinfo=None) for z in (zone, UTC)]
    return [*instants, *(row[name] for name in VALUES)]


def _named(name: str, kind: str) -> str:
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)[:100]
    return f"attachment; filename=\"{plain}.{kind}\"; filename*=UTF-8''{quote(name[:100], safe='')}.{kind}"
