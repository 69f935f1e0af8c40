"""A small trained model, its data in a real database, and a service that serves it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import numpy as np
import pandas as pd
import psycopg
import pytest
from tests.series import row

from horizonte import config
from horizonte.contracts import SERIES
from horizonte.embedded import process
from horizonte.embedded.endpoints import S3Settings
from horizonte.model.backtest import Group, Known
from horizonte.model.train import Plan, train
from horizonte.params import Features, Rules
from horizonte.prepare import folds
from horizonte.prepare.history import Archive
from horizonte.prepare.panel import known_future, panel
from horizonte.retrain.publish import publish
from horizonte.serve import folder as model_folder
from horizonte.serve import run
from horizonte.store import ledger, observations, series
from horizonte.store.connection import Connection, connect

START = pd.Timestamp("2025-01-06", tz="UTC")
END = pd.Timestamp("2025-03-10", tz="UTC")
RULES = Rules(impute_up_to="PT2H", flatline_after=None, spike_window="P3D", spike_mads=None)
FEATURES = Features(
    horizon="PT12H",
    test_days=0,
    selection_days=21,
    selection_every="PT19H",
    refit_every="P30D",
    tail="P14D",
)
COUNTER = {"unit": "people", "zone": "Australia/Melbourne", "role": "target", "source": "site"}


def _row(unique_id: str, freq: str, **facts: Any) -> dict[str, Any]:
    return row(unique_id, **{"freq": freq, "lower": 0.0} | COUNTER | facts)


@dataclass(frozen=True)
class World:
    """What exists: SERIES, and all readings as (unique_id, ds, y) up to ``end``."""

    series: pd.DataFrame
    readings: pd.DataFrame
    end: pd.Timestamp = END

    def until(self, source: str, end: pd.Timestamp) -> pd.DataFrame:
        """Return what ``source`` has read up to ``end``; what is known ahead comes whole."""
        own = self.series[self.series["source"] == source]
        ahead = own.loc[own["known_ahead_hours"] > 0, "unique_id"]
        rows = self.readings[self.readings["unique_id"].isin(own["unique_id"])]
        return rows[(rows["ds"] <= end) | rows["unique_id"].isin(ahead)]


@pytest.fixture(scope="session")
def world() -> World:
    """Two hourly counters with covariates, and a half-hourly plant of another source."""
    covariate = {"role": "covariate", "lower": None}
    declared = [
        _row("site/a", "PT1H", covariates=["site/temperature", "site/open"]),
        _row("site/b", "PT1H"),
        _row("site/temperature", "PT1H", **covariate),
        _row("site/open", "PT1H", known_ahead_hours=8760.0, **covariate),
        _row("plant/load", "PT30M", unit="MW", source="plant", zone="America/Sao_Paulo"),
    ]
    parts = [_readings(row, number) for number, row in enumerate(declared)]
    return World(SERIES.check(pd.DataFrame(declared)), pd.concat(parts, ignore_index=True))


def _readings(row: dict[str, Any], seed: int) -> pd.DataFrame:
    ahead = row["known_ahead_hours"] > 0
    ds = pd.date_range(START, END + pd.Timedelta(days=5 * ahead), freq=pd.Timedelta(row["freq"]))
    hours = np.asarray((ds - START) / pd.Timedelta(hours=1), dtype=float)
    noise = np.random.default_rng(seed).normal(0, 3, len(ds))
    wave = 100 + 40 * np.sin(2 * np.pi * hours / 24) + 10 * np.sin(2 * np.pi * hours / 168)
    y = (hours // 24 % 7 < 5).astype(float) if ahead else wave + noise
    return pd.DataFrame({"unique_id": row["unique_id"], "ds": ds, "y": y})


@pytest.fixture(scope="session")
def model(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained model folder (naives and linear) with its card; treat it as read-only."""
    target = tmp_path_factory.mktemp("trained") / "model"
    _train(world, target)
    write_card(target)
    return target


def _train(world: World, target: Path, families: Sequence[str] = ("naive", "linear")) -> None:
    """Write a model of ``families``, trained on all of ``world``, into ``target``."""
    archive = Archive.of(_revisions(world), series=world.series, rules=RULES)
    spans = folds.span(world.readings)
    plan = folds.plan(spans, series=world.series, features=FEATURES)
    final = folds.final_fits(spans, series=world.series)
    groups = [_group(iso, world, archive) for iso in ("PT30M", "PT1H")]
    made = train(groups, plan, final=final, plan=Plan(families, seed=1))
    for iso, forecaster in made.forecasters.items():
        forecaster.save(target / iso)


@pytest.fixture(scope="session")
def trained(
    world: World, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[pd.Timestamp, Sequence[str]], Path]:
    """Make the model of some families that knew ``world`` up to a pin, which its card names."""
    made: dict[tuple[pd.Timestamp, tuple[str, ...]], Path] = {}

    def at(pin: pd.Timestamp, families: Sequence[str]) -> Path:
        key = (pin, tuple(families))
        if key not in made:
            past = world.readings[world.readings["ds"] < pin - pd.Timedelta(hours=1)]
            target = tmp_path_factory.mktemp("pinned") / "model"
            _train(World(world.series, past.reset_index(drop=True), pin), target, families)
            write_card(target, data_as_of=pin.isoformat())
            made[key] = target
        return made[key]

    return at


