"""The sample as ``sources.yaml`` declares it: every row of the real files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from horizonte.ingest.files import Parsed, read
from horizonte.ingest.sources import Source, load_sources, series_of

ROOT = Path(__file__).parents[3]
SOURCES = load_sources(ROOT / "sources.yaml")


def _read(name: str) -> Parsed:
    source = SOURCES[name]
    (pattern,) = source.files
    return read(ROOT / pattern, source)


@pytest.mark.parametrize(
    ("name", "count", "first", "last"),
    [
        ("vic", 157_824, "2011-12-31 13:00", "2014-12-31 12:30"),
        ("pedestrian", 66_037, "2014-12-31 13:00", "2016-12-31 12:00"),
        ("mast", 1_243_177, "2016-01-09 15:30", "2017-11-23 10:50"),
    ],
)
def test_every_row(name: str, count: int, first: str, last: str) -> None:
    """All readings of a sample file are kept and none is refused."""
    parsed = _read(name)
    assert (len(parsed.rows), parsed.refused_count, parsed.repeated) == (count, 0, 0)
    assert parsed.rows["ds"].min() == pd.Timestamp(first, tz="UTC")
    assert parsed.rows["ds"].max() == pd.Timestamp(last, tz="UTC")
    assert set(parsed.rows["unique_id"]) == set(series_of(SOURCES[name])["unique_id"])


def test_long_twin() -> None:
    """The long CSV of the pedestrians gives exactly the rows of the wide workbook."""
    wide = SOURCES["pedestrian"]
    long = Source.model_validate(
        wide.model_dump() | {"name": wide.name, "layout": "long", "id": "sensor", "value": "count"}
    )
    twin = read(ROOT / "data/sample/pedestrian_hourly.csv.gz", long)
    keys = ["unique_id", "ds"]
    both = [p.rows.sort_values(keys, ignore_index=True) for p in (_read("pedestrian"), twin)]
    pd.testing.assert_frame_equal(both[0], both[1], check_exact=True)


def test_series_of_the_sample() -> None:
    """Six targets, holidays known a year ahead, and past-only covariates of the mast."""
    series = pd.concat([series_of(s) for s in SOURCES.values()]).set_index("unique_id")
    assert sorted(series.index[series["role"] == "target"]) == [
        "mast/spd80m_n",
        "pedestrian/birrarung_marr",
        "pedestrian/bourke_street_mall_north",
        "pedestrian/qv_market_elizabeth_st_west",
        "pedestrian/southern_cross_station",
        "vic/demand_mw",
    ]
    assert series.loc["vic/holiday", "known_ahead_hours"] == 365 * 24
    covariates = list(series["covariates"]["mast/spd80m_n"])
    assert len(covariates) == 12
    assert set(covariates) < set(series.index)


def test_fault_labels_are_not_a_source() -> None:
    """No declared glob reaches the ground truth of the mast's faults."""
    found = {path.name for s in SOURCES.values() for glob in s.files for path in ROOT.glob(glob)}
    assert found == {"vic_demand_30min.csv", "pedestrian_hourly.xlsx", "mast_10min.csv.gz"}
