"""After a promotion, on a real database: shadows, what the promotion gained, and the way back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pandas as pd
import psycopg
import pytest

from horizonte.contracts import QUANTILE_COLUMNS
from horizonte.policy import Gate
from horizonte.retrain import account, aftermath
from horizonte.retrain.shadow import shadow
from horizonte.serve import champion as champions
from horizonte.serve import predict, reading, vintages
from horizonte.serve.champion import Champion
from horizonte.store import forecasts, gains, gates, prepared, promotions, series
from horizonte.store.connection import Connection, connect

pytestmark = pytest.mark.slow
PIN = pd.Timestamp("2025-02-14", tz="UTC")
BEGIN = pd.Timestamp("2025-02-24", tz="UTC")
DAY = pd.Timedelta(days=1)
POLICY = Gate(days=28, gain=0.01, alpha=0.05, coverage=0.15, answer_seconds=30)
NAMES = ["plant/load", "site/a", "site/b"]
COLUMNS = ["mean", *QUANTILE_COLUMNS]
Trained = Callable[[pd.Timestamp, Sequence[str]], Path]


@pytest.fixture
def conn(server_url: str, world: Any, load: Callable[..., Any]) -> Iterator[Connection]:
    """A connection to a database of its own, with the world in it up to BEGIN."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    with connect(urlsplit(server_url)._replace(path=f"/{name}").geturl()) as conn:
        series.register(conn, world.series)
        for source in ("site", "plant"):
            load(conn, world.until(source, BEGIN))
        yield conn
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def naive(trained: Trained) -> Champion:
    """The worse of the two versions."""
    return champions.load(trained(PIN, ("naive",)))


@pytest.fixture
def linear(trained: Trained) -> Champion:
    """The better of the two versions."""
    return champions.load(trained(PIN, ("naive", "linear")))


def promote(conn: Connection, model: Champion) -> promotions.Promotion:
    promotions.register_model(conn, model.version, uri="s3://nowhere/", card=dict(model.card))
    return promotions.promote(conn, model.version, "test", by="test")


@pytest.fixture
def lived(
    conn: Connection, world: Any, load: Callable[..., Any]
) -> Callable[[Champion, Champion, int], promotions.Promotion]:
    """Promote the first, then the second, which forecasts live for some days of readings."""

    def run(former: Champion, champion: Champion, days: int) -> promotions.Promotion:
        promote(conn, former)
        vintages.compute(conn, former, NAMES)
        promotion = promote(conn, champion)
        for day in range(1, days + 1):
            vintages.compute(conn, champion, NAMES)
            for source in ("site", "plant"):
                rows = world.until(source, BEGIN + day * DAY)
                load(conn, rows[rows["ds"] > BEGIN + (day - 1) * DAY])
        prepared.follow(conn, champion.rules)
        return promotion

    return run


def test_a_shadow_is_what_the_former_would_have_said_then(
    conn: Connection, lived: Callable[..., Any], naive: Champion, linear: Champion
) -> None:
    """Bit for bit, one beside each live vintage; a second call stores nothing."""
    promotion = lived(naive, linear, 5)
    assert shadow(conn, naive, promotion=promotion, days=28) == 15
    assert shadow(conn, naive, promotion=promotion, days=28) == 0
    for name in NAMES:
        live = forecasts.vintages(conn, name, 5)
        said = forecasts.vintages(conn, name, 50, purpose="shadow")
        assert {v.model_version for v in said} == {naive.version}
        assert sorted((v.as_of, v.cutoff) for v in said) == sorted(
            (v.as_of, v.cutoff) for v in live
        )
        for one in said:
            (then,) = predict.forecast(
                conn, naive, unique_ids=[name], as_of=one.as_of, now=one.issued_at, purpose="replay"
            )
            assert one.rows[COLUMNS].equals(then.rows[COLUMNS])


