"""Two registered versions on the same recent days, told in words; nothing is recorded."""

from __future__ import annotations

from collections.abc import Iterator

from horizonte.policy import Gate
from horizonte.retrain.contest import contest, ruling
from horizonte.retrain.ruling import Ruling
from horizonte.serve import published
from horizonte.serve.moves import version
from horizonte.store.connection import Connection


def compare(conn: Connection, champion: str, challenger: str, *, policy: Gate) -> Iterator[str]:
    """Yield in words how two registered versions compare, each named by how it begins."""
    old, new = (published.folder(version(conn, named)) for named in (champion, challenger))
    yield from told(ruling(contest(conn, old, new, policy=policy), policy=policy))


def told(said: Ruling) -> Iterator[str]:
    """Yield a ruling as lines for people."""
    yield "passed" if said.passed else "not passed"
    yield from (f"  {reason}" for reason in said.reasons)
    for one in said.series:
        yield f"  {one.unique_id}: {one.gain:+.1%} over {one.days} days"
    for name, why in said.left_out.items():
        yield f"  {name} does not count: {why}"
