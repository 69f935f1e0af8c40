"""What people know, from the store through every stage to the scores, on a small real panel.

Three runs of the stages over four real series: as they are; with annotations; and with the same
annotations over values that are nonsense wherever nothing may read them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pandas as pd
import psycopg
import pytest
import yaml
from tests.conftest import ROOT, SMALL

from horizonte import config
from horizonte.contracts import BACKTEST, PREPARED, SCORE
from horizonte.embedded import services
from horizonte.ingest import live
from horizonte.ingest.sources import load_sources
from horizonte.pipeline import clean, evaluate, features, files, snapshot, train
from horizonte.store import annotations, ledger, observations
from horizonte.store.connection import Connection, connect

END = pd.Timestamp("2015-09-30T23:00Z")  # the last reading
DAYS, DAY = 70, pd.Timedelta(days=1)
KEY = ["unique_id", "ds"]
SET_ASIDE = {  # one stretch that is only learnt from, one that is forecast
    "pedestrian/southern_cross_station": ("ignore", 50, 4),
    "pedestrian/qv_market_elizabeth_st_west": ("shutdown", 45, 3),
}
# Replaced before the first fit: all before would only be learnt from. Replaced among the tests:
# forecasts reach across.
EARLY, LATE = "pedestrian/bourke_street_mall_north", "pedestrian/birrarung_marr"
REPLACED = {EARLY: END - 46 * DAY, LATE: END - 2 * DAY}
NONSENSE = 12_345.0


class Run(NamedTuple):
    """Where a run left what it made."""

    root: Path

    @property
    def prepared(self) -> pd.DataFrame:
        return PREPARED.read(self.root / files.CLEAN).set_index(KEY)

    @property
    def backtest(self) -> pd.DataFrame:
        rows = BACKTEST.read(self.root / files.BACKTEST)
        return rows.set_index(["model", "unique_id", "cutoff", "ds"]).sort_index()

    @property
    def scored(self) -> pd.Series:
        rows = SCORE.read(self.root / files.SCORES).query("bucket == 'all'")
        return rows.set_index(["model", "unique_id"])["rows"]

    def outs(self, folder: str) -> dict[str, bytes]:
        place = self.root / "data" / folder
        return {str(p.relative_to(place)): p.read_bytes() for p in place.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Run]]:
    """The runs ``plain``, ``marked`` and ``nonsense``, each from a store of its own."""
    folder = tmp_path_factory.mktemp("annotated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HORIZONTE_HOME", str(folder / "home"))
        patch.setenv("LOKY_MAX_CPU_COUNT", "1")  # other processes would only start and import
        for name in ("HORIZONTE_DATABASE", "HORIZONTE_S3", "HORIZONTE_MQTT"):
            patch.delenv(name, raising=False)
        config.settings.cache_clear()
        try:
            server = services.up(("postgres",), link_project=False).database
            yield {
                "plain": _run(server, folder / "plain", _panel(), _none()),
                "marked": _run(server, folder / "marked", _panel(), _notes()),
                "nonsense": _run(server, folder / "nonsense", _nonsense(_panel()), _notes()),
            }
        finally:
            services.down()
    config.settings.cache_clear()


def _run(server: str, root: Path, rows: pd.DataFrame, notes: pd.DataFrame) -> Run:
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {root.name}".encode())
    (root / files.LOAD).parent.mkdir(parents=True)
    (root / files.LOAD).write_text("{}")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["snapshot"]["as_of"] = (END + pd.Timedelta(hours=1)).isoformat()
    params["features"] |= SMALL["features"] | {"test_days": 4, "selection_days": 14}
    params["train"] |= SMALL["train"]
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    (root / "sources.yaml").write_bytes((ROOT / "sources.yaml").read_bytes())
    with connect(urlsplit(server)._replace(path=f"/{root.name}").geturl()) as conn:
        _fill(conn, rows, notes)
        snapshot.run(conn, root=root)
    clean.run(root=root)
    features.run(root=root)
    train.run(root=root)
    if root.name != "nonsense":  # it differs in nothing that is evaluated
        evaluate.run(root=root)
    return Run(root)


def _fill(conn: Connection, rows: pd.DataFrame, notes: pd.DataFrame) -> None:
    source = load_sources(ROOT / "sources.yaml")["pedestrian"]
    live.declare(conn, source)
    batch = ledger.open_batch(conn, source=source.name, kind="request", name="rows", sha256=None)
    ledger.close_batch(conn, batch, observations.append(conn, rows, batch=batch))
    annotations.add(conn, notes)


def _panel() -> pd.DataFrame:
    source = load_sources(ROOT / "sources.yaml")["pedestrian"]
    wide = pd.read_excel(ROOT / "data/sample/pedestrian_hourly.xlsx")
    names = {"timestamp": "ds"} | {key: source.unique_id(key) for key in source.series}
    long = wide.rename(columns=names).melt("ds", var_name="unique_id", value_name="y").dropna()
    long["ds"] = pd.to_datetime(long["ds"], utc=True).astype("datetime64[ns, UTC]")
    return long[(long["ds"] > END - DAYS * DAY) & (long["ds"] <= END)].reset_index(drop=True)


def _notes() -> pd.DataFrame:
    """Return the annotations, each known from its start."""
    rows = [
        (name, END - days * DAY, END - (days - 1) * DAY, kind)
        for name, (kind, *ages) in SET_ASIDE.items()
        for days in ages
    ]
    rows += [(n, at, at + pd.Timedelta(hours=1), "sensor_replaced") for n, at in REPLACED.items()]
    frame = pd.DataFrame(rows, columns=["unique_id", "starts_at", "ends_at", "kind"])
    return frame.assign(note="", available_at=frame["starts_at"], withdrawn=False)


def _none() -> pd.DataFrame:
    return _notes()[:0]


def _nonsense(rows: pd.DataFrame) -> pd.DataFrame:
    """Return ``rows`` with what nothing may read replaced."""
    spoilt = _aside(rows) | ((rows["unique_id"] == EARLY) & (rows["ds"] < REPLACED[EARLY]))
    return rows.assign(y=rows["y"].mask(spoilt, NONSENSE))


def _aside(rows: pd.DataFrame) -> pd.Series:
    """Return which of ``rows`` (unique_id, ds) are ignored or of a shutdown."""
    found = pd.Series(False, index=rows.index)
    for name, (_, *ages) in SET_ASIDE.items():
        for days in ages:
            start = END - days * DAY
            within = (rows["ds"] >= start) & (rows["ds"] < start + DAY)
            found |= (rows["unique_id"] == name) & within
    return found


def _across(rows: pd.DataFrame) -> pd.Series:
    """Return which of ``rows`` (unique_id, cutoff, ds) reach over the late replacement."""
    at = REPLACED[LATE]
    return (rows["unique_id"] == LATE) & (rows["cutoff"] < at) & (rows["ds"] >= at)


def test_cleaning_sets_aside_what_is_marked(runs: dict[str, Run]) -> None:
    """Marked cells have no value and say so; that they had one before is known from the plain run."""
    plain, marked = runs["plain"].prepared, runs["marked"].prepared
    aside = _aside(marked.index.to_frame(index=False)).to_numpy()
    assert aside.sum() == 4 * 24
    assert set(marked[aside]["quality"]) == {"ignored"}
    assert marked[aside]["y"].isna().all()
    assert marked[aside]["y_raw"].equals(plain[aside]["y_raw"])
    assert plain[aside]["y"].notna().all()
    assert "ignored" not in set(marked[~aside]["quality"])


def test_no_fold_holds_what_is_marked(runs: dict[str, Run]) -> None:
    """In the history of no fit and no forecast is a marked value, nor one of a sensor before."""
    for kind in ("fit", "tail"):
        plain, marked = (
            features.read(runs[n].root, kind, "PT1H").history for n in runs if n != "nonsense"
        )
        early = (marked["unique_id"] == EARLY) & (marked["ds"] < REPLACED[EARLY])
        late = (marked["unique_id"] == LATE) & (marked["ds"] < REPLACED[LATE])
        gone = _aside(marked) | early | (late & (marked["cutoff"] >= REPLACED[LATE]))
        assert marked[gone]["y"].isna().all()
        assert plain[gone]["y"].notna().mean() > 0.5
        assert marked[late & ~gone]["y"].equals(plain[late & ~gone]["y"]), (
            "known before it happened"
        )


def test_nothing_learns_from_what_is_marked(runs: dict[str, Run]) -> None:
    """Whatever stands there, model, weights and intervals are the same to the byte; unmarked, not."""
    plain, marked, nonsense = (runs[name].outs("models") for name in runs)
    assert nonsense == marked
    assert runs["nonsense"].outs("features") == runs["marked"].outs("features")
    assert [
        name for name in marked if name.startswith("model/PT1H/") and marked[name] != plain[name]
    ]
    means = [
        BACKTEST.read(runs[name].root / files.SELECTION).query("model == 'linear'").set_index(KEY)
        for name in ("plain", "marked")
    ]
    for name in (*SET_ASIDE, EARLY):  # a family that learns did learn from them, unmarked
        assert not means[0].loc[name]["mean"].equals(means[1].loc[name]["mean"]), name


def test_nothing_is_scored_against_what_is_marked(runs: dict[str, Run]) -> None:
    """The marked actuals are gone from every forecast of the tests, and no other one is."""
    plain, marked = runs["plain"].backtest["y"], runs["marked"].backtest["y"]
    keys = marked.index.to_frame(index=False)
    gone = (_aside(keys) | _across(keys)).to_numpy()
    assert (_aside(keys).any(), _across(keys).any()) == (True, True)
    pd.testing.assert_series_equal(marked, plain.mask(gone))
    lost = plain[gone].notna().groupby(level=["model", "unique_id"]).sum()
    assert (lost > 0).groupby(level="unique_id").all().sum() == 3
    change = runs["plain"].scored - runs["marked"].scored
    assert change[change > 0].to_dict() == lost[lost > 0].to_dict()
