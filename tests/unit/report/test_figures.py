"""Figures are returned, never shown, and show what they are given."""

from __future__ import annotations

import pandas as pd
import pytest

from horizonte.contracts import QUANTILE_COLUMNS
from horizonte.report import figures

DS = pd.date_range("2020-01-01", periods=48, freq="h", tz="UTC")


def test_a_row_of_axes_per_series() -> None:
    """Vintages and quality have one row per series asked for."""
    rows = pd.DataFrame(
        {
            "unique_id": "a",
            "cutoff": DS[0],
            "ds": DS[1:],
            "y": 1.0,
            "mean": 1.0,
            **dict.fromkeys(QUANTILE_COLUMNS, 1.0),
        }
    )
    both = pd.concat([rows, rows.assign(unique_id="b")])
    assert len(figures.vintages(both, ["a", "b"]).axes) == 2
    prepared = both.assign(quality="ok")
    assert len(figures.quality(prepared, ["a"]).axes) == 1


def test_bars_and_lines_carry_their_names() -> None:
    """Models, families and series can be read off the axes and legends."""
    table = pd.DataFrame({"mean": [0.5, 1.0]}, index=["ensemble", "naive_day"])
    labels = [t.get_text() for t in figures.ranking(table, label="MASE").axes[0].get_yticklabels()]
    assert labels == ["naive_day", "ensemble"]
    cover = pd.DataFrame({"00-06h": [0.8], "06-12h": [0.7]}, index=["a/x"])
    legend = figures.coverage(cover, nominal=0.8).axes[0].get_legend()
    assert [t.get_text() for t in legend.get_texts()] == ["a/x"]
    weights = pd.DataFrame({"linear": [0.4], "naive_day": [0.6]}, index=["a/x"])
    assert len(figures.weights(weights).axes[0].patches) == 2


@pytest.mark.parametrize("count", [0, 2])
def test_issued_vintages_may_be_none(count: int) -> None:
    """Without a vintage the figure shows what happened alone."""
    parts = [
        pd.DataFrame({"cutoff": DS[n], "ds": DS[n + 1 :], "mean": 1.0, "q10": 0.0, "q90": 2.0})
        for n in range(count)
    ]
    rows = pd.concat(parts) if parts else pd.DataFrame({"cutoff": DS[:0], "ds": DS[:0]})
    figure = figures.issued(rows, pd.DataFrame({"ds": DS, "y": 1.0}), "a/x")
    assert len(figure.axes[0].lines) == count + 1
