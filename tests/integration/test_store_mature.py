"""Mature rows: what came beside what was said, on the source's clock, live and shadow alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from horizonte.contracts import QUANTILE_COLUMNS
from horizonte.params import Rules
from horizonte.store import forecasts, ledger, mature, prepared
from horizonte.store.connection import Connection

START = pd.Timestamp("2026-01-05", tz="UTC")
RULES = Rules(impute_up_to="PT2H", flatline_after=None, spike_window="P3D", spike_mads=None)
Load = Callable[..., ledger.Counts]


def hours(first: int, count: int, name: str) -> pd.DataFrame:
    """Hourly readings of ``name`` whose value is the hour's number."""
    numbers = range(first, first + count)
    ds = [START + pd.Timedelta(hours=n) for n in numbers]
    return pd.DataFrame({"unique_id": name, "ds": ds, "y": [float(n) for n in numbers]})


def say(conn: Connection, name: str, cutoff: int, count: int, **facts: Any) -> None:
    """Store a vintage of ``count`` hours after hour ``cutoff``, by model ``m``."""
    at = START + pd.Timedelta(hours=cutoff)
    ds = [at + pd.Timedelta(hours=n + 1) for n in range(count)]
    frame = pd.DataFrame({"unique_id": name, "ds": ds, "mean": 1.0})
    for place, column in enumerate(QUANTILE_COLUMNS):
        frame[column] = float(place)
    how = {"purpose": "live", "model_version": "m", **facts}
    run = forecasts.Run(as_of=at, issued_at=at.to_pydatetime(), cutoffs={name: at}, **how)
    forecasts.issue(conn, run, frame)


@pytest.fixture
def series(store: Connection, declare: Callable[..., None], load: Load, request: Any) -> str:
    """A series with three days of readings, prepared, and the clock at their end."""
    name = f"mature/{request.node.name}"
    declare(name, source=name)
    load(hours(0, 72, name), source=name)
    prepared.follow(store, RULES, [name])
    return name


def test_a_row_matures_on_the_clock_of_its_source(
    store: Connection, series: str, load: Load
) -> None:
    """Of four hours said at the end of what is known but one, the first is mature; a reading later, two."""
    say(store, series, 70, 4)
    found = mature.read(store, [series])
    assert found["y"].tolist() == [71.0]
    load(hours(72, 1, series), source=series)
    prepared.follow(store, RULES, [series])
    assert mature.read(store, [series])["y"].tolist() == [71.0, 72.0]


def test_the_naive_knew_no_more_than_the_cutoff(store: Connection, series: str) -> None:
    """A day before the instant, or two where the day before lies after the cutoff."""
    say(store, series, 40, 30)
    found = mature.read(store, [series]).set_index("ds")
    at = [START + pd.Timedelta(hours=n) for n in (41, 64, 65, 70)]
    assert found.loc[at, "naive"].tolist() == [17.0, 40.0, 17.0, 22.0]


def test_only_what_was_said_live_or_in_shadow(store: Connection, series: str) -> None:
    """What-ifs, replays and backtests are never scored."""
    for purpose in ("live", "shadow", "what_if", "replay", "backtest"):
        say(store, series, 60, 2, purpose=purpose)
    assert sorted(set(mature.read(store, [series])["purpose"])) == ["live", "shadow"]


def test_an_imputed_actual_is_none(
    store: Connection, declare: Callable[..., None], load: Load
) -> None:
    """A gap that was filled in is nothing that came."""
    declare("mature/gap", source="mature/gap")
    rows = hours(0, 72, "mature/gap")
    load(rows.drop(62), source="mature/gap")
    prepared.follow(store, RULES, ["mature/gap"])
    say(store, "mature/gap", 60, 3)
    assert mature.read(store, ["mature/gap"])["y"].tolist() == [61.0, 63.0]


def test_many_vintages_are_thinned_evenly(
    store: Connection, series: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more than the most, every second, third … is read, so that the work is bounded."""
    monkeypatch.setattr(mature, "MOST_VINTAGES", 10)
    for cutoff in range(40, 65):
        say(store, series, cutoff, 1)
    found = mature.read(store, [series])
    assert found["y"].tolist() == [float(n) for n in range(41, 66, 3)]
