"""Issued forecasts: stored whole, read newest first, never mixed."""

from __future__ import annotations

import pandas as pd
import pytest

from horizonte.contracts import FORECAST, QUANTILE_COLUMNS, SCORE
from horizonte.errors import DataFault
from horizonte.store import evaluations, forecasts
from horizonte.store.connection import Connection


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def frame(*names: str, start: str = "2024-01-02 01:00", level: float = 0.0) -> pd.DataFrame:
    ds = pd.date_range(start, periods=3, freq="h", tz="UTC")
    parts = [
        pd.DataFrame({"unique_id": name, "ds": ds, "mean": level}
                     | {q: level + i for i, q in enumerate(QUANTILE_COLUMNS)})
        for name in names
    ]  # fmt: skip
    return FORECAST.check(pd.concat(parts))


def run(*names: str, day: str = "2024-01-02", purpose: forecasts.Purpose = "live") -> forecasts.Run:
    return forecasts.Run(purpose=purpose, model_version="m", as_of=at(day), issued_at=at(day),
                         cutoffs=dict.fromkeys(names, at(day)), code_revision="c",
                         request_id="r", timings={"predict": 0.2})  # fmt: skip


def test_vintage_comes_back_as_issued(store: Connection) -> None:
    """Rows and facts of each series of a run are read as they were given."""
    whole = forecasts.Run(
        **vars(run("back/a", "back/b")) | {"degraded": {"back/b": "stale target"}}
    )
    number = forecasts.issue(store, whole, frame("back/a", "back/b", level=4.0))
    found = forecasts.latest(store, ["back/a", "back/b", "back/none"])
    assert set(found) == {"back/a", "back/b"}
    a, b = found["back/a"], found["back/b"]
    assert a.rows.equals(frame("back/a", level=4.0))
    assert (a.run_id, a.model_version, a.cutoff) == (number, "m", at("2024-01-02"))
    assert (a.degraded, b.degraded) == (None, "stale target")
    assert (a.code_revision, a.request_id, a.as_of) == ("c", "r", at("2024-01-02"))


def test_vintages_are_newest_first_and_by_purpose(store: Connection) -> None:
    """The last issued is the latest; what-if runs are never taken for live ones."""
    for day in ("2024-01-02", "2024-01-03", "2024-01-04"):
        forecasts.issue(store, run("many", day=day), frame("many", start=f"{day} 01:00"))
    forecasts.issue(store, run("many", day="2024-01-05", purpose="what_if"),
                    frame("many", start="2024-01-05 01:00"))  # fmt: skip
    found = forecasts.vintages(store, "many", 2)
    assert [v.issued_at for v in found] == [at("2024-01-04"), at("2024-01-03")]
    assert forecasts.latest(store, ["many"])["many"].rows.equals(found[0].rows)
    assert len(forecasts.vintages(store, "many", purpose="what_if")) == 1
    assert forecasts.vintages(store, "many/none", 5) == []


def test_forecast_at_or_before_its_cutoff_is_refused(store: Connection) -> None:
    """A row that the model could have seen is no forecast, and nothing of the run is stored."""
    with pytest.raises(DataFault, match="after its cutoff"):
        forecasts.issue(store, run("early"), frame("early", start="2024-01-02"))
    with pytest.raises(DataFault, match="after its cutoff"):
        forecasts.issue(store, run("else"), frame("early"))
    assert forecasts.latest(store, ["early"]) == {}


def test_crossing_quantiles_are_refused(store: Connection) -> None:
    """Quantiles out of order raise DataFault."""
    with pytest.raises(DataFault, match="ascending"):
        forecasts.issue(store, run("cross"), frame("cross").assign(q05=9.0))


def test_scores_are_appended(store: Connection) -> None:
    """A re-score is a new row; nulls stay null."""
    facts = {"model": "m", "unique_id": "u", "bucket": "all", "rows": 9, "mase": 0.8}
    scores = SCORE.check(pd.DataFrame([dict.fromkeys(SCORE.columns) | facts]))
    for _ in range(2):
        evaluations.add(
            store, scores, model_version="v", starts_at=at("2024-01-01"), ends_at=at("2024-02-01")
        )
    found = evaluations.read(store, "v")
    assert found["mase"].tolist() == [0.8, 0.8]
    assert found["width_90"].isna().all()
