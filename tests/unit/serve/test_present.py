"""Vintages as JSON: the columns that were asked for, and instants in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from horizonte.contracts import QUANTILE_COLUMNS
from horizonte.serve import present
from horizonte.serve.inputs import Knowledge
from horizonte.serve.predict import Vintage
from horizonte.serve.present import Shape
from horizonte.serve.schemas import ForecastRequest

AT = pd.Timestamp("2025-01-01T10:00Z")
FACTS = {
    "unique_id": "s/a",
    "unit": "MW",
    "zone": "America/Sao_Paulo",
    "covariates": [],
    "source": "s",
}


@pytest.fixture
def vintage() -> Vintage:
    ds = pd.date_range(AT, periods=3, freq="30min")
    bands = {name: np.arange(3.0) + i for i, name in enumerate(QUANTILE_COLUMNS)}
    rows = pd.DataFrame({"unique_id": "s/a", "ds": ds, "mean": [1.0, 2.0, 3.0], **bands})
    issued = datetime(2025, 1, 2, tzinfo=UTC)
    return Vintage("s/a", "PT30M", "v", "live", Knowledge(AT, 7), AT, issued, None, rows)


def test_levels_become_interval_columns(vintage: Vintage) -> None:
    """80 is q10 to q90, 90 is q05 to q95, 50 is q25 to q75."""
    row = present.rows(vintage.rows, Shape([50, 80, 90]))[0]
    assert row == {
        "ds": "2025-01-01T10:00:00Z", "mean": 1.0, "lo_50": 2.0, "hi_50": 4.0,
        "lo_80": 1.0, "hi_80": 5.0, "lo_90": 0.0, "hi_90": 6.0,
    }  # fmt: skip


def test_without_levels_the_quantiles_come(vintage: Vintage) -> None:
    """The default is what is stored."""
    assert list(present.rows(vintage.rows, Shape())[0]) == ["ds", "mean", *QUANTILE_COLUMNS]


def test_age_is_counted_on_the_source_s_clock(vintage: Vintage) -> None:
    """Age runs from the knowledge instant to the source's now, and rows end at the horizon."""
    told = present.Told(vintage, "stored", AT + pd.Timedelta("90min"))
    said = present.forecast(told, steps=2, facts=FACTS, shape=Shape())
    assert (said.age_seconds, said.horizon, len(said.rows)) == (5400.0, 2, 2)
    assert '"cutoff":"2025-01-01T10:00:00Z"' in said.model_dump_json()


def test_quantiles_between_the_stored_ones_lie_on_the_line(vintage: Vintage) -> None:
    """A stored probability is itself; another is cut from its two neighbours, in order."""
    row = present.rows(vintage.rows, Shape(quantiles=[0.9, 0.05, 0.175]))[0]
    assert list(row) == ["ds", "mean", "q05", "q17.5", "q90"]
    assert (row["q05"], row["q17.5"], row["q90"]) == (0.0, 1.5, 5.0)


def test_names_are_asked_once_and_in_order() -> None:
    """A series named twice is answered once; one name is a list of one."""
    assert ForecastRequest(series=["b", "a", "b"]).names() == ["b", "a"]
    assert ForecastRequest(series="a").names() == ["a"]
