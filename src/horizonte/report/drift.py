"""The Evidently pages: drift and forecast quality, as files that load nothing from anywhere.

The only module that knows Evidently. Thresholds are ours and are passed to its tests, so that
page and verdict cannot disagree.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from horizonte.report.windows import Pair, thin

logger = logging.getLogger(__name__)
MAX_ROWS = 1_500  # of a target on the quality page


def page(pairs: Sequence[Pair], path: Path) -> dict[str, str]:
    """Write the drift page of the testable ``pairs``; return the status that it shows per column.

    A column that Evidently cannot take is left out of the page and named "not testable".
    """
    testable = [p for p in pairs if p.comparison.status != "not testable"]
    shown = {p.comparison.column: "not testable" for p in pairs}
    run = _guarded(testable)
    if run is None:
        testable = [p for p in testable if _guarded([p])]
        run = _guarded(testable)
    if run is not None:
        _save(run, path)
        shown |= _statuses(run, testable)
    return shown


def quality(backtest: pd.DataFrame, path: Path) -> list[str]:
    """Write the page of forecasts beside what happened; return the targets that it shows.

    ``backtest`` holds BACKTEST rows of one model. Rows without an actual are left out, the
    others thinned evenly to a bounded number.
    """
    evidently = _evidently()
    from evidently.presets import RegressionQuality

    seen = backtest.dropna(subset=["y", "mean"])
    ids = [str(i) for i, rows in seen.groupby("unique_id") if len(rows) >= 2]
    if not ids:
        return []
    size = min(MAX_ROWS, *(int((seen["unique_id"] == i).sum()) for i in ids))
    columns = {}
    for i in ids:
        rows = seen.loc[seen["unique_id"] == i, ["y", "mean"]].to_numpy(float)
        columns[f"{i} actual"], columns[f"{i} forecast"] = thin(rows, size).T
    tasks = [
        evidently.Regression(name=i, target=f"{i} actual", prediction=f"{i} forecast") for i in ids
    ]
    data = evidently.Dataset.from_pandas(
        pd.DataFrame(columns), evidently.DataDefinition(regression=tasks)
    )
    metrics = [
        RegressionQuality(pred_actual_plot=True, error_distr=True, regression_name=i) for i in ids
    ]
    _save(evidently.Report(metrics).run(data, None), path)
    return ids


def _run(pairs: Sequence[Pair]) -> Any:
    evidently = _evidently()
    from evidently.metrics import ValueDrift

    names = [p.comparison.column for p in pairs]
    definition = evidently.DataDefinition(numerical_columns=names)
    current = pd.DataFrame({n: pd.Series(p.current) for n, p in zip(names, pairs, strict=True)})
    reference = pd.DataFrame({n: pd.Series(p.reference) for n, p in zip(names, pairs, strict=True)})
    # Evidently calls a distance equal to the threshold a drift; ours is still no drift.
    metrics = [
        ValueDrift(
            column=p.comparison.column,
            method="wasserstein",
            threshold=float(np.nextafter(_threshold(p), np.inf)),
        )
        for p in pairs
    ]
    return evidently.Report(metrics, include_tests=True).run(
        evidently.Dataset.from_pandas(current, definition),
        evidently.Dataset.from_pandas(reference, definition),
    )


def _threshold(pair: Pair) -> float:
    return pair.comparison.threshold or 0.0


def _guarded(pairs: Sequence[Pair]) -> Any | None:
    """Run Evidently; None where it fails (or has nothing to do), so that one column cannot."""
    try:
        return _run(pairs) if pairs else None
    except Exception as why:  # noqa: BLE001 (whatever the library trips over)
        names = [p.comparison.column for p in pairs]
        logger.warning("drift not testable: columns=%s why=%s", names, why)
        return None


def _statuses(run: Any, pairs: Sequence[Pair]) -> dict[str, str]:
    found = [test["status"].value for test in run.dict()["tests"]]
    names = (p.comparison.column for p in pairs)
    return {n: "drift" if s == "FAIL" else "no drift" for n, s in zip(names, found, strict=True)}


def _save(run: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    run.save_html(str(path))


def _evidently() -> Any:
    os.environ.setdefault("DO_NOT_TRACK", "1")  # read at import: no word leaves this machine
    import evidently

    return evidently
