"""Endpoints that are asked, over real sockets: pages, validators, back-off, and being cut off."""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pandas as pd
import pytest

from horizonte.errors import ConfigFault, DataFault, Fault
from horizonte.ingest import fetch, pull
from horizonte.ingest.fetch import Client, Unreachable
from horizonte.ingest.pull import Pulled
from horizonte.ingest.pulled import PullWatch
from horizonte.ingest.sources import Source
from horizonte.params import Rules
from horizonte.store import ledger, observations, prepared
from horizonte.store.connection import Connection, connect

NOW = pd.Timestamp("2024-06-01T12:00Z")
RULES = Rules(impute_up_to="PT2H", flatline_after=None, spike_window="P3D", spike_mads=None)
Asked = tuple[str, dict[str, str]]
Reply = tuple[int, dict[str, str], bytes]


@dataclass
class Api:
    """A real server on loopback: ``reply`` answers, ``asked`` holds paths and headers."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    reply: Callable[[str, dict[str, str]], Reply] = lambda *_: (204, {}, b"")

    def say(self, body: Any, **headers: str) -> None:
        """Answer every request with ``body``, bytes or JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.reply = lambda *_: (200, {k.replace("_", "-"): v for k, v in headers.items()}, content)


@pytest.fixture
def api() -> Iterator[Api]:
    """A server of this test's own."""
    made = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = {k.lower(): v for k, v in self.headers.items()}
            made.asked.append((self.path, given))
            status, headers, body = made.reply(self.path, given)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def waits() -> list[float]:
    """The seconds that the client has waited, without waiting."""
    return []


@pytest.fixture
def client(waits: list[float]) -> Iterator[Client]:
    """A client whose waits take no time and whose jitter repeats."""
    with httpx.Client(timeout=5, trust_env=False) as http:
        yield Client(http, waits.append, random.Random(1).random)


@pytest.fixture(scope="module")
def conn(database_url: str) -> Iterator[Connection]:
    """A connection to this module's own database."""
    with connect(database_url) as opened:
        yield opened


def source(name: str, url: str, *series: str, **endpoint: Any) -> Source:
    asked = {"url": url, "id": "id", "value": "y", "timestamp": "t", **endpoint}
    facts = {"freq": "PT1H", "series": {key: {} for key in series or ("a",)}}
    return Source.model_validate({"name": name, **facts, "endpoint": asked})


def at(hour: int) -> str:
    return (pd.Timestamp("2024-05-01T00:00Z") + pd.Timedelta(hours=hour)).isoformat()


def reading(hour: int, y: object, key: object = "a") -> dict[str, object]:
    return {"id": key, "t": at(hour), "y": y}


def pulled(conn: Connection, declared: Source, client: Client) -> tuple[int, int, int, int, int]:
    done = pull.pull(conn, declared, now=NOW, rules=RULES, client=client)
    c = done.counts
    return done.pages, c.accepted, c.unchanged, c.corrected, done.refused


def values(conn: Connection, name: str) -> list[float]:
    found: list[float] = observations.current(conn, [name])["y"].tolist()
    return found


def test_pulls_are_counted_and_said_to_be_alive(conn: Connection, api: Api, client: Client) -> None:
    """Pages, readings and refusals of committed pages; silent once the endpoint fails for long."""
    declared = source("counted", api.url)
    watch = PullWatch(declared, every=60.0, now=1000.0)
    assert watch.deaf(seconds=100, now=1179.0) is None
    assert "counted" in str(watch.deaf(seconds=100, now=1181.0))
    api.say([reading(0, 1), reading(1, "x"), reading(5, 3), reading(2, 3)])
    how = {"now": NOW, "rules": RULES, "client": client, "told": watch.told}
    pull.pull(conn, declared, **how)
    pull.pull(conn, declared, **how)
    api.reply = lambda *_: (404, {}, b"")
    with pytest.raises(Fault):
        pull.pull(conn, declared, **how)
    names = ("committed", "duplicate", "refused", "late")
    found = {
        n: watch.registry.get_sample_value(f"horizonte_pull_{n}_total", {"source": "counted"})
        for n in names
    }
    assert found == {"committed": 3, "duplicate": 3, "refused": 2, "late": 1}
    assert watch.registry.get_sample_value("horizonte_pull_received_total") == 2
    assert watch.deaf(seconds=100, now=time.time()) is None


