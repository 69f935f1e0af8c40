"""One page of an endpoint: its raw readings with their places, and where the next page is."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from horizonte.errors import DataFault
from horizonte.ingest.feeds import Endpoint
from horizonte.ingest.fetch import Page, shown
from horizonte.ingest.messages import NO_FIELD, Raw, at
from horizonte.ingest.sources import Source

MAX_READINGS = 200_000  # of one page
LONGEST_NUMBER = 400  # digits of an integer


class Read(NamedTuple):
    """What a page says: places (row of a CSV, index into JSON), readings, and the next URL."""

    places: list[int]
    raws: list[Raw]
    next: str | None


def read(page: Page, url: str, source: Source) -> Read:
    """Return what ``page`` of ``url`` says; raise DataFault when it is not what is declared."""
    endpoint = source.endpoint
    assert endpoint is not None
    if page.status != 200:  # an unchanged page may have got a next one
        return Read([], [], _next(page, None, (endpoint, url)))
    text = _text(page.body, url)
    whole = None if endpoint.format == "csv" else _json(text, url)
    found = list(_csv(text, source, url) if whole is None else _objects(whole, endpoint, url))
    if len(found) > MAX_READINGS:
        allowed = f"at most {MAX_READINGS:,} readings a page"
        raise DataFault(shown(url), f"{len(found):,} readings", allowed, "ask for smaller pages")
    places, raws = [place for place, _ in found], [raw for _, raw in found]
    return Read(places, raws, _next(page, whole, (endpoint, url)))


def _text(body: bytes, url: str) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as why:
        raise DataFault(shown(url), why.reason, "UTF-8 text", "ask its operator") from None


def _json(text: str, url: str) -> Any:
    try:
        return json.loads(text, parse_int=_whole)
    except (ValueError, RecursionError) as why:
        said = "JSON nested too deeply" if isinstance(why, RecursionError) else str(why)[:100]
        fix = "declare format: csv, or ask its operator"
        raise DataFault(shown(url), said, "JSON", fix) from None


def _whole(text: str) -> int | float:
    return int(text) if len(text) <= LONGEST_NUMBER else math.inf


def _objects(whole: Any, endpoint: Endpoint, url: str) -> Iterator[tuple[int, Raw]]:
    inside = at(whole, endpoint.readings) if endpoint.readings else whole
    if endpoint.readings and not isinstance(inside, list):
        thing = f"{shown(url)}: {endpoint.readings}"
        allowed = "an array of readings"
        raise DataFault(thing, type(inside).__name__, allowed, "correct readings in sources.yaml")
    for place, node in enumerate(inside if isinstance(inside, list) else [inside]):
        key = at(node, endpoint.id) if endpoint.id else endpoint.series
        stamp = at(node, endpoint.timestamp) if endpoint.timestamp else None
        stamp = "" if endpoint.timestamp and stamp in (None, NO_FIELD) else stamp
        yield place, Raw(key, at(node, endpoint.value), stamp)


def _csv(text: str, source: Source, url: str) -> Iterator[tuple[int, Raw]]:
    """Yield the cells that hold something: long where id or series is declared, else wide."""
    endpoint = source.endpoint
    assert endpoint is not None
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=source.delimiter)
    long = endpoint.id is not None or endpoint.series is not None
    columns = {endpoint.series or "": endpoint.value} if long else {k: k for k in source.series}
    wanted = [c for c in (endpoint.timestamp, endpoint.id, *columns.values()) if c is not None]
    try:
        absent = [name for name in wanted if name not in (table.fieldnames or ())]
        if absent and text.strip():
            allowed = f"a header with column {absent[0]!r}"
            raise DataFault(shown(url), (table.fieldnames or [])[:20], allowed, "correct endpoint")
        for row in table:
            for key, column in columns.items():
                if (value := (row[column] or "").strip()) not in source.missing:
                    name = row[endpoint.id] if endpoint.id else key
                    stamp = (row[endpoint.timestamp] or "") if endpoint.timestamp else None
                    yield table.line_num, Raw(name, value, stamp)
    except csv.Error as why:
        raise DataFault(shown(url), str(why), "CSV", "check delimiter") from None


def _next(page: Page, whole: Any, where: tuple[Endpoint, str]) -> str | None:
    """Return the URL of the next page; raise DataFault when it leads to another server."""
    endpoint, url = where
    found = at(whole, endpoint.next) if endpoint.next and whole is not None else None
    if endpoint.next is None:
        found = _linked(page.headers)
    if not isinstance(found, str) or not found:
        return None
    following, thing = _joined(url, found), f"{shown(url)}: next page"
    if following is None:
        raise DataFault(thing, "unreadable", "a URL", "ask its operator")
    if _server(following) != _server(url):
        raise DataFault(thing, shown(following), "on the same server", "declare that one's url")
    return following


def _joined(url: str, found: str) -> str | None:
    try:
        following = urljoin(url, found)
        _server(following)
    except ValueError:
        return None
    return following


def _linked(headers: Mapping[str, str]) -> str | None:
    for part in headers.get("link", "").split(","):
        target, _, facts = part.partition(";")
        if 'rel="next"' in facts or "rel=next" in facts:
            return target.strip().strip("<>")
    return None


def _server(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port