def test_a_late_shadow_knows_no_more_than_the_live_one_did(
    conn: Connection, lived: Callable[..., Any], naive: Champion, linear: Champion
) -> None:
    """Readings that were stored after it, of instants that it had missed, change no shadow."""
    promotion = lived(naive, linear, 1)
    (live,) = forecasts.vintages(conn, "site/b", 1)

    def replayed() -> pd.DataFrame:
        how: dict[str, Any] = {"as_of": live.as_of, "now": live.issued_at, "purpose": "replay"}
        (one,) = predict.forecast(conn, naive, unique_ids=["site/b"], **how)
        return one.rows[COLUMNS]

    before = replayed()
    conn.execute(
        """INSERT INTO observation (unique_id, ds, revision, y, available_at, source,
                                    ingest_batch_id)
           SELECT unique_id, ds, revision + 1, y + 1000, available_at, source, ingest_batch_id
           FROM observation WHERE unique_id = 'site/b' AND ds > '2025-02-20'
             AND ds <= '2025-02-24'"""
    )
    shadow(conn, naive, promotion=promotion, days=28)
    (said,) = forecasts.vintages(conn, "site/b", purpose="shadow")
    assert said.rows[COLUMNS].equals(before)
    assert not replayed().equals(before)


def test_nothing_that_serves_sees_a_shadow(
    conn: Connection, lived: Callable[..., Any], naive: Champion, linear: Champion
) -> None:
    """The newest, the fresh and the list of newest are the live ones, and no channel is told."""
    promotion = lived(naive, linear, 2)
    vintages.compute(conn, linear, NAMES)
    before = forecasts.newest_live(conn)
    conn.execute(f"LISTEN {forecasts.CHANNEL}")
    assert shadow(conn, naive, promotion=promotion, days=28) == 9
    assert list(conn.notifies(timeout=0.2)) == []
    assert forecasts.newest_live(conn) == before
    assert {v.model_version for v in forecasts.latest(conn, NAMES).values()} == {linear.version}
    told = vintages.fresh(conn, linear, {"site/a": "site", "plant/load": "plant"})
    assert {t.vintage.model_version for t in told.values()} == {linear.version}
    assert vintages.fresh(conn, naive, {"site/a": "site"}) == {}


def test_a_promotion_that_helped_is_said_to_and_stays(
    conn: Connection, lived: Callable[..., Any], naive: Champion, linear: Champion
) -> None:
    """The gain with its interval is a row; measuring again what is known adds none."""
    promotion = lived(naive, linear, 12)
    for _ in range(2):
        assert aftermath.follow(conn, naive, policy=POLICY) is None
    (row,) = gains.read(conn)
    assert (row.promotion_id, row.said) == (promotion.id, "helped")
    assert 0 < row.low < row.gain < row.high
    assert row.days >= 11
    assert set(row.evidence["series"]) == set(NAMES)
    found = conn.execute("SELECT count(*) FROM gain").fetchone()
    assert found == (1,)
    (told,) = account.judged(conn)
    assert told.startswith(f"The promotion of {linear.version[:12]}: helped, +")
    assert told.endswith(f" over {row.days} days.")


def test_harm_is_reverted_once_loudly_and_for_good(
    conn: Connection,
    lived: Callable[..., Any],
    naive: Champion,
    linear: Champion,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The better former version serves again, with the evidence, and nothing swings back."""
    promotion = lived(linear, naive, 12)
    gates.add(
        conn, linear.version, naive.version, passed=True, reasons=["it was better"], evidence={}
    )
    assert not gates.passed(conn, naive.version, linear.version)
    with caplog.at_level(logging.ERROR):
        back = aftermath.follow(conn, linear, policy=POLICY)
    assert back is not None
    assert (back.kind, back.sha256, back.previous, back.promoted_by) == (
        "rollback", linear.version, naive.version, "loop",
    )  # fmt: skip
    assert back.evidence["promotion_id"] == promotion.id
    assert back.evidence["high"] < 0
    assert [r.message for r in caplog.records if r.levelno == logging.ERROR] == [
        f"reverted: {back.why}"
    ]
    assert aftermath.follow(conn, linear, policy=POLICY) is None
    assert aftermath.follow(conn, naive, policy=POLICY) is None
    assert promotions.current_promotion(conn) == back
    assert not gates.passed(conn, linear.version, naive.version)
    shown = reading.model(conn, naive.version)
    found = shown.promotions[-1].gain
    assert found is not None
    assert (found.said, found.high) == ("harmed", back.evidence["high"])
    held = [(g.champion, g.passed, g.reasons) for g in shown.gates]
    assert held == [(linear.version, True, ["it was better"])]


def test_too_early_says_so_or_nothing(
    conn: Connection, lived: Callable[..., Any], naive: Champion, linear: Champion
) -> None:
    """Five days of a bad version are a row that says too early, and no way back yet."""
    promotion = lived(linear, naive, 5)
    assert aftermath.follow(conn, linear, policy=POLICY) is None
    found = gains.latest(conn, promotion.id)
    assert found is not None
    assert found.said == "too early"
