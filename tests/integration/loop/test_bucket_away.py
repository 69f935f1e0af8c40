"""A bucket that is away holds up a retraining, for as long as it is away, and never ends it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.loop.world import World

from horizonte import config
from horizonte.errors import StoreFault
from horizonte.retrain import worker
from horizonte.store import promotions, retrainings

CHAMPION = "ab" * 32


@pytest.fixture
def away(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The world, with a champion that lies in a bucket where nobody listens."""
    card = {"data_as_of": "2026-01-05T00:00:00+00:00", "series": [{"unique_id": world.name}]}
    promotions.register_model(world.conn, CHAMPION, uri="s3://bucket/", card=card)
    promotions.promote(world.conn, CHAMPION, "away", by="test")
    monkeypatch.setenv("HORIZONTE_S3", "http://key:secret@127.0.0.1:9/bucket")
    config.settings.cache_clear()
    yield world
    monkeypatch.undo()
    config.settings.cache_clear()


def test_no_request_is_given_up_for_a_bucket_that_is_away(away: World) -> None:
    """However often a worker looks, none is begun, so none has begun too often."""
    number = retrainings.request(away.conn, "recalibrate", why="a long outage", by="test")
    pinned = {"as_of": "2026-01-20T00:00:00+00:00", "recorded": None, "base": "", "branch": "main"}
    retrainings.record(away.conn, number, "pinned", pinned | {"days": 7})
    for _ in range(worker.TRIES + 1):
        with pytest.raises(StoreFault, match="bucket"):
            list(worker.work(away.conn, root=away.root))
    assert retrainings.times(away.conn, number, "started") == 0
    run = retrainings.waiting(away.conn)
    assert run is not None
    assert run.id == number
