"""The supervised matrix looks back only, and reads what it says it reads."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from horizonte.prepare.features import Cells, matrix, serving_cells, targets, training_cells
from horizonte.prepare.windows import Windows, windows

HORIZON = 48
META = pd.DataFrame({"unique_id": ["a", "b"], "zone": "Australia/Melbourne", "holidays": "AU-VIC"})


def panel(hours: int = 60 * 24, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    parts = []
    for uid, first in (("a", "2024-03-01"), ("b", "2024-03-08")):
        ds = pd.date_range(first, periods=hours, freq="h", tz="UTC")
        part = pd.DataFrame({"unique_id": uid, "ds": ds, "y": random.normal(50, 9, hours)})
        parts.append(
            part.assign(heat=random.normal(size=hours), event=random.integers(0, 2, hours))
        )
    frame = pd.concat(parts, ignore_index=True)
    frame.loc[random.choice(len(frame), 200, replace=False), "y"] = np.nan
    return frame


def view(history: pd.DataFrame, future: pd.DataFrame | None = None) -> Windows:
    return windows(history, freq_="PT1H", horizon=HORIZON, known_future=future)


def cells_of(cutoffs: np.ndarray, row: int = 0) -> Cells:
    lead = np.tile([1, 7, 24, HORIZON], len(cutoffs))
    return Cells(np.full(len(lead), row), np.repeat(cutoffs, 4), lead)


def test_rows_after_a_cutoff_change_nothing_of_it() -> None:
    """Altering or deleting anything after 50 random cutoffs leaves their features bit-equal."""
    history = panel()
    future = history[["unique_id", "ds", "event"]]
    whole = view(history, future)
    random = np.random.default_rng(3)
    for cutoff in random.integers(200, whole.length - HORIZON, 50):
        expected = matrix(whole, cells_of(np.array([cutoff])), meta=META)
        y, heat = whole.y.copy(), whole.covariates["heat"].copy()
        y[:, cutoff + 1 :] = random.choice([np.nan, 1e9], size=y[:, cutoff + 1 :].shape)
        heat[:, cutoff + 1 :] = np.nan
        changed = Windows(
            whole.unique_id,
            whole.cutoff,
            y,
            {"heat": heat, "event": whole.covariates["event"]},
            whole.future,
            whole.freq,
            HORIZON,
        )
        found = matrix(changed, cells_of(np.array([cutoff])), meta=META)
        np.testing.assert_array_equal(found.values, expected.values)
        np.testing.assert_array_equal(found.level, expected.level)


def test_training_and_serving_rows_are_the_same() -> None:
    """A cutoff inside a long history and the same cutoff at its end give the same features."""
    history = panel()
    known = history[["unique_id", "ds", "event"]]
    whole = view(history, known)
    cutoff = whole.cutoff[0] - np.timedelta64(72, "h")
    seen = history[
        (history["unique_id"] == "a") & (history["ds"] <= pd.Timestamp(cutoff, tz="UTC"))
    ]
    served = matrix(one := view(seen, known), serving_cells(one), meta=META)
    inside = Cells(
        np.zeros(HORIZON, int), np.full(HORIZON, whole.length - 73), np.arange(1, HORIZON + 1)
    )
    trained = matrix(whole, inside, meta=META)
    assert served.names == trained.names
    np.testing.assert_allclose(served.values, trained.values, rtol=0, atol=1e-9)


def test_a_row_is_the_same_alone_and_among_others() -> None:
    """Features of one series do not depend on the series and lengths beside it."""
    history = panel()
    both, alone = view(history), view(history[history["unique_id"] == "b"])
    first = matrix(both, serving_cells(both), meta=META).values[HORIZON:]
    np.testing.assert_array_equal(first, matrix(alone, serving_cells(alone), meta=META).values)


@pytest.mark.parametrize("stale", [0, 1, 30, 200])
def test_lags_and_lead_count_from_the_last_observation(stale: int) -> None:
    """A stale target is read at its last observation; the same time of day is the newest one seen."""
    y = np.arange(40.0 * 24)
    y[len(y) - stale :] = np.nan
    ds = pd.date_range("2024-01-01", periods=len(y), freq="h", tz="UTC")
    one = view(pd.DataFrame({"unique_id": "a", "ds": ds, "y": y}))
    built = matrix(one, serving_cells(one), meta=META)
    column = dict(zip(built.names, built.values.T, strict=True))
    np.testing.assert_array_equal(column["lead"], stale + np.arange(1, HORIZON + 1))
    back = -(-column["lead"] // 24) * 24
    expected = len(y) - 1 + np.arange(1, HORIZON + 1) - back
    np.testing.assert_allclose(column["day_0"] * built.scale + built.level, expected, rtol=1e-9)


def test_training_draws_observed_targets_within_the_horizon() -> None:
    """Every training cell has an observed target after an observed history, at a lead up to the horizon."""
    whole = view(panel())
    cells = training_cells(whole, count=5000, seed=7)
    assert np.isfinite(targets(whole, cells)).all()
    assert cells.lead.min() == 1
    assert cells.lead.max() == HORIZON
    assert np.bincount(cells.row).tolist() == [2500, 2500]
    again = training_cells(whole, count=5000, seed=7)
    np.testing.assert_array_equal(cells.lead, again.lead)


@pytest.mark.parametrize("length", [1, 3, 30, 200])
def test_short_and_empty_histories_are_answered(length: int) -> None:
    """A history of any length gives a row per lead, with NaN where nothing is known."""
    ds = pd.date_range("2024-01-01", periods=length, freq="h", tz="UTC")
    one = view(pd.DataFrame({"unique_id": "a", "ds": ds, "y": np.full(length, np.nan)}))
    built = matrix(one, serving_cells(one), meta=META)
    assert built.values.shape[0] == HORIZON
    assert len(training_cells(one, count=100, seed=1)) == 0
