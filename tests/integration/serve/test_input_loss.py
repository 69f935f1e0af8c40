"""The forecast never stops: whatever input is lost, it answers, says so, and is less sure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from horizonte.contracts import QUANTILE_COLUMNS
from horizonte.errors import DataFault, NotFound
from horizonte.serve import champion as champions
from horizonte.serve import predict, vintages
from horizonte.serve.champion import Champion
from horizonte.store import forecasts, ledger, observations
from horizonte.store import series as series_store
from horizonte.store.connection import Connection

NOW = datetime(2025, 3, 10, tzinfo=UTC)
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)


@pytest.fixture(scope="session")
def champion(model: Path) -> Champion:
    """The trained model, loaded."""
    return champions.load(model)


def one(conn: Connection, champion: Champion | None, name: str, **asked: Any) -> predict.Vintage:
    made = predict.forecast(conn, champion, unique_ids=[name], now=NOW, **asked)[0]
    quantiles = made.rows[list(QUANTILE_COLUMNS)].to_numpy()
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    return made


def width(vintage: predict.Vintage) -> float:
    return float((vintage.rows["q90"] - vintage.rows["q10"]).mean())


Goes = Callable[..., None]


@pytest.fixture
def goes_on(private: Connection, load: Callable[..., Any], world: Any) -> Goes:
    """Lets named series be read for ``days`` more, each hour as four weeks before; others are silent."""

    def read(days: float, *names: str) -> None:
        end = world.end - DAY + pd.Timedelta(days=days)
        for name in names:
            past = world.readings[world.readings["unique_id"] == name].set_index("ds")["y"]
            last = max(past.index.max(), world.end) if name == "site/open" else world.end - DAY
            ds = pd.date_range(last + HOUR, end, freq="h")
            y = past[ds - 28 * DAY].to_numpy()
            if len(ds):
                load(private, pd.DataFrame({"unique_id": name, "ds": ds, "y": y}))

    return read


@pytest.mark.parametrize(
    "silence",
    [
        (6 / 24, "stale: no trusted value for 6 steps, since 2025-03-09T00:00Z"),
        (3.0, "stale: no trusted value for 72 steps, since 2025-03-09T00:00Z"),
        (21.0, "stale: no trusted value in the whole look-back"),  # of 14 days
    ],
)
def test_a_target_silent_for_hours_days_or_weeks_is_forecast_with_wider_bands(
    private: Connection,
    champion: Champion,
    goes_on: Goes,
    silence: tuple[float, str],
) -> None:
    """The same horizon is answered from the last value, and the bands say how old it is."""
    days, said = silence
    goes_on(days, "site/b")
    stale = one(private, champion, "site/a")
    assert stale.degraded is not None
    assert stale.degraded.startswith(said)
    goes_on(days, "site/a", "site/temperature")
    goes_on(days + 1, "site/open")
    healthy = one(private, champion, "site/a")
    assert healthy.degraded is None
    assert healthy.rows["ds"].equals(stale.rows["ds"])
    assert width(stale) > width(healthy)


@pytest.mark.parametrize("days", [1.0, 5.0, 21.0])
def test_without_a_covariate_bands_widen(
    private: Connection, champion: Champion, goes_on: Goes, days: float
) -> None:
    """Temperature silent for a day, for days or for longer than the look-back: named, and wider."""
    goes_on(days, "site/a")
    goes_on(days + 1, "site/open")
    lost = one(private, champion, "site/a")
    assert lost.degraded == "covariates silent for a day: site/temperature"
    goes_on(days, "site/temperature")
    healthy = one(private, champion, "site/a")
    assert healthy.degraded is None
    assert healthy.rows["ds"].equals(lost.rows["ds"])
    assert width(lost) > width(healthy)


def test_without_what_should_be_known_ahead_bands_widen(
    private: Connection, champion: Champion, goes_on: Goes
) -> None:
    """The opening plan ends at the cutoff: named, and wider than once it is known."""
    goes_on(6.0, "site/a")
    goes_on(6.0, "site/temperature")
    lost = one(private, champion, "site/a")
    assert lost.degraded == "known-ahead covariates not known ahead: site/open"
    goes_on(7.0, "site/open")
    healthy = one(private, champion, "site/a")
    assert healthy.degraded is None
    assert healthy.rows["ds"].equals(lost.rows["ds"])
    assert width(lost) > width(healthy)


def test_a_lost_covariate_costs_the_same_alone_and_beside_others(
    private: Connection, champion: Champion, goes_on: Goes
) -> None:
    """In a list with a series that lacks nothing, both get the bits that they get alone."""
    goes_on(1.0, "site/a")
    goes_on(1.0, "site/b")
    names = ["site/a", "site/b"]
    both = predict.forecast(private, champion, unique_ids=names, now=NOW)
    assert [made.degraded is None for made in both] == [False, True]
    for made in both:
        assert made.rows.equals(one(private, champion, made.unique_id).rows)


@pytest.fixture
def new(private: Connection, world: Any) -> Callable[..., None]:
    """Registers a series that no model knows, with hourly values up to the source's now."""

    def register(y: np.ndarray, name: str = "site/new") -> None:
        row = world.series[world.series["unique_id"] == "site/b"].assign(unique_id=name)
        series_store.register(private, row)
        ds = pd.date_range(end=world.end - DAY, periods=len(y), freq="h")
        with private.transaction():
            batch = ledger.open_batch(
                private, source="site", kind="request", name="new", sha256=None
            )
            rows = pd.DataFrame({"unique_id": name, "ds": ds, "y": y})
            counts = observations.append(private, rows, batch=batch)
            ledger.close_batch(private, batch, counts)

    return register


