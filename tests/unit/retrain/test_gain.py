"""The realised gain: what is said of it when, and how often daily looks cry harm for nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from horizonte.contracts import QUANTILE_COLUMNS
from horizonte.policy import Gate
from horizonte.retrain import paired
from horizonte.retrain.gain import EARLIEST, LOOKS, gain

POLICY = Gate(days=28, gain=0.01, alpha=0.05, coverage=0.12, answer_seconds=10)
START = pd.Timestamp("2026-01-01T06:00Z")
NORMAL = np.array([-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645])


def rows(live: float, *, days: int, name: str = "a") -> pd.DataFrame:
    """Mature rows of twelve-hour forecasts whose errors are ``live`` times those of the shadow."""
    draw, parts = np.random.default_rng(2), []
    for day in range(days):
        as_of = START + pd.Timedelta(days=day)
        ds = [as_of + pd.Timedelta(hours=h) for h in range(1, 13)]
        error, off = draw.normal(0, 1, 12), draw.normal(0, 0.05, 12)
        for model, moved, by in (("live", live * error + off, live), ("shadow", error, 1.0)):
            bands = {c: 10 + moved + by * z for c, z in zip(QUANTILE_COLUMNS, NORMAL, strict=True)}
            facts = {"model": model, "unique_id": name, "as_of": as_of, "cutoff": as_of, "ds": ds}
            parts.append(pd.DataFrame({**facts, "y": 10.0, "mean": 10 + moved, **bands}))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize(("live", "days", "said"), [
    (0.7, 28, "helped"),
    (1.4, 28, "harmed"),
    (1.0, 28, "no difference"),
    (1.0, 20, "too early"),
    (1.4, 6, "too early"),
])  # fmt: skip
def test_what_is_said(live: float, days: int, said: str) -> None:
    """Certain either way once there are seven days, and no difference only at the end."""
    found = gain(rows(live, days=days), policy=POLICY)
    assert found is not None
    assert (found.said, found.days) == (said, days)
    assert found.low <= found.gain <= found.high


def test_fewer_than_four_days_say_nothing_at_all() -> None:
    """Not even a number; nor does a table without rows."""
    assert gain(rows(0.5, days=3), policy=POLICY) is None
    assert gain(rows(0.5, days=3).head(0), policy=POLICY) is None


def test_a_certain_loss_too_small_to_matter_is_no_harm() -> None:
    """Less than the least gain is nothing to go back for."""
    said = gain(rows(1.4, days=28), policy=POLICY.model_copy(update={"gain": 0.5}))
    assert said is not None
    assert said.high < 0
    assert said.said == "no difference"


def test_a_sensor_replaced_is_not_held_against_a_forecast_from_before() -> None:
    """Only vintages from after the replacement count where it stands between."""
    at = START + pd.Timedelta(days=20, hours=-6)
    whole, cut = (gain(rows(0.7, days=28), policy=POLICY, replaced=r) for r in ([], [("a", at)]))
    assert whole is not None
    assert cut is not None
    assert (whole.days, cut.days) == (28, 28)
    late = gain(rows(0.7, days=28), policy=POLICY, replaced=[("a", at - pd.Timedelta(hours=12))])
    assert late is not None
    assert late.days == 27


@pytest.mark.parametrize("rho", [0.0, 0.4])
def test_looking_every_day_seldom_cries_harm_for_nothing(rho: float) -> None:
    """Of equal versions at most 6 in 100 are called harmful on any of the days until the end."""
    noise = np.random.default_rng(8).normal(size=(300, 128))
    for day in range(1, noise.shape[1]):
        noise[:, day] += rho * noise[:, day - 1]
    level = POLICY.alpha / LOOKS
    cried = [
        any(paired.paired(own[:n], alpha=level).high < 0 for n in range(EARLIEST, 29))
        for own in noise[:, 100:]
    ]
    assert np.mean(cried) <= 0.06
