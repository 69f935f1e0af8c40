"""Series registered over HTTP: declared as in sources.yaml, then read, cleaned and forecast."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from horizonte.errors import DataFault
from horizonte.ingest.registration import declaration, register
from horizonte.ingest.sources import load_sources
from horizonte.store import prepared
from horizonte.store.connection import Connection

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
BASE: dict[str, Any] = {"freq": "PT1H", "zone": "America/Sao_Paulo", "clock": "recorded"}


def declared(client: httpx.Client, name: str, series: object, **more: object) -> httpx.Response:
    return client.post("/series", json={"name": name, **BASE, "series": series, **more})


def refused(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code in (404, 422), answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_registered_series_is_read_cleaned_and_forecast(
    client: httpx.Client, conn: Connection
) -> None:
    """Readings of a series that was unknown before go the whole way to a forecast of the fallback."""
    answer = declared(client, "mill", {"load": {"unit": "kW", "upper": 500}}).json()
    assert answer["series"] == [{"unique_id": "mill/load", "outcome": "registered"}]
    ds = pd.date_range("2025-06-01T03:00:00Z", periods=24 * 10, freq="h")
    rows = [
        {"unique_id": "mill/load", "ds": f"{at:%Y-%m-%dT%H:%M:%SZ}", "y": 50.0 + at.hour}
        for at in ds
    ]
    rows[100]["y"] = 9000.0
    done = client.post("/observations", json={"readings": rows}).json()
    assert (done["accepted"], len(done["batches"])) == (240, 1)
    batch = conn.execute("SELECT source, accepted FROM ingest_batch WHERE id = %s", done["batches"])
    assert batch.fetchone() == ("mill", 240)
    clean = prepared.read(conn, ["mill/load"])
    assert clean.loc[clean["ds"] == ds[100], "quality"].item() == "out_of_range"
    said = client.post("/forecast", json={"series": "mill/load"}).json()["forecasts"][0]
    assert (said["model_version"], said["unit"]) == ("untrained", "kW")
    assert pd.Timestamp(said["cutoff"]) == ds[-1]


def test_the_same_declaration_again_changes_nothing(client: httpx.Client) -> None:
    """It is unchanged, and another series beside it is registered."""
    declared(client, "weir", {"flow": {"unit": "m3/s"}}).raise_for_status()
    more = {"flow": {"unit": "m3/s"}, "level": {"unit": "m", "covariates": ["weir/flow"]}}
    answer = declared(client, "weir", more).json()
    assert (answer["registered"], answer["unchanged"]) == (1, 1)


def test_what_is_on_record_is_not_changed(client: httpx.Client, conn: Connection) -> None:
    """Another unit, grid, clock or source for what is registered is refused whole."""
    declared(client, "kiln", {"heat": {"unit": "C"}}).raise_for_status()
    new = {"gas": {}}
    for answer, field in (
        (declared(client, "kiln", {"heat": {"unit": "K"}} | new), "series kiln/heat: unit"),
        (declared(client, "kiln", new, freq="PT30M"), "freq"),
        (declared(client, "kiln", new, zone="UTC"), "zone"),
        (declared(client, "kiln", new, clock="wall"), "clock"),
        (
            declared(client, "oven", {"x": {"unique_id": "kiln/heat", "unit": "C"}}),
            "series kiln/heat: source",
        ),
    ):
        assert refused(answer)["field"] == field
    found = conn.execute("SELECT unique_id FROM series WHERE source IN ('kiln', 'oven')")
    assert found.fetchall() == [("kiln/heat",)]


@pytest.mark.parametrize(
    ("name", "unique_id", "field"), [("vic", "vic/x", "name"), ("oven", "vic/demand_mw", "series")]
)
def test_what_the_project_declares_is_left_to_it(
    conn: Connection, name: str, unique_id: str, field: str
) -> None:
    """Neither a source nor a series of sources.yaml can be declared beside it."""
    given = {"name": name, **BASE, "series": {"x": {"unique_id": unique_id}}}
    with pytest.raises(DataFault) as why:
        register(conn, declaration(given), project=load_sources(ROOT / "sources.yaml"))
    assert why.value.thing == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Ação"}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": 7}, "name"),
        ({"freq": "P1M"}, "freq"),
        ({"freq": None}, "freq"),
        ({"zone": "Mars/Base"}, "zone"),
        ({"clock": "sun"}, "clock"),
        ({"files": "*.csv"}, "files"),
        ({"series": {}}, "series"),
        ({"series": []}, "series"),
        ({"series": {"a": {"lower": 2, "upper": 1}}}, "series.a"),
        ({"series": {"a": {"colour": "red"}}}, "series.a.colour"),
        ({"series": {"a": {"unique_id": "a/observations"}}}, "series"),
        ({"series": {"a": {"unique_id": "a\u0000b"}}}, "series: unique_id"),
        ({"series": {"a": {"covariates": ["nobody/knows"]}}}, "series"),
        ({"series": {str(n): {} for n in range(1001)}}, "series"),
    ],
)  # fmt: skip
def test_what_is_no_declaration(
    client: httpx.Client, conn: Connection, change: dict[str, Any], field: str
) -> None:
    """The key that is wrong is named, and nothing is registered."""
    body = {"name": "pump", **BASE, "series": {"a": {}}} | change
    assert refused(client.post("/series", json=body))["field"] == field
    assert conn.execute("SELECT 1 FROM series WHERE source = 'pump'").fetchone() is None


@pytest.mark.parametrize("body", ["[]", "7", "{", '"x"'])
def test_what_is_no_object(client: httpx.Client, body: str) -> None:
    """A body that is none of ours is refused as such."""
    answer = client.post("/series", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
