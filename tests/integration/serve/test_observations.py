"""Readings and annotations over HTTP: a real service, a real database, every row answered."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pandas as pd
import pytest

from horizonte.store import observations, prepared
from horizonte.store.connection import Connection, connect

pytestmark = pytest.mark.slow
JSON = {"content-type": "application/json"}


def row(name: object, ds: object, y: object) -> dict[str, object]:
    return {"unique_id": name, "ds": ds, "y": y}


def posted(client: httpx.Client, *rows: object, **headers: str) -> httpx.Response:
    answer = client.post(
        "/observations",
        json={"readings": rows},
        headers={k.replace("_", "-"): v for k, v in headers.items()},
    )
    assert answer.status_code == 200, answer.text
    return answer


def problem(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    found: dict[str, Any] = answer.json()
    assert (answer.status_code, found["type"]) == (status, f"/problems/{kind}"), found
    return found


def test_actuals_are_stored_prepared_and_forecast_from(
    client: httpx.Client, conn: Connection, world: Any
) -> None:
    """Posted readings move the next forecast's cutoff, and the prepared database has them."""
    client.post("/forecast", json={"series": "plant/load"})
    ds = pd.date_range(world.end - pd.Timedelta(hours=23.5), periods=4, freq="30min")
    rows = [row("plant/load", at.isoformat(), 100 + n) for n, at in enumerate(ds)]
    found = posted(client, *rows).json()
    assert found["accepted"] == 4
    assert found["rows"] == [{"outcome": "accepted"}] * 4
    assert prepared.read(conn, ["plant/load"])["ds"].max() == ds[-1]
    answer = client.post("/forecast", json={"series": "plant/load"}).json()["forecasts"][0]
    assert (pd.Timestamp(answer["cutoff"]), answer["origin"]) == (ds[-1], "computed")


def test_every_row_is_answered_in_order(client: httpx.Client, world: Any) -> None:
    """Repeats, corrections and refusals keep their place; a refusal says reason and fix."""
    at = (world.end - pd.Timedelta(days=20)).isoformat()
    naive = at.removesuffix("+00:00")
    found = posted(
        client, row("site/b", at, 1), row("site/b", at, 1), row("site/b", at, "1"),
        row("site/b", naive, 1), row("site/bb", at, 1), row("site/b", "2999-01-01T00:00Z", 1),
        {"unique_id": "site/b", "value": 1}, 7,
    ).json()  # fmt: skip
    assert [r["outcome"] for r in found["rows"]] == ["corrected", "unchanged"] + ["refused"] * 6
    assert all(r["reason"] and r["fix"] for r in found["rows"][2:])
    assert found["rows"][4]["fix"] == "did you mean site/b?"
    assert [found[k] for k in ("accepted", "unchanged", "corrected", "refused")] == [0, 1, 1, 6]


def test_numbers_that_are_none_cost_their_row(client: httpx.Client, world: Any) -> None:
    """NaN, infinities, 1e400 and integers of thousands of digits arrive and are refused singly."""
    at = (world.end - pd.Timedelta(days=21)).isoformat()
    bad = ["NaN", "Infinity", "-Infinity", "1e400", "9" * 5000, "true", "null", "[1]", '"x\\u0000"']
    rows = [f'{{"unique_id": "site/b", "ds": "{at}", "y": {v}}}' for v in [*bad, "5"]]
    body = f'{{"readings": [{", ".join(rows)}]}}'
    found = client.post("/observations", content=body, headers=JSON).json()
    assert (found["refused"], found["corrected"]) == (9, 1)


def test_a_key_makes_a_request_count_once(
    client: httpx.Client, conn: Connection, world: Any
) -> None:
    """Same key and body: the same bytes, marked as replayed, and a later correction stays."""
    at = (world.end - pd.Timedelta(days=22)).isoformat()
    first = posted(client, row("site/b", at, 11), Idempotency_Key="once")
    posted(client, row("site/b", at, 12))
    again = posted(client, row("site/b", at, 11), Idempotency_Key="once")
    assert again.content == first.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    stored = observations.current(
        conn, ["site/b"], pd.Timestamp(at), pd.Timestamp(at) + pd.Timedelta(hours=1)
    )
    assert stored["y"].tolist() == [12]
    other = client.post(
        "/observations",
        json={"readings": [row("site/b", at, 13)]},
        headers={"Idempotency-Key": "once"},
    )
    problem(other, 422, "key-reused")


