"""Bands: honest, ordered, within limits, and blind to the test period."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from horizonte.contracts import QUANTILE_COLUMNS
from horizonte.model.conformal import Calibration, calibrated

HORIZON = 24
META = pd.DataFrame(
    {
        "unique_id": ["a", "b"],
        "freq": "PT1H",
        "zone": "Europe/Lisbon",
        "holidays": None,
        "lower": [0.0, np.nan],
        "upper": np.nan,
    }
)


def rows(uid: str, *, cutoffs: int, start: str, seed: int, size: float = 1.0) -> pd.DataFrame:
    """Return forecasts of 100 whose errors grow with the lead and triple in the local afternoon."""
    random = np.random.default_rng(seed)
    at = pd.date_range(start, periods=cutoffs, freq="25h", tz="UTC").repeat(HORIZON)
    lead = np.tile(np.arange(1.0, HORIZON + 1), cutoffs)
    frame = pd.DataFrame({"unique_id": uid, "cutoff": at, "lead": lead, "mean": 100.0})
    frame["ds"] = frame["cutoff"] + pd.to_timedelta(lead, "h")
    wild = np.where(frame["ds"].dt.tz_convert("Europe/Lisbon").dt.hour >= 12, 3.0, 1.0)
    frame["y"] = 100 + size * wild * np.sqrt(lead) * random.normal(size=len(frame))
    return frame.assign(deviation=10 * size, unrest=size)


def banded(train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    return calibrated(test, Calibration.of(train, meta=META, horizon=HORIZON), meta=META)


def test_bands_cover_as_often_as_they_say() -> None:
    """On new rows 80 and 90 % bands cover within 3 points, in the calm and the wild hours alike."""
    test = banded(
        rows("a", cutoffs=150, start="2024-01-01", seed=1),
        rows("a", cutoffs=150, start="2025-01-01", seed=2),
    )
    for low, high, level in (("q10", "q90", 0.8), ("q05", "q95", 0.9)):
        inside = (test["y"] >= test[low]) & (test["y"] <= test[high])
        assert inside.mean() == pytest.approx(level, abs=0.03)
        wild = test["ds"].dt.tz_convert("Europe/Lisbon").dt.hour >= 12
        assert inside.groupby(wild).mean().to_numpy() == pytest.approx([level, level], abs=0.05)


def test_quantiles_are_ordered_and_within_limits() -> None:
    """Quantiles never cross, and none lies below the declared limit of the series."""
    train = rows("a", cutoffs=30, start="2024-01-01", seed=1, size=40.0)
    found = banded(train, train)
    values = found[list(QUANTILE_COLUMNS)].to_numpy()
    assert (np.diff(values, axis=1) >= 0).all()
    assert values.min() == 0.0


def test_unrest_widens_the_bands() -> None:
    """A week twice as restless as usual gives bands twice as wide."""
    train = rows("a", cutoffs=60, start="2024-01-01", seed=1)
    calm, wild = banded(train, train), banded(train, train.assign(unrest=2.0))
    ratio = (wild["q90"] - wild["q10"]) / (calm["q90"] - calm["q10"])
    np.testing.assert_allclose(ratio, 2.0)


def test_a_longer_lead_than_calibrated_widens_the_bands() -> None:
    """A target that is stale by three horizons has bands twice as wide as the last band."""
    train = rows("b", cutoffs=60, start="2024-01-01", seed=1)
    last = train[train["lead"] == HORIZON]
    near, far = banded(train, last), banded(train, last.assign(lead=4.0 * HORIZON))
    np.testing.assert_allclose(far["q90"] - 100, 2 * (near["q90"] - 100))


def test_a_series_without_residuals_borrows_from_the_panel() -> None:
    """Its bands have the panel's shape, in proportion to its own deviation."""
    train = rows("a", cutoffs=100, start="2024-01-01", seed=1)
    new = rows("b", cutoffs=100, start="2025-01-01", seed=2, size=5.0)
    found = banded(train, new)
    inside = (found["y"] >= found["q10"]) & (found["y"] <= found["q90"])
    assert inside.mean() == pytest.approx(0.8, abs=0.1)


def test_calibration_survives_json() -> None:
    """What is stored as JSON cuts bit-equal bands."""
    train = rows("a", cutoffs=20, start="2024-01-01", seed=1)
    fitted = Calibration.of(train, meta=META, horizon=HORIZON)
    import json

    again = Calibration.from_json(json.loads(json.dumps(fitted.to_json())))
    pd.testing.assert_frame_equal(
        calibrated(train, fitted, meta=META), calibrated(train, again, meta=META), check_exact=True
    )


def test_no_residuals_at_all_give_normal_bands() -> None:
    """Without any evidence bands are those of a normal with the series' deviation."""
    train = rows("a", cutoffs=5, start="2024-01-01", seed=1)
    found = banded(train.iloc[:0], train)
    assert np.isfinite(found[list(QUANTILE_COLUMNS)].to_numpy()).all()
    assert (found["q90"] > found["q10"]).all()
