"""The quick forecast end to end, on frames that users really have."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from horizonte import quick
from horizonte.contracts import QUANTILE_COLUMNS
from horizonte.errors import DataFault

COLUMNS = ["unique_id", "ds", "mean", *QUANTILE_COLUMNS]


def _series(name: object, length: int, *, seed: int = 0) -> pd.DataFrame:
    noise = np.random.default_rng(seed).normal(0, 1, length)
    t = np.arange(length)
    y = 50 + 10 * np.sin(2 * np.pi * t / 24) + noise
    return pd.DataFrame(
        {"unique_id": name, "ds": pd.date_range("2025-01-01", periods=length, freq="h"), "y": y}
    )


@pytest.fixture(scope="module")
def messy() -> pd.DataFrame:
    """Two ordinary series, a short one, a constant one, one with a gap: with duplicates among them."""
    gap = _series("gap", 400, seed=3).drop(index=range(100, 150))
    constant = _series("flat", 400).assign(y=5.0)
    parts = [
        _series("<script>", 400, seed=1),
        _series(12, 400, seed=2),
        _series("short", 9),
        gap,
        constant,
    ]
    return pd.concat([*parts, parts[0].iloc[:3]], ignore_index=True)


@pytest.fixture(scope="module")
def found(messy: pd.DataFrame) -> quick.Quick:
    return quick.run(messy, horizon=24, budget_seconds=5)


def test_every_series_is_answered_in_the_callers_words(found: quick.Quick) -> None:
    """24 rows per series under the caller's ids and naive instants, right after each last value."""
    assert list(found.forecast.columns) == COLUMNS
    assert found.forecast.groupby("unique_id").size().to_dict() == dict.fromkeys(
        ["<script>", 12, "short", "gap", "flat"], 24
    )
    first = found.forecast.groupby("unique_id")["ds"].min()
    assert first["short"] == pd.Timestamp("2025-01-01 09:00")
    assert first[12] == pd.Timestamp("2025-01-17 16:00")


def test_quantiles_are_finite_and_ordered(found: quick.Quick) -> None:
    """No quantile crosses another, for any series however poor."""
    values = found.forecast[list(QUANTILE_COLUMNS)].to_numpy()
    assert np.isfinite(values).all()
    assert (np.diff(values, axis=1) >= 0).all()


def test_a_constant_stays_constant(found: quick.Quick) -> None:
    """A series that never moved is forecast to stay."""
    flat = found.forecast[found.forecast["unique_id"] == "flat"]
    assert np.allclose(flat["mean"], 5.0)


def test_the_season_is_found(found: quick.Quick) -> None:
    """The daily wave of amplitude 10 is forecast within the noise."""
    rows = found.forecast[found.forecast["unique_id"] == 12]
    truth = 50 + 10 * np.sin(2 * np.pi * (400 + np.arange(24)) / 24)
    assert np.abs(rows["mean"].to_numpy() - truth).mean() < 1.0


def test_a_known_covariate_moves_the_forecast() -> None:
    """With the driver known ahead the forecast follows it; without, it cannot."""
    rng = np.random.default_rng(5)
    x = rng.integers(0, 2, 448).astype(float)
    ds = pd.date_range("2025-01-01", periods=448, freq="h")
    whole = pd.DataFrame(
        {"unique_id": "a", "ds": ds, "y": 100 * x + rng.normal(0, 1, 448), "price": x}
    )
    future = whole.loc[400:, ["ds", "price"]]
    told = quick.forecast(whole.iloc[:400], horizon=48, known_future=future, budget_seconds=2)
    untold = quick.forecast(whole.iloc[:400], horizon=48, budget_seconds=2)
    errors = [
        np.abs(f["mean"].to_numpy() - whole["y"].to_numpy()[400:]).mean() for f in (told, untold)
    ]
    assert errors[0] < 15 < errors[1]


def test_polars_like_frames_are_accepted() -> None:
    """Anything that turns itself into pandas is taken."""

    class Foreign:
        def to_pandas(self) -> pd.DataFrame:
            return _series("a", 100)

    assert len(quick.forecast(Foreign(), horizon=2, budget_seconds=1)) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"horizon": 0}, "horizon"),
        ({"horizon": 2.5}, "horizon"),
        ({"levels": (95,)}, "levels"),
        ({"freq": "MS"}, "freq"),
    ],
)
def test_bad_arguments_are_refused_by_name(change: dict[str, object], names: str) -> None:
    """A refusal names the argument, its value and what is allowed."""
    with pytest.raises(DataFault, match=names):
        quick.forecast(_series("a", 50), **({"horizon": 2} | change))  # type: ignore[arg-type]