def test_two_at_once_under_a_key_store_once(client: httpx.Client, world: Any) -> None:
    """Of simultaneous requests one does the work, the others are told the same or to come back."""
    at = (world.end - pd.Timedelta(days=23)).isoformat()

    def one(_: int) -> httpx.Response:
        return client.post(
            "/observations",
            json={"readings": [row("site/b", at, 21)]},
            headers={"Idempotency-Key": "twice"},
        )

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(one, range(8)))
    done = [a for a in told if a.status_code == 200]
    assert {a.status_code for a in told} <= {200, 409}
    assert len({a.content for a in done}) == 1
    assert sum("idempotency-replayed" not in a.headers for a in done) == 1


def test_while_a_key_is_worked_on_another_is_told_to_wait(
    client: httpx.Client, loaded: str, world: Any
) -> None:
    """409 comes with Retry-After."""
    with connect(loaded) as other, other.transaction():
        other.execute("INSERT INTO request_answer VALUES ('POST /observations', 'held', '', '')")
        answer = client.post(
            "/observations",
            json={"readings": [row("site/b", world.end.isoformat(), 1)]},
            headers={"Idempotency-Key": "held"},
        )
    problem(answer, 409, "in-progress")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(("content", "status", "kind"), [
    (b"{", 400, "malformed-json"), (b"\xff", 400, "malformed-json"), (b"", 400, "malformed-json"),
    (b"[" * 100_000, 400, "malformed-json"), (b"[]", 422, "invalid-field"),
    (b"{}", 422, "invalid-field"), (b'{"readings": []}', 422, "invalid-field"),
    (b'{"readings": [1], "x": 1}', 422, "invalid-field"),
    (json.dumps({"readings": [0] * 10_001}).encode(), 422, "invalid-field"),
    (b" " * ((4 << 20) + 1), 413, "too-large"),
])  # fmt: skip
def test_a_body_of_another_shape_is_a_problem(
    client: httpx.Client, content: bytes, status: int, kind: str
) -> None:
    """What is no array of readings is refused as a whole, with its fix."""
    assert problem(client.post("/observations", content=content, headers=JSON), status, kind)["fix"]


def test_ten_thousand_rows_fit(client: httpx.Client, world: Any) -> None:
    """The largest request that is allowed is answered row by row, above the limit of /forecast."""
    ds = pd.date_range("2015-01-01", periods=10_000, freq="h", tz="UTC")
    pad = " " * 60
    rows = [
        f'{{"unique_id": "site/temperature",{pad} "ds": "{at.isoformat()}", "y": 1.5}}' for at in ds
    ]
    body = f'{{"readings": [{",".join(rows)}]}}'
    assert len(body) > 1 << 20
    found = client.post("/observations", content=body, headers=JSON).json()
    assert (found["accepted"], len(found["rows"])) == (10_000, 10_000)