def wave(hours: int) -> np.ndarray:
    noise = np.random.default_rng(3).normal(0, 3, hours)
    found: np.ndarray = 100 + 40 * np.sin(2 * np.pi * np.arange(hours) / 24) + noise
    return found


def test_a_new_series_with_a_day_of_history_is_forecast(
    private: Connection, champion: Champion, new: Callable[..., None]
) -> None:
    """Its day comes again, with bands as wide as it moves: wider than once it has two months."""
    new(wave(24))
    young = one(private, champion, "site/new")
    assert young.model_version == predict.UNTRAINED
    assert len(young.rows) == 48
    assert young.degraded is not None
    assert "no model in service knows this series" in young.degraded
    own = wave(24)
    assert np.allclose(young.rows["mean"].head(24), own)
    assert width(young) > own.std()
    new(wave(60 * 24), "site/old")
    assert width(young) > width(one(private, champion, "site/old"))


def test_its_bands_come_from_its_own_errors_once_there_are_any(
    private: Connection, champion: Champion, new: Callable[..., None]
) -> None:
    """Two months of a wave in noise of 3 give bands of about that noise, not of the wave."""
    new(wave(60 * 24))
    grown = one(private, champion, "site/new")
    assert 3.0 < width(grown) < 25.0
    ahead = 100 + 40 * np.sin(2 * np.pi * np.arange(60 * 24, 60 * 24 + 48) / 24)
    assert np.abs(grown.rows["mean"] - ahead).max() < 15


def test_a_constant_series_is_forecast_as_that_constant(
    private: Connection, champion: Champion, new: Callable[..., None]
) -> None:
    """Nothing ever moved: the forecast is the value, ordered and finite."""
    new(np.full(30 * 24, 7.0))
    flat = one(private, champion, "site/new")
    assert (flat.rows["mean"] == 7.0).all()


def test_a_sensor_that_sticks_is_as_good_as_silent(
    private: Connection, champion: Champion, load: Callable[..., Any], goes_on: Goes, world: Any
) -> None:
    """Where training refused flatlines, the same value for a day is no value: stale, and wider."""
    wary = replace(champion, rules=champion.rules.model_copy(update={"flatline_after": "PT2H"}))
    healthy = one(private, wary, "site/a")
    hours = pd.date_range(world.end - DAY + HOUR, periods=24, freq="h")
    load(private, pd.DataFrame({"unique_id": "site/a", "ds": hours, "y": 99.0}))
    goes_on(1.0, "site/temperature")
    found = one(private, wary, "site/a")
    assert found.degraded is not None
    assert found.degraded.startswith("stale: no trusted value for ")
    assert width(found) > width(healthy)


def test_a_registered_series_without_a_reading_is_answered(
    private: Connection, champion: Champion, world: Any
) -> None:
    """Nothing is known of it: an answer that says so."""
    row = world.series[world.series["unique_id"] == "site/b"].assign(unique_id="site/empty")
    series_store.register(private, row)
    empty = one(private, champion, "site/empty")
    assert empty.degraded is not None
    assert "no trusted value in the whole look-back" in empty.degraded


def test_without_any_model_every_target_is_answered_and_kept(
    private: Connection, champion: Champion
) -> None:
    """No champion at all: the naive answers, wider than the model would, and is found again."""
    served = one(private, champion, "site/a")
    bare = one(private, None, "site/a")
    assert bare.model_version == predict.UNTRAINED
    assert width(bare) > width(served)
    told = vintages.compute(private, None, ["site/a", "plant/load"])
    assert set(vintages.fresh(private, None, {"site/a": "site"})) == {"site/a"}
    kept = forecasts.latest(private, ["plant/load"])["plant/load"]
    assert kept.model_version == predict.UNTRAINED
    assert kept.rows.equals(told["plant/load"].vintage.rows)
    assert vintages.fresh(private, champion, {"site/a": "site"}) == {}


def test_supposing_is_for_what_is_known_ahead(
    private: Connection, champion: Champion, world: Any
) -> None:
    """What no model would read is refused with what it would: names, past covariates, instants."""
    at = world.end - DAY + HOUR
    plan = pd.Series([1.0], pd.DatetimeIndex([at]))
    refusals: list[tuple[str, dict[str, Any], type[Exception], str]] = [
        ("site/a", {"site/humidity": plan}, NotFound, "site/open"),
        ("site/b", {"site/open": plan}, NotFound, "leave known_future out"),
        ("site/a", {"site/temperature": plan}, DataFault, "suppose site/open"),
        ("site/a", {"site/open": plan.shift(freq="7min")}, DataFault, "on its grid, PT1H"),
        ("site/a", {"site/open": plan.shift(-1, freq="h")}, DataFault, "after the cutoff"),
        ("site/a", {"site/open": plan.shift(12, freq="h")}, DataFault, "up to 2025-03-09T12:00"),
        ("site/a", {"site/open": pd.concat([plan, plan])}, DataFault, "said once"),
    ]
    for name, ahead, kind, said in refusals:
        with pytest.raises(kind, match=said.replace("+", r"\+")):
            one(private, champion, name, ahead=ahead)
