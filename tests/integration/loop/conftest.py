"""The world that the tests of the loop look at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.conftest import fresh_database
from tests.integration.loop.world import DAY, START, World

from horizonte import paths
from horizonte.embedded.endpoints import S3Settings
from horizonte.serve.bucket import Bucket
from horizonte.store import ledger, promotions
from horizonte.store.connection import Connection

ROOT = Path(__file__).parents[3]


@pytest.fixture
def database_url(server_url: str) -> Iterator[str]:
    """A database of this test alone: one champion and one queue belong to a database."""
    with fresh_database(server_url) as url:
        yield url


@pytest.fixture
def policy() -> dict[str, Any]:
    """Changes of the committed policy, by part and key."""
    return {}


@pytest.fixture
def root(tmp_path: Path, policy: dict[str, Any]) -> Path:
    """A project folder with the committed parameters and the changed policy."""
    shutil.copy(ROOT / paths.MARKER, tmp_path / paths.MARKER)
    content = yaml.safe_load((tmp_path / paths.MARKER).read_text())
    for part, changes in policy.items():
        content["loop"][part] |= changes
    (tmp_path / paths.MARKER).write_text(yaml.safe_dump(content))
    return tmp_path


@pytest.fixture
def world(
    store: Connection,
    declare: Callable[..., None],
    load: Callable[..., ledger.Counts],
    bucket: S3Settings,
    root: Path,
) -> World:
    """A world whose champion was promoted when forty days of readings had come."""
    name = f"loop/{root.name}"
    declare(name, source=name)
    made = World(store, root, Bucket.of(bucket), name, f"model of {name}", load)
    made.live(40, say=False)
    card = {
        "data_as_of": (START + 30 * DAY).isoformat(),
        "series": [{"unique_id": name}],
        "scores": {name: {"mase": 0.8}},
    }
    promotions.register_model(store, made.version, uri="s3://none/", card=card)
    promotions.promote(store, made.version, "first", by="test")
    return made
