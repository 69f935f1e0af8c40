"""The one prediction function: as-of, honest about what is missing, and never stopped by it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import psycopg
import pytest

from horizonte.contracts import FORECAST, QUANTILE_COLUMNS
from horizonte.errors import DataFault, NotFound
from horizonte.serve import champion as champions
from horizonte.serve import predict, vintages
from horizonte.serve.champion import Champion
from horizonte.serve.faults import NoHistory
from horizonte.serve.latest import Latest
from horizonte.store import forecasts, ledger
from horizonte.store import series as series_store
from horizonte.store.connection import Connection, connect

NOW = datetime(2025, 3, 10, tzinfo=UTC)
DAY = pd.Timedelta(days=1)


@pytest.fixture(scope="session")
def champion(model: Path) -> Champion:
    """The trained model, loaded."""
    return champions.load(model)


def one(conn: Connection, champion: Champion, name: str, **asked: Any) -> predict.Vintage:
    return predict.forecast(conn, champion, unique_ids=[name], now=NOW, **asked)[0]


def same(a: predict.Vintage, b: predict.Vintage) -> bool:
    return a.cutoff == b.cutoff and a.rows.equals(b.rows) and a.degraded == b.degraded


def test_a_forecast_starts_where_the_clock_of_the_source_stands(
    private: Connection, champion: Champion, world: Any
) -> None:
    """Cutoff is the newest published interval; rows follow it to the model's reach, in order."""
    v = one(private, champion, "site/a")
    assert v.cutoff == world.end - DAY
    assert v.at.as_of == v.cutoff + pd.Timedelta("1h")
    assert len(v.rows) == 12
    assert v.rows["ds"].iloc[0] == v.cutoff + pd.Timedelta("1h")
    FORECAST.check(v.rows)
    assert (np.diff(v.rows[list(QUANTILE_COLUMNS)].to_numpy(), axis=1) >= 0).all()
    assert v.degraded is None


def test_many_series_at_once_give_what_each_gives_alone(
    private: Connection, champion: Champion
) -> None:
    """Order is the caller's, and a series' bits do not depend on its company."""
    names = ["plant/load", "site/b", "site/a"]
    together = predict.forecast(private, champion, unique_ids=names, now=NOW)
    assert [v.unique_id for v in together] == names
    assert all(same(v, one(private, champion, v.unique_id)) for v in together)


@pytest.mark.parametrize(("horizon", "steps"), [(3, 3), ("PT3H", 6), ("3h", 6), (None, 24)])
def test_a_shorter_horizon_is_the_head_of_the_whole(
    private: Connection, champion: Champion, horizon: Any, steps: int
) -> None:
    """Steps or a duration cut the same forecast."""
    whole = one(private, champion, "plant/load").rows
    assert one(private, champion, "plant/load", horizon=horizon).rows.equals(whole.head(steps))


@pytest.mark.parametrize("horizon", [0, 25, "PT13H", "PT45M", "tomorrow", "-PT1H"])
def test_a_horizon_out_of_reach_is_refused(
    private: Connection, champion: Champion, horizon: Any
) -> None:
    """Beyond the model, not whole, negative or no duration: each names field and limit."""
    with pytest.raises(DataFault, match=r"horizon|duration"):
        one(private, champion, "plant/load", horizon=horizon)


def test_an_unknown_series_names_the_nearest(private: Connection, champion: Champion) -> None:
    """A typing error is answered with what was probably meant."""
    with pytest.raises(NotFound, match="did you mean plant/load"):
        one(private, champion, "plant/lod")


def test_a_replay_knows_nothing_later(private: Connection, champion: Champion, world: Any) -> None:
    """As of ten days ago the forecast starts ten days ago."""
    then = world.end - 10 * DAY
    assert one(private, champion, "site/a", as_of=then).cutoff == then - pd.Timedelta("1h")
    between = one(private, champion, "site/a", as_of=then + pd.Timedelta("25min"))
    assert between.cutoff == then - pd.Timedelta("1h")


def test_corrections_and_late_rows_change_now_and_not_yesterday(
    private: Connection, champion: Champion, world: Any, load: Callable[..., Any]
) -> None:
    """A late correction and a late row change the live forecast; the day before stays bit-equal."""
    gap, before = world.end - DAY - pd.Timedelta("30h"), world.end - 2 * DAY
    target = "plant/load"
    now, then = (one(private, champion, target, as_of=t) for t in (None, before))
    row = pd.DataFrame({"unique_id": [target], "ds": [gap], "y": [250.0]})
    load(private, row)
    corrected = one(private, champion, target)
    assert not corrected.rows.equals(now.rows)
    half = pd.Timedelta("30min")
    load(private, row.assign(ds=now.cutoff + 2 * half, y=60.0))
    with_hole = one(private, champion, target)
    load(private, row.assign(ds=now.cutoff + half, y=160.0))  # late: a newer row came first
    filled = one(private, champion, target)
    assert filled.cutoff == with_hole.cutoff == now.cutoff + 2 * half
    assert not filled.rows.equals(with_hole.rows)
    assert same(one(private, champion, target, as_of=before), then)


def test_a_silent_target_is_stale_not_shorter(
    private: Connection, champion: Champion, world: Any, load: Callable[..., Any]
) -> None:
    """While its source's clock runs on, a silent target is forecast from the same cutoff."""
    rows = world.until("site", world.end)
    load(private, rows[rows["unique_id"] == "site/a"])
    a, b = predict.forecast(private, champion, unique_ids=["site/a", "site/b"], now=NOW)
    assert a.cutoff == b.cutoff == world.end
    assert b.degraded is not None
    assert b.degraded.startswith("stale: no trusted value for 24 steps, since 2025-03-09T00:00Z")
    assert a.degraded == "covariates silent for a day: site/temperature"
    FORECAST.check(b.rows)


