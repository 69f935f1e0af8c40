"""A test API: a recording that grows with time, paged, conditional, and unreliable on request."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pandas as pd

from horizonte.errors import DataFault, Fault
from horizonte.ingest.feeds import Endpoint
from horizonte.replay import payload, schedule
from horizonte.replay.schedule import Message

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

DEFAULT_LIMIT, MAX_LIMIT = 1_000, 10_000
RETRY_SECONDS = 1
PLAIN = Endpoint(url="http://127.0.0.1/readings", readings="readings", id="id")


@dataclass(frozen=True)
class Trouble:
    """One of every ``unavailable_every`` answers is 503 (0: none); all are ``slow_seconds`` late."""

    unavailable_every: int = 0
    slow_seconds: float = 0.0


NONE = Trouble()


@dataclass(frozen=True)
class Served:
    """A plan (``schedule.plan``) as an API: what is due after ``elapsed()`` seconds is there.

    ``keys`` gives each unique_id's key; ``began`` is the wall clock at ``elapsed() == 0``.
    """

    planned: pd.DataFrame
    keys: dict[str, str]
    elapsed: Callable[[], float]
    began: datetime
    fields: Endpoint = PLAIN
    trouble: Trouble = NONE

    def page(self, query: Query) -> tuple[list[Message], bool, float]:
        """Return the page's messages, whether more follow, and when the newest one came."""
        due = self.planned[self.planned["at_seconds"] <= self.elapsed()]
        if query.after is not None:
            due = due[due["ds"] > query.after]
        first = (query.page - 1) * query.limit
        part = due.iloc[first : first + query.limit]
        newest = float(part["at_seconds"].max()) if len(part) else 0.0
        return list(schedule.messages(part)), len(due) > first + query.limit, newest


@dataclass(frozen=True)
class Query:
    """The readings that are asked for: those whose ds is after ``after``, page by page."""

    after: pd.Timestamp | None = None
    limit: int = DEFAULT_LIMIT
    page: int = 1
    format: str = "json"

    @classmethod
    def of(cls, asked: dict[str, str]) -> Query:
        """Return the query; raise DataFault naming the parameter that is wrong."""
        if unknown := set(asked) - {"after", "limit", "page", "format"}:
            raise DataFault(sorted(unknown)[0], "", "a parameter of /readings", "remove it")
        limit, page = _count(asked, "limit", DEFAULT_LIMIT), _count(asked, "page", 1)
        form = asked.get("format", "json")
        if form not in ("json", "csv"):
            raise DataFault("format", form, "json or csv", "choose one")
        return cls(_instant(asked.get("after")), min(limit, MAX_LIMIT), page, form)

    def next(self) -> str:
        """Return the address of the page after this one."""
        after = {} if self.after is None else {"after": payload.stamp(self.after, None)}
        rest = {"limit": self.limit, "format": self.format, "page": self.page + 1}
        return f"/readings?{urlencode(after | rest)}"


def app(served: Served) -> Starlette:
    """Return the API: ``GET /readings?after=&limit=&page=&format=json|csv``.

    Answers carry ETag, Last-Modified and, while more is there, ``Link: <…>; rel="next"``; an
    equal ETag in If-None-Match is answered by 304. A wrong parameter is 400 with its reason.
    """
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    answered = 0

    async def readings(request: Request) -> Response:
        nonlocal answered
        answered += 1
        await asyncio.sleep(served.trouble.slow_seconds)
        if (every := served.trouble.unavailable_every) and answered % every == 0:
            return Response("busy", 503, {"Retry-After": str(RETRY_SECONDS)})
        try:
            query = Query.of(dict(request.query_params))
        except Fault as fault:
            return JSONResponse({"error": str(fault)}, 400)
        body, kind, headers = answer(served, query)
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(body, 200, headers, kind)

    return Starlette(routes=[Route("/readings", readings)])


def answer(served: Served, query: Query) -> tuple[bytes, str, dict[str, str]]:
    """Return body, media type and headers of one page."""
    messages, more, newest = served.page(query)
    if query.format == "csv":
        body, kind = _csv(served, messages), "text/csv"
    else:
        body, kind = _json(served, messages), "application/json"
    headers = {
        "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        "Last-Modified": format_datetime(served.began + timedelta(seconds=newest), usegmt=True),
    }
    if more:
        headers["Link"] = f'<{query.next()}>; rel="next"'
    return body, kind, headers


def _json(served: Served, messages: list[Message]) -> bytes:
    fields = served.fields
    rows = [payload.reading(fields, served.keys[m.unique_id], m) for m in messages]
    return json.dumps(payload.nested(fields.readings, rows) if fields.readings else rows).encode()


def _csv(served: Served, messages: list[Message]) -> bytes:
    fields, text = served.fields, io.StringIO()
    writer = csv.writer(text)
    writer.writerow([fields.id or "id", fields.timestamp or "ts", fields.value])
    for m in messages:
        stamp = payload.stamp(m.ds, fields.timestamp_unit)
        writer.writerow([served.keys[m.unique_id], stamp, repr(m.y)])
    return text.getvalue().encode()


def _count(asked: dict[str, str], name: str, default: int) -> int:
    text = asked.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
        raise DataFault(name, text, "a whole number from 1", "correct it")
    return int(text)


def _instant(text: str | None) -> pd.Timestamp | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise DataFault("after", text, "an ISO 8601 instant with an offset", "end it in Z")
    return pd.Timestamp(found.astimezone(UTC))
