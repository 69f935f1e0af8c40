"""From anybody's frame to a panel."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from horizonte.errors import DataFault
from horizonte.quick.tidy import infer, tidy

DS = pd.date_range("2025-03-01", periods=60, freq="h")


def _frame(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"unique_id": "a", "ds": DS, "y": np.arange(60.0)} | columns)


def test_the_step_is_inferred_through_gaps() -> None:
    """A missing stretch does not change the inferred step."""
    rows = _frame().drop(index=range(10, 20)).assign(ds=lambda r: r["ds"].dt.tz_localize("UTC"))
    assert infer(rows) == pd.Timedelta("1h")


def test_months_are_refused_with_the_gaps_that_were_seen() -> None:
    """Monthly data has no fixed step: the refusal shows the gaps and says what to pass."""
    months = pd.DataFrame(
        {"unique_id": "a", "ds": pd.date_range("2020-01-01", periods=30, freq="MS"), "y": 1.0}
    )
    with pytest.raises(DataFault, match="31 days") as refusal:
        tidy(months)
    assert "pass freq" in refusal.value.fix


def test_the_last_of_two_values_counts_and_is_noted() -> None:
    """The same instant twice keeps its last row, and a note says so."""
    twice = pd.concat([_frame(), _frame().iloc[[5]].assign(y=99.0)])
    panel = tidy(twice)
    assert panel.history.loc[panel.history["ds"] == DS[5].tz_localize("UTC"), "y"].tolist() == [
        99.0
    ]
    assert "1 rows repeat an instant" in panel.notes[0]


def test_columns_of_any_name_become_covariates() -> None:
    """Names that the chain uses itself, and ids of any type, do no harm."""
    panel = tidy(_frame(mean=1.0, cutoff=2.0, freq=3.0).assign(unique_id=7))
    assert panel.columns == {"x00": "mean", "x01": "cutoff", "x02": "freq"}
    assert list(panel.ids.values()) == [7]


def test_text_in_a_covariate_is_refused() -> None:
    """A column that is not numbers is named, with what to do."""
    with pytest.raises(DataFault, match=r"frame\.sky") as refusal:
        tidy(_frame(sky="grey"))
    assert "encode" in refusal.value.fix


def test_a_known_covariate_must_have_a_past() -> None:
    """A column only in known_future cannot be learnt from and is refused by name."""
    future = pd.DataFrame(
        {"ds": pd.date_range("2025-03-03 12:00", periods=3, freq="h"), "wind": 1.0}
    )
    with pytest.raises(DataFault, match="wind"):
        tidy(_frame(), known_future=future)


def test_rows_off_the_grid_are_left_out_and_noted() -> None:
    """One instant at 05:07 does not shift an hourly grid."""
    ds = DS.to_series().reset_index(drop=True)
    ds[5] = ds[5] + pd.Timedelta("7min")
    panel = tidy(_frame(ds=ds), freq="1h")
    assert len(panel.history) == 60
    assert "1 rows lie off the PT1H grid" in panel.notes[0]
