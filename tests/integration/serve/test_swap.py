"""Two replicas under load while the champion changes and one of them is killed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks._replicas import Load, Replica, mixed, other_version

from horizonte import clock
from horizonte.embedded import process
from horizonte.embedded.endpoints import S3Settings
from horizonte.retrain.publish import publish
from horizonte.serve import champion, predict
from horizonte.store import promotions
from horizonte.store.connection import Connection

TARGETS = ["plant/load", "site/a", "site/b"]
ASKS = [
    {"series": ["site/a", "plant/load"], "horizon": 2},
    {"series": "site/b", "horizon": 2},
]
RATE = 200.0


@pytest.fixture
def replicas(
    loaded: str, bucket: S3Settings, tmp_path: Path, versions: list[str]
) -> Iterator[list[Replica]]:
    env = {"HORIZONTE_DATABASE": loaded, "HORIZONTE_S3": bucket.url()}
    found = [Replica(tmp_path / f"replica-{n}", env) for n in range(2)]
    try:
        for one in found:
            one.start()
        yield found
    finally:
        for one in found:
            one.stop()


@pytest.fixture
def folders(model: Path, tmp_path: Path) -> list[Path]:
    made = [Path(shutil.copytree(model, tmp_path / f"version-{n}")) for n in range(2)]
    other_version(made[1], 5)
    return made


@pytest.fixture
def versions(conn: Connection, bucket: S3Settings, folders: list[Path]) -> list[str]:
    """Two versions whose rows differ; the second is the champion."""
    return [publish(conn, folder, s3=bucket, why="swap") for folder in folders]


def said_by(conn: Connection, folders: list[Path]) -> dict[str, dict[str, list[float]]]:
    """What each version says of each target."""
    rows = {}
    for folder in folders:
        model = champion.load(folder)
        made = predict.forecast(
            conn, model, unique_ids=TARGETS, now=clock.now(), purpose="what_if", horizon=2
        )
        rows[model.version] = {
            v.unique_id: v.rows[["mean", "q90"]].to_numpy().ravel().tolist() for v in made
        }
    return rows


def converged(replicas: list[Replica], version: str) -> None:
    for one in replicas:
        assert process.wait_until(lambda one=one: one.version() == version, seconds=60)  # type: ignore[misc]


@pytest.mark.slow
def test_no_answer_fails_or_mixes_versions_while_champions_alternate(
    conn: Connection, replicas: list[Replica], versions: list[str], folders: list[Path]
) -> None:
    """200 questions a second, four swaps, a kill -9 within one: every answer is whole."""
    rows = said_by(conn, folders)
    assert rows[versions[0]] != rows[versions[1]]
    with Load(replicas, ASKS, RATE) as load:
        for turn in range(4):
            version = versions[turn % 2]
            kind = ("rollback", "promote")[turn % 2]
            promotions.promote(conn, version, f"turn {turn}", by="test", kind=kind)  # type: ignore[arg-type]
            if turn == 2:
                load.down.add(1)
                replicas[1].kill()
                replicas[1].start()
                assert replicas[1].version() == version
                load.down.discard(1)
            converged(replicas, version)
            time.sleep(0.5)
    assert mixed(load.heard, rows) == []
    assert {one.replica for one in load.heard} == {0, 1}
