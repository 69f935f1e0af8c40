"""Two registered versions on the same recent days, told in words; nothing is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from horizonte.config import settings
from horizonte.embedded import services
from horizonte.policy import Gate
from horizonte.retrain.contest import contest, ruling
from horizonte.retrain.moves import version
from horizonte.retrain.ruling import Ruling
from horizonte.serve import champion as champions
from horizonte.serve.bucket import Bucket
from horizonte.store.connection import Connection


def compare(conn: Connection, champion: str, challenger: str, *, policy: Gate) -> Iterator[str]:
    """Yield in words how two registered versions compare, each named by how it begins."""
    folders = [obtained(version(conn, named)) for named in (champion, challenger)]
    yield from told(ruling(contest(conn, folders[0], folders[1], policy=policy), policy=policy))


def obtained(version: str) -> Path:
    """Return the folder of a published version, from the cache of this home or the bucket."""
    home = settings().home_folder()
    champions.obtain(version, home=home, bucket=Bucket.of(services.endpoints().s3))
    return home / champions.PREFIX / version


def told(said: Ruling) -> Iterator[str]:
    """Yield a ruling as lines for people."""
    yield "passed" if said.passed else "not passed"
    yield from (f"  {reason}" for reason in said.reasons)
    for one in said.series:
        yield f"  {one.unique_id}: {one.gain:+.1%} over {one.days} days"
    for name, why in said.left_out.items():
        yield f"  {name} does not count: {why}"
