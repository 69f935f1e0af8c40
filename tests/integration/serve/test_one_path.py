"""One path: whoever asks the same question is told the same bits, and what-ifs stay what-ifs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from horizonte import jobs
from horizonte.contracts import QUANTILE_COLUMNS
from horizonte.serve import champion as champions
from horizonte.serve import predict
from horizonte.store import forecasts
from horizonte.store.connection import connect

pytestmark = pytest.mark.slow
NAMES = ["site/a", "site/b", "plant/load"]
COLUMNS = ["mean", *QUANTILE_COLUMNS]


def asked(client: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = client.post("/forecast", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def bits(rows: Any) -> bytes:
    found: bytes = np.array(pd.DataFrame(rows)[COLUMNS], dtype=float).tobytes()
    return found


def test_every_way_to_ask_gives_the_same_bits(
    client: httpx.Client, loaded: str, model: Path
) -> None:
    """Job, stored answer, list, one by one, replay, vintage, newest on record, bare function."""
    jobs.forecast()
    single = {name: asked(client, series=name)["forecasts"][0] for name in NAMES}
    assert {one["origin"] for one in single.values()} == {"stored"}
    whole = {f["unique_id"]: f for f in asked(client, series=NAMES[::-1])["forecasts"]}
    now = datetime(2025, 3, 10, tzinfo=UTC)
    with connect(loaded) as conn:
        kept = forecasts.latest(conn, NAMES)
        made = predict.forecast(conn, champions.load(model), unique_ids=NAMES, now=now)
    bare = {v.unique_id: v for v in made}
    for name in NAMES:
        again = asked(client, series=name, as_of=single[name]["as_of"])["forecasts"][0]
        assert (again["origin"], again["purpose"]) == ("computed", "replay")
        shown = client.get(f"/forecasts/{name}/vintages/{kept[name].run_id}").json()
        newest = client.get(f"/forecasts/{name}").json()
        told = [single[name], whole[name], again, shown, newest]
        assert {bits(t["rows"]) for t in told} == {bits(kept[name].rows)} == {bits(bare[name].rows)}


def test_a_what_if_moves_the_forecast_and_is_never_what_was_said(
    client: httpx.Client, loaded: str
) -> None:
    """Supposing what is on record changes nothing; its opposite does; neither becomes live."""
    said = asked(client, series="site/a")["forecasts"][0]
    days = [pd.Timestamp(row["ds"]) for row in said["rows"]]
    with connect(loaded) as conn:
        query = "SELECT ds, y FROM observation WHERE unique_id = 'site/open' AND ds = ANY(%s)"
        plan = dict(conn.execute(query, (days,)).fetchall())
        before = forecasts.latest(conn, ["site/a"])["site/a"]

    def supposing(flip: bool) -> dict[str, Any]:
        rows = [{"ds": d.isoformat(), "value": 1 - plan[d] if flip else plan[d]} for d in days]
        return asked(client, series="site/a", known_future={"site/open": rows})["forecasts"][0]

    same, other = supposing(flip=False), supposing(flip=True)
    assert bits(same["rows"]) == bits(said["rows"]) != bits(other["rows"])
    assert {same["purpose"], other["purpose"]} == {"what_if"}
    assert asked(client, series="site/a")["forecasts"][0]["rows"] == said["rows"]
    with connect(loaded) as conn:
        assert forecasts.latest(conn, ["site/a"])["site/a"].run_id == before.run_id
        kept = forecasts.latest(conn, ["site/a"], purpose="what_if")["site/a"]
    assert bits(kept.rows) == bits(other["rows"])


def test_before_the_first_reading_nothing_is_replayed(client: httpx.Client) -> None:
    """Refused with the instant from which the source was known; from it on it is answered."""
    first = "2025-01-06T01:00:00+00:00"
    early = {"series": "site/a", "as_of": "2025-01-06T00:59:59Z"}
    told = client.post("/forecast", json=early).json()
    assert (told["status"], told["field"]) == (422, "as_of")
    assert first in told["allowed"]
    assert asked(client, series="site/a", as_of=first)["forecasts"][0]["purpose"] == "replay"


@pytest.mark.parametrize(("body", "field"), [
    ({"as_of": "2035-01-01T00:00:00Z"}, "as_of"),
    ({"as_of": "2025-03-01"}, "as_of"),
    ({"as_of": "0001-01-01T00:00:00Z"}, "as_of"),
    ({"as_of": "9999-12-31T23:59:59-10:00"}, "as_of"),
    ({"as_of": "2025-01-05T23:59:59Z"}, "as_of"),
    ({"known_future": {"site/open": [{"ds": "0001-01-01T00:00:00+10:00", "value": 1}]}},
     "known_future.site/open.0.ds"),
    ({"known_future": {"site/open": [{"ds": "9999-12-31T23:00:00Z", "value": 1}]}},
     "known_future.site/open.0.ds"),
    ({"levels": [80], "quantiles": [0.5]}, "body"),
    ({"quantiles": [0.99]}, "quantiles.0"),
    ({"quantiles": []}, "quantiles"),
    ({"known_future": {}}, "known_future"),
    ({"known_future": {"site/open": []}}, "known_future.site/open"),
    ({"known_future": {"site/open": [{"ds": "2025-03-09T01:00:00Z", "value": "x"}]}},
     "known_future.site/open.0.value"),
    ({"known_future": {"site/temperature": [{"ds": "2025-03-09T01:00:00Z", "value": 1}]}},
     "known_future"),
])  # fmt: skip
def test_what_cannot_be_supposed_or_replayed_is_named(
    client: httpx.Client, body: dict[str, Any], field: str
) -> None:
    """The field, as the client wrote it, and the fix."""
    answer = client.post("/forecast", json={"series": "site/a", **body})
    told = answer.json()
    assert (answer.status_code // 100, told["field"]) == (4, field), told
    assert told["fix"]