def test_what_is_new_is_stored_prepared_and_asked_for_onwards(
    conn: Connection, api: Api, client: Client
) -> None:
    """The address carries the newest ds; a bad reading is a dead letter and stops no other."""
    api.say([reading(0, 1), reading(1, "x"), reading(2, 3), reading(2, 3, "b"), {"id": "a"}])
    declared = source("one", api.url + "/data?since={after}&token=secret")
    assert pulled(conn, declared, client) == (1, 2, 0, 0, 3)
    assert len(prepared.read(conn, ["one/a"])) == 3
    pulled(conn, declared, client)
    since = [parse_qs(urlsplit(path).query)["since"] for path, _ in api.asked]
    assert since == [["1970-01-01T00:00:00Z"], ["2024-05-01T02:00:00Z"]]
    batch = ledger.batches(conn).iloc[-1]
    letters = ledger.dead_letters(conn, int(batch["id"]))
    assert letters["row"].tolist() == [1, 3, 4]
    assert (batch["kind"], batch["name"]) == ("request", api.url + "/data")


def test_hostile_values_cost_their_reading_alone(
    conn: Connection, api: Api, client: Client
) -> None:
    """NaN, huge numbers, booleans, null and nested values are refused one by one."""
    bad = b'NaN, Infinity, 1e400, true, null, [1], {"v": 1}, "", ' + b"9" * 5000
    rows = b", ".join(
        b'{"id": "a", "t": "2024-05-01T00:00Z", "y": %b}' % v for v in bad.split(b", ")
    )
    api.say(b"[" + rows + b', {"id": "a", "t": "2024-05-01T01:00Z", "y": 7}, 5, "x", null]')
    assert pulled(conn, source("bad", api.url), client) == (1, 1, 0, 0, 12)


def test_pages_are_followed_in_the_body_and_in_the_link_header(
    conn: Connection, api: Api, client: Client
) -> None:
    """A path in JSON, or Link rel=next, leads on; relative addresses too."""
    for name, where in (("body", {"next": "links.next"}), ("link", {})):

        def reply(path: str, _: dict[str, str], name: str = name) -> Reply:
            page = int(parse_qs(urlsplit(path).query).get("page", ["0"])[0])
            following = f"/d?page={page + 1}" if page < 2 else None
            body = {"items": [reading(page, page)], "links": {"next": following}}
            link = {"Link": f'<{following}>; rel="next"'} if following and name == "link" else {}
            return 200, link, json.dumps(body).encode()

        api.reply = reply
        declared = source(name, api.url + "/d", readings="items", **where)
        assert pulled(conn, declared, client) == (3, 3, 0, 0, 0)


@pytest.mark.parametrize("following", [
    "http://localhost.example/d", "//evil.example/d", "https://127.0.0.1/d", "http://[", "/d",
    "file:///etc/passwd",
])  # fmt: skip
def test_a_next_page_elsewhere_or_in_a_circle_is_refused(
    conn: Connection, api: Api, client: Client, following: str
) -> None:
    """Another host, scheme, port, an unreadable address and a page seen before end in a fault."""
    api.say([reading(0, 1)], Link=f'<{following}>; rel="next"')
    with pytest.raises(DataFault, match="next page"):
        pulled(conn, source("astray", api.url + "/d"), client)


def test_unchanged_is_not_sent_again(conn: Connection, api: Api, client: Client) -> None:
    """ETag and Last-Modified of a whole answer are sent back, and 304 ends the pull."""
    api.say([reading(0, 1)], ETag='"v1"', Last_Modified="Wed, 01 May 2024 00:00:00 GMT")
    declared = source("cond", api.url + "/d")
    pulled(conn, declared, client)
    api.reply = lambda *_: (304, {}, b"")
    assert pulled(conn, declared, client) == (0, 0, 0, 0, 0)
    sent = api.asked[-1][1]
    assert sent["if-none-match"] == '"v1"'
    assert sent["if-modified-since"] == "Wed, 01 May 2024 00:00:00 GMT"