def _revisions(world: World) -> pd.DataFrame:
    facts = world.series.set_index("unique_id")
    step = world.readings["unique_id"].map(facts["freq"]).map(pd.Timedelta)
    ahead = world.readings["unique_id"].map(facts["known_ahead_hours"])
    known = world.readings["ds"] + step.where(ahead == 0, -pd.to_timedelta(ahead, unit="h"))
    return world.readings.assign(revision=0, available_at=known)


def _group(iso: str, world: World, archive: Archive) -> Group:
    meta = world.series[(world.series["freq"] == iso) & (world.series["role"] == "target")]
    targets, horizon = list(meta["unique_id"]), FEATURES.steps(iso)

    def known(cutoff: pd.Timestamp) -> Known:
        prepared = archive.at(cutoff + pd.Timedelta(iso), until=cutoff)
        cutoffs = pd.Series(cutoff, index=targets)
        whole: dict[str, Any] = {"series": world.series, "targets": targets}
        ahead = known_future(prepared, **whole, cutoffs=cutoffs, horizon=horizon)
        return Known(panel(prepared, **whole), ahead)

    actuals = world.readings[world.readings["unique_id"].isin(targets)]
    return Group(iso, horizon, "P14D", meta, known, known, actuals)


def write_card(folder: Path, **facts: object) -> None:
    """Write ``card.json`` over what ``folder`` holds."""
    (folder / model_folder.CARD).unlink(missing_ok=True)
    files = {
        p.relative_to(folder).as_posix(): model_folder.sha256(p.read_bytes())
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }
    card = {"files": files, "params": {"clean": RULES.model_dump(mode="json")}, **facts}
    (folder / model_folder.CARD).write_text(json.dumps(card, indent=1, sort_keys=True))


@pytest.fixture
def variant(model: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Make a copy of the model that is another version: same forecasts, another card."""

    def make(use: str) -> Path:
        copy = Path(shutil.copytree(model, tmp_path / use))
        write_card(copy, intended_use=use)
        return copy

    return make


@pytest.fixture
def conn(database_url: str) -> Iterator[Connection]:
    """A connection to the module's database."""
    with connect(database_url) as open_:
        yield open_


@pytest.fixture(scope="module")
def loaded(database_url: str, world: World) -> str:
    """The module's database with the world in it, all but the last day of every past series."""
    with connect(database_url) as conn:
        series.register(conn, world.series)
        for source in ("site", "plant"):
            _load(conn, world.until(source, END - pd.Timedelta(days=1)))
    return database_url


def _load(conn: Connection, rows: pd.DataFrame) -> ledger.Counts:
    """Load ``rows`` of one source as one batch, as a file would be."""
    source = str(rows["unique_id"].iloc[0]).partition("/")[0]
    with conn.transaction():
        batch = ledger.open_batch(conn, source=source, kind="request", name="test", sha256=None)
        counts = observations.append(conn, rows, batch=batch)
        ledger.close_batch(conn, batch, counts)
    return counts


@pytest.fixture
def load() -> Callable[[Connection, pd.DataFrame], ledger.Counts]:
    """The function that loads rows of one source as one batch, as a file would be."""
    return _load


# A database is copied while nobody is in it; TimescaleDB keeps a session of its own in each.
_ALONE = """DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        PERFORM _timescaledb_functions.stop_background_workers();
    END IF;
END $$"""


def _copied(server: psycopg.Connection[Any], name: str, copy: str) -> bool:
    """Say whether ``copy`` was made; while somebody is in ``name`` it cannot be."""
    try:
        server.execute(f"CREATE DATABASE {copy} TEMPLATE {name}")
    except psycopg.errors.ObjectInUse:
        return False
    return True


@pytest.fixture
def private(server_url: str, loaded: str) -> Iterator[Connection]:
    """A connection to a copy of the module's loaded database, for a test that adds to it."""
    name, copy = urlsplit(loaded).path[1:], f"copy_{uuid4().hex[:12]}"
    with connect(loaded) as conn:
        conn.execute(_ALONE)
    with psycopg.connect(server_url, autocommit=True) as server:
        assert process.wait_until(lambda: _copied(server, name, copy), seconds=60)
        with connect(urlsplit(loaded)._replace(path=f"/{copy}").geturl()) as conn:
            yield conn
        server.execute(f"DROP DATABASE {copy} WITH (FORCE)")


@pytest.fixture(scope="module")
def home(
    loaded: str, bucket: S3Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A home whose settings name the module's database and the session's bucket."""
    folder = tmp_path_factory.mktemp("serving")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HORIZONTE_HOME", str(folder))
        patch.setenv("HORIZONTE_DATABASE", loaded)
        patch.setenv("HORIZONTE_S3", bucket.url())
        patch.setenv("HORIZONTE_PORT", "0")
        patch.setenv("HORIZONTE_ISSUE", "off")  # tests say themselves when forecasts are issued
        config.settings.cache_clear()
        yield folder
        run.stop()
    config.settings.cache_clear()


@pytest.fixture(scope="module")
def url(home: Path, loaded: str, bucket: S3Settings, model: Path) -> str:
    """The address of a service whose champion has forecast."""
    with connect(loaded) as conn:
        publish(conn, model, s3=bucket, why="the test's champion")
    return run.start()


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    """A client of the service."""
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        yield client
