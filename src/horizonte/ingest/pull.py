"""What an endpoint has that is new: asked for page by page, each page stored as one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from threading import Event
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
import pandas as pd
import psycopg

from horizonte.errors import ConfigFault, DataFault, Fault, StoreFault
from horizonte.ingest import fetch, live, pages
from horizonte.ingest.feeds import Endpoint
from horizonte.ingest.fetch import Client, Page
from horizonte.ingest.live import Accepted, Origin
from horizonte.ingest.messages import Columns
from horizonte.ingest.pages import Read
from horizonte.ingest.resolve import typed
from horizonte.ingest.sources import Source
from horizonte.params import Rules
from horizonte.store import prepared
from horizonte.store.connection import Connection
from horizonte.store.ledger import Counts

MAX_PAGES = 1000
BEGINNING = pd.Timestamp("1970-01-01", tz="UTC")
log = logging.getLogger(__name__)


class Pulled(NamedTuple):
    """What one pull brought: how many pages, what became of their readings, how many refused."""

    pages: int = 0
    counts: Counts = Counts()
    refused: int = 0

    def __str__(self) -> str:
        """Return the counts in words."""
        c = self.counts
        return (
            f"{self.pages} pages: {c.accepted} new, {c.unchanged} unchanged, "
            f"{c.corrected} corrected, {self.refused} refused"
        )


class _State(NamedTuple):
    """What is known of an endpoint: address and validators, and where a cut-off pull began."""

    url: str = ""
    etag: str | None = None
    last_modified: str | None = None
    unfinished_after: pd.Timestamp | None = None


class Stored(NamedTuple):
    """What a page held (unique_id, ds), what became of it, and when it came: to be counted."""

    rows: pd.DataFrame
    accepted: Accepted
    arrived: pd.Timestamp


def pull(
    conn: Connection,
    source: Source,
    *,
    now: datetime,
    rules: Rules,
    client: Client,
    told: Callable[[Stored | None], None] = lambda _: None,
) -> Pulled:
    """Store what the endpoint of ``source`` has, and clean what that touches.

    Each page is one transaction; killed between pages, the next pull begins where this one
    began, and what is in already changes nothing. ``told`` hears of each page: what it brought
    once that is committed, None when it brought nothing. Raises ConfigFault for a source without
    endpoint, Unreachable and DataFault for an endpoint that does not answer as declared.
    """
    endpoint = _endpoint(source)
    live.declare(conn, source)
    state = _state(conn, source)
    after = state.unfinished_after or _newest(conn, source)
    first = url = endpoint.url.replace("{after}", quote(_iso(after), safe=""))
    sent, done, seen = fetch.headers_of(endpoint.headers), Pulled(), set[str]()
    while url:
        seen.add(url)
        page = client.get(url, sent | (_conditions(state) if url == state.url else {}))
        found = _read(page, url, (source, seen))
        if page.status == 304:
            told(None)
            url = found.next or ""
            continue
        # A page vouches for itself: of several, the first may stay while the last one grows.
        validators = _validators(page) if url == first else (None, None)
        mark = (first, None, None, after) if found.next else (first, *validators, None)
        stored = _store(conn, found, (source, now), _State(*mark))
        told(stored)
        done = _plus(done, stored)
        if len(done.counts.touched):
            prepared.follow(conn, rules, done.counts.touched["unique_id"].astype(str))
        url = found.next or ""
    log.info("pull: source=%s %s", source.name, done)
    return done


def watch(
    source: Source,
    *,
    connect: Callable[[], Connection],
    now: Callable[[], datetime],
    rules: Rules,
    client: Client,
    stop: Event,
    told: Callable[[Stored | None], None] = lambda _: None,
) -> Iterator[Pulled | Fault]:
    """Pull again and again, ``every`` apart, until ``stop`` is set; yield what each pull brought.

    A pull that fails yields its fault, and the next is tried: also with a new connection. ``told``
    hears of each page as ``pull`` tells it.
    """
    pause = interval(source)
    conn: Connection | None = None
    while not stop.is_set():
        try:
            conn = connect() if conn is None or conn.closed else conn
            yield pull(conn, source, now=now(), rules=rules, client=client, told=told)
        except Fault as why:
            log.warning("pull: source=%s %s", source.name, why)
            yield why
        except psycopg.OperationalError as why:
            fault = StoreFault("database", str(why).strip(), "reachable", "run `horizonte doctor`")
            log.warning("pull: source=%s %s", source.name, fault)
            yield fault
        stop.wait(pause)
    if conn is not None:
        conn.close()


def interval(source: Source) -> float:
    """Return the seconds between two pulls; raise ConfigFault for what is no such interval."""
    every = _endpoint(source).every
    try:
        seconds = pd.Timedelta(every).total_seconds()
    except ValueError:
        seconds = 0.0
    if not seconds >= 1:
        allowed = "a duration of at least a second, such as PT1M"
        raise ConfigFault(f"{source.name}.endpoint.every", every, allowed, "correct sources.yaml")
    return seconds


def _endpoint(source: Source) -> Endpoint:
    if source.endpoint is None:
        fix = f"declare endpoint: {{url: …}} under {source.name} in sources.yaml"
        raise ConfigFault(f"source {source.name}: endpoint", None, "declared", fix)
    return source.endpoint


def _read(page: Page, url: str, where: tuple[Source, set[str]]) -> Read:
    source, seen = where
    found = pages.read(page, url, source)
    if found.next in seen or (found.next and len(seen) >= MAX_PAGES):
        said = "a page seen before" if found.next in seen else f"more than {MAX_PAGES} pages"
        raise DataFault(f"{fetch.shown(url)}: next page", said, "an end", "ask its operator")
    return found


def _store(
    conn: Connection, found: Read, where: tuple[Source, datetime], state: _State
) -> Stored | None:
    source, now = where
    endpoint, instant = _endpoint(source), pd.Timestamp(now)
    arrived = np.full(len(found.raws), instant.value, np.int64)
    said = typed(Columns.of(found.raws), arrived, source, unit=endpoint.timestamp_unit)
    rows = said.rows.drop(columns="place").assign(delivery_key=None)
    told = sorted((found.places[place], *why) for place, *why in said.letters)
    letters = pd.DataFrame(told, columns=["row", "value", "reason", "fix"])
    origin = Origin("request", fetch.shown(endpoint.url), source, instant)
    with conn.transaction():
        conn.execute(_SAVE, (source.name, *state))
        if not found.raws:
            return None
        done = live.accept(conn, rows, letters, origin=origin)
    return Stored(rows, done, instant)


def _plus(done: Pulled, page: Stored | None) -> Pulled:
    if page is None:
        return done._replace(pages=done.pages + 1)
    said = page.accepted
    return Pulled(done.pages + 1, done.counts + said.counts, done.refused + said.refused)


def _state(conn: Connection, source: Source) -> _State:
    row = conn.execute(_KNOWN, (source.name,)).fetchone()
    return _State() if row is None else _State(*row)


def _validators(page: Page) -> tuple[str | None, str | None]:
    return page.headers.get("etag"), page.headers.get("last-modified")


def _conditions(state: _State) -> dict[str, str]:
    asked = {"If-None-Match": state.etag, "If-Modified-Since": state.last_modified}
    return {name: value for name, value in asked.items() if value}


def _newest(conn: Connection, source: Source) -> pd.Timestamp:
    """Return the newest ds of the source, what is known ahead aside."""
    row = conn.execute(_NEWEST, (source.name,)).fetchone()
    return BEGINNING if row is None or row[0] is None else pd.Timestamp(row[0])


def _iso(instant: pd.Timestamp) -> str:
    return pd.Timestamp(instant).tz_convert("UTC").isoformat().replace("+00:00", "Z")


_KNOWN = "SELECT url, etag, last_modified, unfinished_after FROM pull_state WHERE source = %s"
_SAVE = """INSERT INTO pull_state (source, url, etag, last_modified, unfinished_after)
    VALUES (%s, %s, %s, %s, %s) ON CONFLICT (source) DO UPDATE SET url = excluded.url,
        etag = excluded.etag, last_modified = excluded.last_modified,
        unfinished_after = excluded.unfinished_after, pulled_at = now()"""
_NEWEST = """SELECT max(newest) FROM series s,
    LATERAL (SELECT max(ds) AS newest FROM observation o WHERE o.unique_id = s.unique_id) o
    WHERE s.source = %s AND s.known_ahead_hours = 0"""
