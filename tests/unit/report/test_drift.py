"""The Evidently pages: they show what we decided, and one bad column cannot stop them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from horizonte.report import drift
from horizonte.report.windows import Pair, compare

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of the library's own imports
]
WINDOW = pd.Timedelta("P28D")


def _pair(name: str, *, shift: float = 0.0) -> Pair:
    ds = pd.date_range("2020-01-01", periods=500 * 24, freq="h", tz="UTC")
    values = pd.Series(np.random.default_rng(1).normal(size=len(ds)), index=ds)
    values.iloc[-28 * 24 :] += shift
    return compare(name, values, window=WINDOW)


def test_page_and_verdict_agree(tmp_path: Path) -> None:
    """Evidently, given our thresholds, shows our status for every column; unknown ones are named."""
    ds = pd.date_range("2020-01-01", periods=48, freq="h", tz="UTC")
    pairs = [
        _pair("steady"),
        _pair("shifted", shift=3),
        _pair("odd <name>/100 %"),
        compare("empty", pd.Series(np.nan, index=ds), window=WINDOW),
    ]
    shown = drift.page(pairs, tmp_path / "page.html")
    assert shown == {p.comparison.column: p.comparison.status for p in pairs}
    assert shown["shifted"] == "drift"
    assert shown["empty"] == "not testable"
    assert (tmp_path / "page.html").stat().st_size < 6_000_000


def test_a_column_that_breaks_the_library_is_left_out(tmp_path: Path) -> None:
    """A sample that the library cannot take is named not testable; the others stand."""
    good = _pair("good")
    broken = Pair(
        good.comparison.__class__("broken", "no drift", "", threshold=1.0), np.zeros(0), np.zeros(0)
    )
    assert drift.page([good, broken], tmp_path / "page.html") == {
        "good": good.comparison.status,
        "broken": "not testable",
    }


def test_nothing_testable_writes_no_page(tmp_path: Path) -> None:
    """Without a testable column there is no page, and no failure."""
    empty = compare(
        "e", pd.Series(dtype=float, index=pd.DatetimeIndex([], tz="UTC")), window=WINDOW
    )
    assert drift.page([empty], tmp_path / "page.html") == {"e": "not testable"}
    assert not (tmp_path / "page.html").exists()


def test_quality_page_is_bounded(tmp_path: Path) -> None:
    """Forecasts without actuals are left out, and the page stays small however many rows come."""
    rows = pd.concat(
        [
            pd.DataFrame(
                {"unique_id": f"s/{n}", "mean": np.arange(20_000.0), "y": np.arange(20_000.0) + 1}
            )
            for n in range(3)
        ]
    )
    rows.loc[rows["unique_id"] == "s/2", "y"] = np.nan
    assert drift.quality(rows, tmp_path / "q.html") == ["s/0", "s/1"]
    assert (tmp_path / "q.html").stat().st_size < 6_000_000
