"""The bytes of a vintage on record: written once, their age filled in, unchanged when known."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from horizonte.contracts import QUANTILE_COLUMNS
from horizonte.errors import DataFault
from horizonte.serve import stored, stored_route
from horizonte.serve.latest import View
from horizonte.serve.schemas import SeriesForecast
from horizonte.serve.stored import Entry
from horizonte.store.clocks import Clock
from horizonte.store.forecasts import Vintage

AT = pd.Timestamp("2025-01-01T10:00Z")
MICRO = AT.value // 1000
TRICK = 'a","age_seconds":9,"x":"'


def facts(**more: str) -> dict[str, Any]:
    plain = {"unit": "MW", "zone": "America/Sao_Paulo", "freq": "PT30M", "source": "s"}
    return {**plain, **more}


@pytest.fixture
def vintage() -> Vintage:
    ds = pd.date_range(AT, periods=3, freq="30min")
    bands = {name: np.arange(3.0) / 3 + i for i, name in enumerate(QUANTILE_COLUMNS)}
    rows = pd.DataFrame({"unique_id": TRICK, "ds": ds, "mean": [1.0, 2.5, 1e-9], **bands})
    return Vintage(7, TRICK, "live", "v", AT, AT, AT, None, None, None, None, rows)


@pytest.fixture
def entry(vintage: Vintage) -> Entry:
    return stored.entry(vintage, facts())


@pytest.mark.parametrize("seconds", [0.0, 0.1, 1800.0, 86_400.000001])
def test_the_age_is_filled_in_as_the_model_would_write_it(entry: Entry, seconds: float) -> None:
    """Whatever the age, and whatever the texts before it, the bytes are those of the whole object."""
    body = stored.reply(entry, now=MICRO + round(seconds * 1e6)).body
    read = SeriesForecast.model_validate_json(body)
    assert read.age_seconds == seconds
    assert read.unique_id == TRICK
    assert body == read.model_dump_json().encode()


def test_fewer_steps_and_levels_are_another_representation(vintage: Vintage, entry: Entry) -> None:
    """The tag changes with what is shown, and not with the age."""
    part = stored.entry(vintage, facts(), steps=2, levels=[80])
    rows = json.loads(stored.reply(part, now=MICRO).body)["rows"]
    assert [set(row) for row in rows] == [{"ds", "mean", "lo_80", "hi_80"}] * 2
    assert part.etag != entry.etag == stored.entry(vintage, facts()).etag
    assert stored.entry(vintage, facts(unit="kW")).etag != entry.etag


def test_a_known_tag_is_answered_304_without_a_body(entry: Entry) -> None:
    """The answer names the tag again and carries neither body nor its type."""
    told = stored.reply(entry, now=MICRO, if_none_match=b'"other", ' + entry.etag)
    assert (told.status, told.body) == (304, b"")
    assert dict(told.headers)[b"etag"] == entry.etag
    assert b"content-type" not in dict(told.headers)
    assert stored.reply(entry, now=MICRO, if_none_match=b'"other"').status == 200


@pytest.mark.parametrize(("header", "known"), [
    (b'W/"1-a"', True), (b'"1-a"', True), (b'"x", W/"1-a"', True), (b"*", True), (b'"1-b"', False),
    (b"", False), (b"1-a", False),
])  # fmt: skip
def test_tags_compare_weakly(header: bytes, known: bool) -> None:
    """W/ makes no difference, quotes do."""
    assert stored.matches(header, b'W/"1-a"') is known


def test_an_age_follows_the_clock_of_the_source(entry: Entry) -> None:
    """A wall clock goes on in whole steps, a recording stands, and none is before the vintage."""
    step = 1_800_000_000
    wall = View({}, {"s": Clock(MICRO, step, ahead=-5)})
    assert wall.now(entry, MICRO + step + 4) - MICRO == 0
    assert wall.now(entry, MICRO + step + 5) - MICRO == step
    assert View({}, {"s": Clock(MICRO + 7, 0)}).now(entry, MICRO + step) - MICRO == 7
    assert View().now(entry, MICRO + step) == MICRO


def test_query_values_are_read_as_the_body_s_are() -> None:
    """Digits are steps, other texts durations; a level that is none is refused by name."""
    assert [stored_route.horizon_of(t) for t in ("24", "PT24H", None)] == [24, "PT24H", None]
    assert stored_route.levels_of(["90", "80", "90"]) == [80, 90]
    assert stored_route.levels_of(None) is None
    with pytest.raises(DataFault, match="levels: '70'"):
        stored_route.levels_of(["80", "70"])
