"""Declarations: each mistake is a fault that names file, key, value and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from horizonte.errors import ConfigFault, NotFound
from horizonte.ingest.sources import find_source, load_sources, series_of
from horizonte.prepare.calendar import Place, calendar

GOOD: dict[str, Any] = {"freq": "30min", "series": {"Demand (MW)": {"unit": "MW"}}}


def _load(tmp_path: Path, body: Any) -> Any:
    path = tmp_path / "sources.yaml"
    path.write_text(body if isinstance(body, str) else yaml.safe_dump(body))
    return load_sources(path)


def test_defaults(tmp_path: Path) -> None:
    """Freq is kept as ISO, and a unique_id is source/column in snake case."""
    frame = series_of(_load(tmp_path, {"x": GOOD})["x"])
    row = frame.iloc[0]
    assert (row["unique_id"], row["freq"], row["zone"]) == ("x/demand_mw", "PT30M", "UTC")
    assert (row["known_ahead_hours"], row["publication_lag_seconds"], row["source"]) == (0, 0, "x")


@pytest.mark.parametrize(
    ("freq", "times", "zone"),
    [
        ("P1D", "local", "UTC"),
        ("P7D", "local", "UTC"),
        ("P1D", "offset", "America/Sao_Paulo"),
        ("PT1H", "local", "America/Sao_Paulo"),
    ],
)
def test_dates_keep_their_day(tmp_path: Path, freq: str, times: str, zone: str) -> None:
    """A date is a label, at 00:00 UTC: its calendar is that of UTC, as it is no instant there."""
    body = GOOD | {"freq": freq, "times": times, "zone": "America/Sao_Paulo"}
    (found,) = series_of(_load(tmp_path, {"x": body})["x"])["zone"]
    assert found == zone


def test_christmas_is_on_the_25th_of_december(tmp_path: Path) -> None:
    """Of a daily file from a zone west of Greenwich, too."""
    body = GOOD | {"freq": "P1D", "times": "local", "zone": "America/Sao_Paulo"}
    (zone,) = series_of(_load(tmp_path, {"x": body})["x"])["zone"]
    labels = pd.Series(pd.date_range("2024-12-25", periods=3, tz="UTC"))
    facts = calendar(labels, Place(zone, "BR"))
    assert facts["weekday"].tolist() == [2, 3, 4]
    assert facts["holiday"].tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("change", "key", "value", "says"),
    [
        ({"zone": "Melbourne"}, "x.zone", "Melbourne", "Australia/Melbourne"),
        ({"freq": "1 month"}, "x.freq", "1 month", "fixed step"),
        ({"layout": "tall"}, "x.layout", "tall", "'long' or 'wide'"),
        ({"dayfirst": True}, "x.dayfirst", "dayfirst", "day_first"),
        ({"publication_lag": "soon"}, "x.publication_lag", "soon", "duration"),
        ({"clock": "cuckoo"}, "x.clock", "cuckoo", "'wall' or 'recorded'"),
        ({"series": {}}, "x", sorted({**GOOD, "name": ""}), "at least one series"),
        ({"series": {"a": {"rol": "target"}}}, "x.series.a.rol", "rol", "role"),
        ({"series": {"a": {"covariates": ["x/b"]}}}, "x.series.a.covariates", "x/b", "unique_id"),
    ],
)
def test_mistakes(tmp_path: Path, change: Any, key: str, value: Any, says: str) -> None:
    """A wrong word is refused with its place, its value and what would be right."""
    with pytest.raises(ConfigFault) as caught:
        _load(tmp_path, {"x": {**GOOD, **change}})
    assert caught.value.thing == f"sources.yaml: {key}"
    assert caught.value.value == value
    assert says in f"{caught.value.allowed} {caught.value.fix}"


@pytest.mark.parametrize(
    "change",
    [
        {"decimal": ",", "thousands": ","},
        {"timestamp": ["a", "b", "c"]},
        {"series": {"a": {"lower": 2, "upper": 1}}},
        {"series": {"a b": {}, "a_b": {}}},
        {"series": {"observations": {}}},
        {"series": {"a": {"unique_id": "x/a/vintages"}}},
        {"series": {"a": {"unique_id": "x/a/vintages/3"}}},
    ],
)
def test_contradictions(tmp_path: Path, change: Any) -> None:
    """Settings that contradict each other, and names that would be ambiguous addresses, are refused."""
    with pytest.raises(ConfigFault):
        _load(tmp_path, {"x": {**GOOD, **change}})


@pytest.mark.parametrize("text", ["", "[1]", "x: 3", "x: {freq: PT1H", "x: {}\nx: {}", "\t"])
def test_unreadable(tmp_path: Path, text: str) -> None:
    """What is not a mapping of sources, or repeats a key, is refused."""
    with pytest.raises(ConfigFault):
        _load(tmp_path, text)


def test_series_belongs_to_one_source(tmp_path: Path) -> None:
    """Two sources cannot declare the same unique_id."""
    other = {**GOOD, "series": {"z": {"unique_id": "x/demand_mw"}}}
    with pytest.raises(ConfigFault, match="source x declares it"):
        _load(tmp_path, {"x": GOOD, "y": other})


def test_unknown_source(tmp_path: Path) -> None:
    """Asking for a source that is not declared names the nearest."""
    with pytest.raises(NotFound, match="mast"):
        find_source(_load(tmp_path, {"mast": GOOD}), "mats")
