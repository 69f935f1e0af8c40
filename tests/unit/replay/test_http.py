"""The test API: growing, paged, conditional, unreliable on request."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pandas as pd
import pytest

from horizonte.ingest.feeds import Endpoint
from horizonte.replay import http, schedule

START = pd.Timestamp("2025-03-01T00:00Z")


class Api:
    """The API, asked without a socket."""

    def __init__(self, served: http.Served) -> None:
        self.transport = httpx.ASGITransport(http.app(served))

    def get(self, url: str = "/readings", **asked) -> httpx.Response:
        async def once() -> httpx.Response:
            async with httpx.AsyncClient(transport=self.transport, base_url="http://h") as client:
                return await client.get(url, **asked)

        return asyncio.run(once())


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def served(clock: Clock) -> http.Served:
    ds = pd.date_range(START, periods=10, freq="h")
    rows = pd.DataFrame({"unique_id": "s/a", "ds": ds, "y": range(10)}).astype({"y": float})
    planned = schedule.plan(rows, step=pd.Timedelta("1h"), speed=3600)
    return http.Served(planned, {"s/a": "a"}, clock, datetime(2025, 6, 1, tzinfo=UTC))


def ask(served: http.Served, **query: object):
    return Api(served).get(params=query)


def values(answer) -> list[float]:
    return [row["value"] for row in answer.json()["readings"]]


def test_it_grows_with_time(served: http.Served, clock: Clock) -> None:
    """What is due is there, the rest comes as the clock goes on."""
    assert values(ask(served)) == [0]
    clock.seconds = 3
    assert values(ask(served)) == [0, 1, 2, 3]
    assert ask(served).json()["readings"][0] == {
        "id": "a",
        "ts": "2025-03-01T00:00:00Z",
        "value": 0.0,
    }


def test_after_asks_for_what_is_newer(served: http.Served, clock: Clock) -> None:
    """Only readings after the instant come, whatever offset it is written in."""
    clock.seconds = 9
    assert values(ask(served, after="2025-03-01T07:00:00Z")) == [8, 9]
    assert values(ask(served, after="2025-03-01T04:00:00-03:00")) == [8, 9]


def test_pages_follow_their_links(served: http.Served, clock: Clock) -> None:
    """Following the next links gives every reading once, and the last page has none."""
    clock.seconds = 9
    client, url, seen = Api(served), "/readings?limit=4", []
    while url:
        answer = client.get(url)
        seen += values(answer)
        url = answer.links.get("next", {}).get("url", "")
    assert seen == list(range(10))


def test_an_unchanged_page_is_not_sent_again(served: http.Served, clock: Clock) -> None:
    """An equal ETag is answered by 304 without a body until there is something new."""
    client = Api(served)
    tag = {"If-None-Match": client.get("/readings").headers["etag"]}
    assert (client.get("/readings", headers=tag).status_code) == 304
    clock.seconds = 1
    assert (client.get("/readings", headers=tag).status_code) == 200


def test_last_modified_is_when_the_newest_came(served: http.Served, clock: Clock) -> None:
    """Last-Modified is the wall-clock time at which the page's newest reading came due."""
    clock.seconds = 5.7
    assert ask(served).headers["last-modified"] == "Sun, 01 Jun 2025 00:00:05 GMT"


def test_csv_has_the_same_readings(served: http.Served, clock: Clock) -> None:
    """CSV has one row a reading under the names of the endpoint's fields."""
    clock.seconds = 1
    answer = ask(replace(served, fields=Endpoint(url="http://h", id="k", value="v")), format="csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.split() == [
        "k,ts,v",
        "a,2025-03-01T00:00:00Z,0.0",
        "a,2025-03-01T01:00:00Z,1.0",
    ]


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"page": "x"}, {"after": "2025-03-01"}, {"format": "xml"}, {"q": 1}]
)
def test_a_wrong_parameter_is_named(served: http.Served, query: dict[str, object]) -> None:
    """A parameter that cannot be understood is 400 with its name."""
    answer = ask(served, **query)
    assert answer.status_code == 400
    assert next(iter(query)) in answer.json()["error"]


def test_every_nth_answer_is_unavailable(served: http.Served) -> None:
    """With 3, each third answer is 503 and says when to come back."""
    client = Api(replace(served, trouble=http.Trouble(unavailable_every=3)))
    answers = [client.get("/readings") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200, 200, 503] * 2
    assert answers[2].headers["retry-after"] == "1"
