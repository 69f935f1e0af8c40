"""The fast read over HTTP, and what is kept of every request: a real service, a real database."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pandas as pd
import psycopg
import pytest

from horizonte import jobs
from horizonte.embedded import process
from horizonte.serve import run
from horizonte.store import forecasts
from horizonte.store.connection import connect

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def issued(url: str) -> str:
    """The service, with a live vintage of every target on record and in its memory."""
    jobs.forecast()
    assert process.wait_until(lambda: "stored_forecasts 3.0" in metrics(url), seconds=10)
    return url


def metrics(url: str) -> str:
    return httpx.get(f"{url}/metrics", trust_env=False).text


def newest(where: str, name: str = "site/a") -> forecasts.Vintage:
    with connect(where) as conn:
        return forecasts.latest(conn, [name])[name]


def logged(where: str, request_id: str) -> list[tuple[Any, ...]]:
    """Return the stored rows of a request, waiting for the writer's turn."""
    with psycopg.connect(where, autocommit=True) as conn:
        for _ in range(60):
            found = conn.execute(
                """SELECT method, route, status, series, origin, model_version FROM request_log
                   WHERE request_id = %s""",
                (request_id,),
            ).fetchall()
            if found:
                return found
            time.sleep(0.1)
    return []


def test_a_series_never_forecast_is_forecast_now(client: httpx.Client, loaded: str) -> None:
    """Without a vintage on record one is computed and stored, as POST /forecast does."""
    headers = {"X-Request-ID": "the-first"}
    assert client.get("/forecasts/plant/load", headers=headers).json()["origin"] == "computed"
    assert newest(loaded, "plant/load").request_id == "the-first"


def test_it_is_the_answer_of_the_post_and_the_rows_on_record(
    issued: str, client: httpx.Client, loaded: str
) -> None:
    """The object is that of POST /forecast, its numbers those of the database, bit for bit."""
    got = client.get("/forecasts/site/a")
    posted = client.post("/forecast", json={"series": "site/a"}).json()["forecasts"][0]
    assert got.json() == posted
    assert got.json()["origin"] == "stored"
    rows = newest(loaded).rows
    assert [row["q95"] for row in got.json()["rows"]] == rows["q95"].tolist()
    assert [row["mean"] for row in got.json()["rows"]] == rows["mean"].tolist()


def test_horizon_and_levels_shape_it_as_they_shape_the_post(
    issued: str, client: httpx.Client
) -> None:
    """The slow way answers a part of the same vintage; what it cannot read it names."""
    got = client.get("/forecasts/site/a?horizon=PT3H&levels=80&levels=90").json()
    asked = {"series": "site/a", "horizon": "PT3H", "levels": [80, 90]}
    assert got == client.post("/forecast", json=asked).json()["forecasts"][0]
    for query, field in (("horizon=99", "horizon"), ("levels=7", "levels"), ("to=3", "to")):
        refused = client.get(f"/forecasts/site/a?{query}")
        assert (refused.status_code, refused.json()["field"]) == (422, field)


def test_a_known_vintage_is_304_on_both_ways(issued: str, client: httpx.Client) -> None:
    """If-None-Match saves the body, with and without a query."""
    for path in ("/forecasts/site/a", "/forecasts/site/a?horizon=2"):
        tag = client.get(path).headers["etag"]
        again = client.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["x-request-id"]


def test_an_unknown_series_names_the_nearest(issued: str, client: httpx.Client) -> None:
    """404 says what was probably meant."""
    answer = client.get("/forecasts/plant/loat")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-series")
    assert "plant/load" in answer.json()["fix"]


def test_a_new_vintage_is_served_once_it_is_issued(
    issued: str, client: httpx.Client, loaded: str, world: Any, load: Callable[..., Any]
) -> None:
    """The notification of its transaction brings it well before the next poll, under a new tag."""
    tag = client.get("/forecasts/site/a").headers["etag"]
    with connect(loaded) as conn:
        ds = [world.end - pd.Timedelta(days=9)]
        load(conn, pd.DataFrame({"unique_id": ["site/a"], "ds": ds, "y": [99.5]}))
    jobs.forecast()
    run_id = newest(loaded).run_id
    swapped = process.wait_until(
        lambda: client.get("/forecasts/site/a").headers["etag"].startswith(f'W/"{run_id}-'),
        seconds=5,
    )
    assert swapped
    assert client.get("/forecasts/site/a").headers["etag"] != tag