def test_on_a_wall_clock_silence_makes_a_source_stale(
    private: Connection, champion: Champion
) -> None:
    """When all readings of a wall-clock source stop, now goes on, and its forecasts say so."""
    ledger.register_source(private, "site", clock="wall", step_seconds=3600)
    v = one(private, champion, "site/a")
    gone = pd.Timestamp.now("UTC") - v.cutoff
    assert pd.Timedelta("1h") <= gone < pd.Timedelta("2h30min")
    assert v.degraded is not None
    assert "stale: no trusted value in the whole look-back" in v.degraded


def test_a_target_silent_beyond_the_look_back_is_still_forecast(
    private: Connection, champion: Champion, world: Any, load: Callable[..., Any]
) -> None:
    """With nothing in the whole look-back the answer is finite, ordered and says so."""
    later = world.end + 60 * DAY
    load(private, pd.DataFrame({"unique_id": ["site/a"], "ds": [later], "y": [100.0]}))
    v = one(private, champion, "site/b")
    assert v.degraded == "stale: no trusted value in the whole look-back"
    assert len(FORECAST.check(v.rows)) == 12
    assert np.isfinite(v.rows["mean"]).all()


def test_unknown_future_is_said(
    private: Connection, champion: Champion, world: Any, load: Callable[..., Any]
) -> None:
    """A known-ahead covariate that ends at the cutoff is named."""
    later = world.end + 6 * DAY
    rows = world.readings[world.readings["unique_id"].isin(["site/a", "site/temperature"])]
    load(private, rows.assign(ds=rows["ds"] + (later - world.end)))
    assert "site/open" in str(one(private, champion, "site/a").degraded)


def test_a_database_without_rows_says_load(
    database_url: str, server_url: str, champion: Champion, world: Any
) -> None:
    """A series whose source has brought nothing is NoHistory: named, with what to run."""
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute("CREATE DATABASE empty_one")
        with connect(urlsplit(database_url)._replace(path="/empty_one").geturl()) as conn:
            series_store.register(conn, world.series)
            with pytest.raises(NoHistory, match=r"site/a.*ingest FILE --source site"):
                one(conn, champion, "site/a")
        server.execute("DROP DATABASE empty_one WITH (FORCE)")


def test_stored_vintages_are_fresh_until_something_arrives(
    private: Connection, champion: Champion, world: Any, load: Callable[..., Any]
) -> None:
    """What was issued is found, equal, until it or a covariate (and no other) is corrected."""
    names = ["site/a", "plant/load"]
    sources = {"site/a": "site", "plant/load": "plant"}
    assert vintages.fresh(private, champion, sources) == {}
    made = vintages.compute(private, champion, names, request_id="r-1")
    assert {t.origin for t in made.values()} == {"computed"}
    found = vintages.fresh(private, champion, sources)
    assert all(same(found[n].vintage, made[n].vintage) for n in names)
    old = {"ds": [world.end - 3 * DAY], "y": [1.0]}
    load(private, pd.DataFrame({"unique_id": ["site/b"], **old}))
    assert set(vintages.fresh(private, champion, sources)) == {"site/a", "plant/load"}
    load(private, pd.DataFrame({"unique_id": ["site/temperature"], **old}))
    assert set(vintages.fresh(private, champion, sources)) == {"plant/load"}


def test_the_request_id_is_on_record(private: Connection, champion: Champion) -> None:
    """A forecast can be traced to the request that caused it, and to the code and model."""
    vintages.compute(private, champion, ["site/a"], request_id="trace-me")
    stored = forecasts.latest(private, ["site/a"])["site/a"]
    assert stored.request_id == "trace-me"
    assert stored.model_version == champion.version


def test_another_model_s_vintage_is_not_fresh(
    private: Connection, champion: Champion, variant: Callable[[str], Path]
) -> None:
    """After a promotion, the old model's vintages are history."""
    vintages.compute(private, champion, ["site/a"])
    other = champions.load(variant("other"))
    assert vintages.fresh(private, other, {"site/a": "site"}) == {}


def test_what_is_in_memory_is_fresh_exactly_while_the_record_is(
    private: Connection,
    champion: Champion,
    variant: Callable[[str], Path],
    world: Any,
    load: Callable[..., Any],
) -> None:
    """Held vintages answer until a reading, a newer vintage, a fact or a model differs."""
    latest = Latest()

    def fresh(model: Champion = champion) -> list[str]:
        held = latest.view.entries
        return [n for n in sorted(held) if vintages.still_fresh(private, model, {n: held[n]})]

    vintages.compute(private, champion, ["site/a", "plant/load"])
    latest.look(private)
    assert fresh() == ["plant/load", "site/a"]
    assert vintages.still_fresh(private, champion, latest.view.entries)
    assert fresh(champions.load(variant("other"))) == []
    load(private, pd.DataFrame({"unique_id": ["site/a"], "ds": [world.end - 3 * DAY], "y": [1.0]}))
    assert fresh() == ["plant/load"]
    assert not vintages.still_fresh(private, champion, latest.view.entries)
    vintages.compute(private, champion, ["site/a"])
    assert fresh() == ["plant/load"]
    latest.look(private)
    assert fresh() == ["plant/load", "site/a"]
    private.execute("UPDATE series SET unit = 'kW' WHERE unique_id = 'plant/load'")
    assert fresh() == ["site/a"]