def test_an_unchanged_first_page_hides_no_later_one(
    conn: Connection, api: Api, client: Client
) -> None:
    """Of several pages none is conditional; a page that was the only one may have got a next."""
    pages: list[list[Any]] = [[reading(0, 0)]]

    def reply(path: str, given: dict[str, str]) -> Reply:
        n = int(parse_qs(urlsplit(path).query).get("page", ["0"])[0])
        headers = {"ETag": f'"{n}"'}
        if n + 1 < len(pages):
            headers["Link"] = f'</d?page={n + 1}>; rel="next"'
        if given.get("if-none-match") == headers["ETag"]:
            return 304, headers, b""
        return 200, headers, json.dumps(pages[n]).encode()

    api.reply = reply
    declared = source("grows", api.url + "/d")
    assert pulled(conn, declared, client) == (1, 1, 0, 0, 0)
    pages.append([reading(1, 1)])
    assert pulled(conn, declared, client) == (1, 1, 0, 0, 0)
    pages[1].append(reading(2, 2))
    assert pulled(conn, declared, client) == (2, 1, 2, 0, 0)


def test_cut_off_between_pages_it_begins_again_where_it_began(
    conn: Connection, api: Api, client: Client
) -> None:
    """Pages that come newest first lose nothing: no validator and no {after} of half a pull."""
    down = True

    def reply(path: str, _: dict[str, str]) -> Reply:
        if "page=2" in path:
            return (404, {}, b"") if down else (200, {}, json.dumps([reading(1, 1)]).encode())
        link = f'<{path}&page=2>; rel="next"'
        return 200, {"Link": link, "ETag": '"v2"'}, json.dumps([reading(5, 5)]).encode()

    api.reply = reply
    declared = source("cut", api.url + "/d?after={after}")
    with pytest.raises(Unreachable, match="404"):
        pulled(conn, declared, client)
    assert values(conn, "cut/a") == [5]
    down = False
    assert pulled(conn, declared, client) == (2, 1, 1, 0, 0)
    assert values(conn, "cut/a") == [1, 5]
    firsts = [(path, h.get("if-none-match")) for path, h in api.asked if "page" not in path]
    assert firsts[0] == firsts[1]
    assert firsts[0][1] is None


