"""The routes that only look: what they show is what the database holds, page by page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from horizonte.serve import cursors
from horizonte.serve import folder as model_folder
from horizonte.store import forecasts, prepared
from horizonte.store.connection import connect

from .conftest import RULES

pytestmark = pytest.mark.slow


def found(client: httpx.Client, path: str, **asked: Any) -> dict[str, Any]:
    answer = client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def walked(client: httpx.Client, path: str, key: str, **asked: Any) -> list[dict[str, Any]]:
    """Follow the Link headers from page to page, and return all rows."""
    rows: list[dict[str, Any]] = []
    answer = client.get(path, params=asked)
    while True:
        rows += answer.json()[key]
        if "next" not in answer.links:
            assert answer.json()["next"] is None
            return rows
        answer = client.get(answer.links["next"]["url"])


def test_series_tell_their_grid_their_newest_reading_and_who_forecasts_them(
    client: httpx.Client, model: Path, world: Any
) -> None:
    """Targets by default, covariates on request, one by its name."""
    client.post("/forecast", json={"series": "site/a"})
    rows = {row["unique_id"]: row for row in found(client, "/series")["series"]}
    assert list(rows) == ["plant/load", "site/a", "site/b"]
    last = world.until("site", world.end - pd.Timedelta(days=1)).query("unique_id == 'site/a'")
    one = rows["site/a"]
    assert pd.Timestamp(one["last_ds"]) == last["ds"].max()
    assert (one["horizon"], one["horizon_duration"]) == (12, "PT12H")
    assert one["model_version"] == model_folder.verified(model)[0]
    assert one["last_issued_at"] is not None
    assert one == found(client, "/series/site/a")
    covariates = found(client, "/series", role="covariate", source="site")["series"]
    assert [row["unique_id"] for row in covariates] == ["site/open", "site/temperature"]
    assert covariates[0]["model_version"] is None
    assert len(found(client, "/series", role="any")["series"]) == len(rows) + len(covariates)
    assert walked(client, "/series", "series", limit=1) == list(rows.values())


def test_raw_readings_come_whole_in_pages_with_their_revisions(
    client: httpx.Client, loaded: str, load: Any, world: Any
) -> None:
    """Every page together is what was loaded; a correction shows, and as of before it does not."""
    at = world.end - pd.Timedelta(days=20)
    with connect(loaded) as conn:
        load(conn, pd.DataFrame({"unique_id": ["site/b"], "ds": [at], "y": [77.0]}))
    path = "/series/site/b/observations"
    rows = walked(client, path, "observations", limit=500)
    kept = world.until("site", world.end - pd.Timedelta(days=1)).query("unique_id == 'site/b'")
    told = pd.Series({pd.Timestamp(r["ds"]): r["y"] for r in rows})
    wanted = kept.set_index("ds")["y"].where(lambda y: y.index != at, 77.0)
    pd.testing.assert_series_equal(told, wanted, check_names=False, check_freq=False)
    (one,) = found(client, path, start=at.isoformat(), end=(at + pd.Timedelta("1h")).isoformat())[
        "observations"
    ]
    assert (one["y"], one["revision"]) == (77.0, 1)
    before = pd.Timestamp(one["available_at"]) - pd.Timedelta("1s")
    old = found(client, path, start=at.isoformat(), limit=1, as_of=before.isoformat())
    assert old["observations"][0]["revision"] == 0
    assert old["observations"][0]["y"] == kept.set_index("ds")["y"][at]


def test_the_clean_grid_is_the_prepared_table(client: httpx.Client, loaded: str) -> None:
    """kind=prepared shows y, y_raw and quality of every cell."""
    with connect(loaded) as conn:
        prepared.follow(conn, RULES)
        kept = prepared.read(conn, ["site/a"])
    rows = walked(client, "/series/site/a/observations", "observations", kind="prepared")
    assert len(rows) == len(kept) > 1000
    assert [r["quality"] for r in rows] == kept["quality"].tolist()
    assert [r["y"] for r in rows] == [None if pd.isna(y) else y for y in kept["y"]]


def test_vintages_are_listed_newest_first_and_shown_as_they_were_said(
    client: httpx.Client, loaded: str, load: Any, world: Any
) -> None:
    """Two forecasts on record make two entries; each row is the stored one."""
    for day, y in ((12, 90.0), (13, 91.0)):
        with connect(loaded) as conn:
            ds = [world.end - pd.Timedelta(days=day)]
            load(conn, pd.DataFrame({"unique_id": ["plant/load"], "ds": ds, "y": [y]}))
        client.post("/forecast", json={"series": "plant/load"}).raise_for_status()
    asked = {"series": "plant/load", "as_of": (world.end - pd.Timedelta(days=9)).isoformat()}
    client.post("/forecast", json=asked).raise_for_status()
    entries = walked(client, "/forecasts/plant/load/vintages", "vintages", limit=1)
    assert len(entries) >= 2
    assert [e["run_id"] for e in entries] == sorted((e["run_id"] for e in entries), reverse=True)
    shown = found(client, f"/forecasts/plant/load/vintages/{entries[0]['run_id']}")
    with connect(loaded) as conn:
        kept = forecasts.latest(conn, ["plant/load"])["plant/load"]
    assert shown["run_id"] == kept.run_id
    assert [r["q90"] for r in shown["rows"]] == kept.rows["q90"].tolist()
    assert (shown["freq"], shown["unit"], shown["purpose"]) == ("PT30M", "MW", "live")
    everything = found(client, "/forecasts/plant/load/vintages", purpose="any")["vintages"]
    assert everything[1:] == entries
    assert everything[0]["purpose"] == "replay"
    late = found(client, "/forecasts/plant/load/vintages", start=entries[0]["issued_at"])
    assert [e["run_id"] for e in late["vintages"]] == [entries[0]["run_id"]]


def test_a_model_version_shows_its_card_and_why_it_serves(
    client: httpx.Client, model: Path
) -> None:
    """Eight digits name it; the list says which is the champion."""
    version, card = model_folder.verified(model)
    shown = found(client, f"/models/{version[:8]}")
    assert (shown["model_version"], shown["card"]) == (version, card)
    assert [p["why"] for p in shown["promotions"]] == ["the test's champion"]
    assert shown["champion"] is True
    assert (shown["gates"], shown["promotions"][0]["gain"]) == ([], None)
    listed = found(client, "/models")["models"]
    assert [(m["model_version"], m["champion"]) for m in listed] == [(version, True)]


@pytest.mark.parametrize(("path", "status", "field"), [
    ("/series/site/A", 404, "series"),
    ("/series/nul%00", 404, "series"),
    ("/series?role=both", 422, "role"),
    ("/series?role=", 422, "role"),
    ("/forecasts/site/a/vintages?purpose=", 422, "purpose"),
    ("/series?rolle=target", 422, "rolle"),
    ("/series?limit=0", 422, "limit"),
    ("/series?cursor=nonsense", 422, "cursor"),
    ("/series?source=nul%00", 404, "source"),
    ("/series/site/a/observations?start=yesterday", 422, "start"),
    ("/series/site/a/observations?start=2025-01-01", 422, "start"),
    ("/series/site/a/observations?kind=prepared&as_of=2025-01-01T00:00:00Z", 422, "as_of"),
    ("/series/site/a/observations?cursor=MTIz", 422, "cursor"),
    ("/series/site/a/observations?start=0001-01-01T00:00:00%2B10:00", 422, "start"),
    ("/series/site/a/observations?end=9999-12-31T23:59:59-10:00", 422, "end"),
    ("/series/site/a/observations?as_of=0001-01-01T00:00:00Z", 422, "as_of"),
    (f"/series/site/a/observations?cursor={cursors.written('0001-01-01T00:00:00+10:00')}",
     422, "cursor"),
    ("/forecasts/site/a/vintages?start=9999-12-31T23:59:59-10:00", 422, "start"),
    ("/forecasts/site/a/vintages?end=0001-01-01T00:00:00%2B10:00", 422, "end"),
    ("/forecasts/site/A?horizon=", 422, "horizon"),
    (f"/forecasts/{'a' * 201}", 422, "unique_id"),
    ("/forecasts/site/A/vintages", 404, "series"),
    ("/forecasts/site/a/vintages/99999999999999999999999", 404, "run_id"),
    ("/forecasts/site/a/vintages/one", 422, "run_id"),
    ("/models/ffffffff", 404, "model_version"),
    ("/models/%25", 404, "model_version"),
])  # fmt: skip
def test_what_does_not_exist_or_fit_is_named(
    client: httpx.Client, path: str, status: int, field: str
) -> None:
    """Each is a problem that names the parameter and the fix."""
    answer = client.get(path)
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, body["field"]) == (status, field), body
    assert body["fix"]


@pytest.mark.parametrize(("path", "methods"), [
    ("/annotations", "GET, POST"),
    ("/forecast", "POST"),
    ("/series", "GET, POST"),
])  # fmt: skip
def test_an_address_says_which_methods_it_takes(
    client: httpx.Client, path: str, methods: str
) -> None:
    """405 names them all in Allow."""
    answer = client.request("TRACE", path)
    assert (answer.status_code, answer.headers["allow"]) == (405, methods)