def test_a_series_without_a_vintage_is_computed_and_logged_as_its_run(
    client: httpx.Client, loaded: str, load: Callable[..., Any], world: Any
) -> None:
    """The row of the request log and the forecast that was stored have the same request id."""
    with connect(loaded) as conn:
        ds = [world.end - pd.Timedelta(days=9)]
        load(conn, pd.DataFrame({"unique_id": ["site/b"], "ds": ds, "y": [98.5]}))
    asked = {"series": "site/b"}
    client.post("/forecast", json=asked, headers={"X-Request-ID": "of-the-run"})
    found = newest(loaded, "site/b")
    assert found.request_id == "of-the-run"
    assert logged(loaded, "of-the-run") == [
        ("POST", "/forecast", 200, "site/b", "computed", found.model_version)
    ]


def test_requests_are_counted_by_route_and_logged_once(
    issued: str, client: httpx.Client, loaded: str
) -> None:
    """Metrics know route, method and status; log and table have one line a request."""
    client.get("/forecasts/site/a", headers={"X-Request-ID": "one-line"})
    client.get("/no/such/path%00", headers={"X-Request-ID": "strange"})
    text = metrics(issued)
    assert 'requests_total{method="GET",route="/forecasts/{unique_id}",status="200"}' in text
    assert 'requests_total{method="GET",route="other",status="404"}' in text
    assert 'horizonte_problems_total{kind="unknown-route"}' in text
    assert 'horizonte_forecast_age_seconds{unique_id="plant/load"} 0.0' in text
    lines = [json.loads(x) for x in run.log_file().read_text().splitlines() if '"one-line"' in x]
    assert [(x["route"], x["status"], x["origin"]) for x in lines] == [
        ("/forecasts/{unique_id}", 200, "stored")
    ]
    assert len(logged(loaded, "one-line")) == 1
    assert [row[:3] for row in logged(loaded, "strange")] == [("GET", "other", 404)]


def test_slow_bodies_hold_nobody_up(issued: str, client: httpx.Client) -> None:
    """Fifty requests whose body does not come leave the others their answers."""
    import socket

    where = httpx.URL(issued)
    head = b"POST /forecast HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    slow = [socket.create_connection((where.host, where.port)) for _ in range(50)]
    for one in slow:
        one.sendall(head + b"content-length: 100\r\n\r\n{")
    answer = client.post("/forecast", json={"series": "site/a", "horizon": 1})
    assert answer.status_code == 200
    assert client.get("/forecasts/site/a").status_code == 200
    for one in slow:
        one.close()


def test_it_serves_on_while_the_database_is_away(
    issued: str, client: httpx.Client, server_url: str, loaded: str
) -> None:
    """Its connections cut and no new ones let in, the last vintages are answered; then all heals."""
    name = psycopg.conninfo.conninfo_to_dict(loaded)["dbname"]
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        during = client.get("/forecasts/site/a", headers={"X-Request-ID": "while-away"})
        time.sleep(2)
        later = client.get("/forecasts/site/a")
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert (during.status_code, later.status_code) == (200, 200)
    assert len(logged(loaded, "while-away")) == 1
    assert "horizonte_request_log_dropped_total 0.0" in metrics(issued)


def test_samples_are_stored(issued: str, loaded: str) -> None:
    """The metrics of the process stand in the database, by name and labels."""
    with psycopg.connect(loaded) as conn:
        found = conn.execute(
            """SELECT count(*) FROM metric_sample
               WHERE name = 'horizonte_requests_total' AND labels ->> 'route' = '/readyz'"""
        ).fetchone()
        stray = conn.execute("SELECT FROM metric_sample WHERE name LIKE '%%_bucket'").fetchall()
    assert found is not None
    assert found[0] > 0
    assert not stray


def test_stopping_stores_every_answered_request(issued: str, loaded: str) -> None:
    """What was answered before the service was stopped stands in the log."""
    with httpx.Client(base_url=issued, trust_env=False) as client:
        for number in range(200):
            headers = {"X-Request-ID": f"last-{number}"}
            assert client.get("/forecasts/site/a", headers=headers).status_code == 200
    assert run.stop()
    with psycopg.connect(loaded) as conn:
        found = conn.execute(
            "SELECT count(*) FROM request_log WHERE request_id LIKE 'last-%%'"
        ).fetchone()
    assert found == (200,)