def test_validators_are_kept_with_their_rows_or_not_at_all(
    conn: Connection, database_url: str, api: Api, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pull killed before its commit leaves no validator that would hide the rows."""
    api.say([reading(0, 1)], ETag='"v3"')
    declared = source("killed", api.url + "/d")

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "close_batch", die)
        with pytest.raises(KeyboardInterrupt):
            pulled(conn, declared, client)
    assert conn.execute("SELECT * FROM pull_state WHERE source = 'killed'").fetchall() == []
    assert pulled(conn, declared, client) == (1, 1, 0, 0, 0)


def test_a_busy_endpoint_is_asked_again_later(
    conn: Connection, api: Api, client: Client, waits: list[float]
) -> None:
    """429 and 503 wait as Retry-After says, in seconds or as a date, else longer each time."""
    date = {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=9), usegmt=True)}
    answers: list[Reply] = [
        (429, {"Retry-After": "7"}, b""),
        (503, date, b""),
        (503, {"Retry-After": "soon"}, b""),
        (500, {}, b""),
    ]
    api.reply = lambda *_: (
        answers.pop(0) if answers else (200, {}, json.dumps([reading(0, 1)]).encode())
    )
    assert pulled(conn, source("busy", api.url), client)[1] == 1
    assert waits[0] == 7.0
    assert 7 <= waits[1] <= 9
    assert 1 <= waits[2] <= 2 <= waits[3] <= 4


@pytest.mark.parametrize(("status", "headers", "asked"), [
    (503, {}, fetch.TRIES), (429, {"Retry-After": "86400"}, 1), (401, {}, 1), (404, {}, 1),
    (302, {"Location": "http://evil.example/"}, 1), (206, {}, 1),
])  # fmt: skip
def test_it_gives_up_and_says_what_to_do(
    conn: Connection, api: Api, client: Client, *, status: int, headers: dict[str, str], asked: int
) -> None:
    """The fault names address and status; user, password and query stay unsaid."""
    api.reply = lambda *_: (status, headers, b"")
    url = api.url.replace("http://", "http://me:hidden@") + "/d?token=hidden"
    with pytest.raises(Unreachable) as raised:
        pulled(conn, source("down", url), client)
    assert str(status) in str(raised.value)
    assert "hidden" not in str(raised.value)
    assert len(api.asked) == asked


def test_a_network_error_is_tried_again_and_then_told(
    conn: Connection, client: Client, waits: list[float]
) -> None:
    """A port that nobody listens on is asked a bounded number of times."""
    with pytest.raises(Unreachable, match="ConnectError"):
        pulled(conn, source("dead", "http://127.0.0.1:9/d"), client)
    assert len(waits) == fetch.TRIES - 1


def test_headers_come_from_the_environment_and_stay_out_of_the_logs(
    conn: Connection,
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """$NAME is replaced when it is sent; a variable that is not set is named."""
    api.say([reading(0, 1)])
    declared = source("auth", api.url + "/d?key=hidden", headers={"Authorization": "Bearer $TOK"})
    made = fetch.client()
    with pytest.raises(ConfigFault, match="TOK"):
        pulled(conn, declared, made)
    monkeypatch.setenv("TOK", "hidden")
    with caplog.at_level(logging.INFO):
        pulled(conn, declared, made)
    made.http.close()
    assert api.asked[-1][1]["authorization"] == "Bearer hidden"
    assert "hidden" not in caplog.text


@pytest.mark.parametrize(("body", "fmt"), [
    (b"{", "json"), (b"\xff\xfe", "json"), (b"[" * 100_000, "json"), (b"<html>", "json"),
    (b"x;y\n1;2\n", "csv"), (b'id,t,y\n"a', "csv"),
])  # fmt: skip
def test_a_page_that_is_none_stores_nothing(
    conn: Connection, api: Api, client: Client, body: bytes, fmt: str
) -> None:
    """What is not the declared format is a fault that says so, and leaves no state."""
    api.say(body, ETag='"no"')
    declared = source("none", api.url, format=fmt)
    if body.startswith(b"id"):
        assert pulled(conn, declared, client)[1] == 0
        return
    with pytest.raises(DataFault):
        pulled(conn, declared, client)
    assert conn.execute("SELECT * FROM pull_state WHERE source = 'none'").fetchall() == []


def test_a_page_is_bounded(
    conn: Connection, api: Api, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More bytes than a page may have are not read on."""
    monkeypatch.setattr(fetch, "MAX_BYTES", 1000)
    api.say([reading(0, 1)] * 100)
    with pytest.raises(DataFault, match="1,000 bytes"):
        pulled(conn, source("big", api.url), client)


def test_csv_is_read_long_and_wide(conn: Connection, api: Api, client: Client) -> None:
    """A column of ids, one declared series, or a column per series; empty cells are no readings."""
    api.say(f"id,t,y\na,{at(0)},1\nb,{at(0)},x\na,{at(1)},\n".encode())
    long = source("long", api.url, "a", "b", format="csv")
    assert pulled(conn, long, client) == (1, 1, 0, 0, 1)
    assert ledger.dead_letters(conn, int(ledger.batches(conn)["id"].max()))["row"].tolist() == [3]
    assert pulled(conn, source("lone", api.url, id=None, series="a", format="csv"), client)[1] == 1
    api.say(f"t,a,b\n{at(0)},1,2\n{at(1)},,4\n".encode())
    assert pulled(conn, source("wide", api.url, "a", "b", id=None, format="csv"), client)[1] == 3
    assert values(conn, "wide/b") == [2, 4]


def test_watching_goes_on_after_a_fault_until_it_is_stopped(
    database_url: str, api: Api, client: Client
) -> None:
    """Each turn yields what it brought, a fault too; the stop event ends it."""
    turns: Iterator[Reply] = iter([(404, {}, b""), (200, {}, json.dumps([reading(0, 1)]).encode())])
    api.reply = lambda *_: next(turns, (204, {}, b""))
    stop = threading.Event()
    told: list[Pulled | Fault] = []
    declared = source("watched", api.url, every="PT1S")
    for done in pull.watch(
        declared,
        connect=lambda: connect(database_url),
        now=NOW.to_pydatetime,
        rules=RULES,
        client=client,
        stop=stop,
    ):
        told.append(done)
        if len(told) == 2:
            stop.set()
    assert isinstance(told[0], Unreachable)
    assert isinstance(told[1], Pulled)
    assert told[1].counts.accepted == 1


@pytest.mark.parametrize("every", ["PT0S", "soon", "-PT1M"])
def test_an_interval_that_is_none_is_refused(every: str) -> None:
    """``every`` is at least a second."""
    with pytest.raises(ConfigFault, match="every"):
        pull.interval(source("x", "http://127.0.0.1/", every=every))


def test_a_source_without_endpoint_says_what_to_declare(conn: Connection, client: Client) -> None:
    """Pulling a source of files names the missing endpoint."""
    bare = Source.model_validate({"name": "bare", "freq": "PT1H", "series": {"a": {}}})
    with pytest.raises(ConfigFault, match="endpoint"):
        pulled(conn, bare, client)