def test_annotations_are_kept_listed_and_respected_at_once(
    client: httpx.Client, conn: Connection, world: Any
) -> None:
    """An ignored stretch is out of the prepared series, and the forecast is made anew."""
    client.post("/forecast", json={"series": "site/a"})
    note = {
        "unique_id": "site/a", "starts_at": "2025-03-01 00:00", "ends_at": "2025-03-01 06:00",
        "kind": "ignore", "note": "painters",
    }  # fmt: skip
    bad = {**note, "kind": "ignroe"}
    answer = client.post(
        "/annotations", json={"annotations": [note, bad, note, 7, {**note, "x": 1}]}
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [r["outcome"] for r in found["rows"]] == [
        "added", "refused", "unchanged", "refused", "refused",
    ]  # fmt: skip
    assert found["rows"][1]["fix"] == "did you mean ignore?"
    listed = client.get("/annotations", params={"unique_id": "site/a"}).json()["annotations"]
    assert [(n["starts_at"], n["note"]) for n in listed] == [("2025-02-28T13:00:00Z", "painters")]
    rows = prepared.read(conn, ["site/a"])
    assert (rows["quality"] == "ignored").sum() == 6
    assert (
        client.post("/forecast", json={"series": "site/a"}).json()["forecasts"][0]["origin"]
        == "computed"
    )


def test_another_unit_is_converted_at_once(client: httpx.Client, conn: Connection) -> None:
    """Factor and offset come back as they were stated; what is no conversion is answered by itself."""
    note = {"unique_id": "site/a", "starts_at": "2025-03-02 00:00", "kind": "unit_changed"}
    said = {**note, "ends_at": "2025-03-02 06:00", "factor": 0.5, "offset": -16}
    bad = [{**note, "factor": 0}, note, {**note, "factor": "1000"}, {**note, "factor": None}]
    answer = client.post("/annotations", json={"annotations": [said, *bad]}).json()
    assert [r["outcome"] for r in answer["rows"]] == ["added", *["refused"] * 2, "added", "refused"]
    assert answer["rows"][1]["reason"] == "a factor of zero"
    assert "1000 times larger" in answer["rows"][2]["fix"]
    listed = client.get("/annotations", params={"unique_id": "site/a"}).json()["annotations"]
    mine = [n for n in listed if n["kind"] == "unit_changed"]
    assert [(n["factor"], n["offset"], n["ends_at"]) for n in mine] == [
        (0.5, -16.0, "2025-03-01T19:00:00Z"), (1000.0, 0.0, "2199-12-31T00:00:00Z"),
    ]  # fmt: skip
    assert all("factor" not in n for n in listed if n["kind"] != "unit_changed")
    rows = prepared.read(conn, ["site/a"]).set_index("ds")
    inside = rows.loc["2025-03-01T13:00Z":"2025-03-01T18:00Z"]
    after = rows.loc["2025-03-01T19:00Z":]
    known = inside["quality"] == "ok"
    assert known.any()
    assert (inside["y"] == 0.5 * inside["y_raw"] - 16)[known].all()
    assert (after["y"] == 1000 * after["y_raw"])[after["quality"] == "ok"].all()
    back = [{**n, "withdrawn": True} for n in mine]
    for row in back:
        del row["available_at"]
    answer = client.post("/annotations", json={"annotations": back}).json()
    assert answer["withdrawn"] == 2


def test_an_annotation_is_withdrawn(client: httpx.Client, conn: Connection, world: Any) -> None:
    """Its values are trusted again at once, and what is in force is all that is listed."""
    note = {
        "unique_id": "site/b", "starts_at": "2025-03-01 00:00", "ends_at": "2025-03-01 06:00",
        "kind": "planned_event",
    }  # fmt: skip
    told, listed = [], []
    for row in (note, {**note, "withdrawn": True}, {**note, "withdrawn": True}):
        answer = client.post("/annotations", json={"annotations": [row]}).json()
        told.append((answer["rows"][0]["outcome"], answer["withdrawn"]))
        kept = client.get("/annotations", params={"unique_id": "site/b"}).json()
        rows = prepared.read(conn, ["site/b"])
        listed.append((len(kept["annotations"]), (rows["quality"] == "planned_event").sum()))
    assert told == [("added", 0), ("withdrawn", 1), ("unchanged", 0)]
    assert listed == [(1, 6), (0, 0), (0, 0)]


def test_annotations_of_nobody_are_problems(client: httpx.Client) -> None:
    """An unknown series is 404, a missing name 422, another shape 422."""
    problem(client.get("/annotations", params={"unique_id": "none"}), 404, "unknown-series")
    problem(client.get("/annotations", params={"unique_id": "a\x00"}), 404, "unknown-series")
    problem(client.get("/annotations"), 422, "invalid-field")
    problem(client.post("/annotations", json={"annotations": {}}), 422, "invalid-field")


def test_the_document_shows_what_goes_in(client: httpx.Client) -> None:
    """OpenAPI has the routes, their schemas and an example each."""
    document = client.get("/docs.json").json()
    for path, name in (("/observations", "readings"), ("/annotations", "annotations")):
        post = document["paths"][path]["post"]
        assert post["requestBody"]["content"]["application/json"]["example"][name]
        assert "$ref" in post["responses"]["200"]["content"]["application/json"]["schema"]
    refs = {part.split('"')[0] for part in json.dumps(document).split("#/components/schemas/")[1:]}
    assert refs <= set(document["components"]["schemas"])
